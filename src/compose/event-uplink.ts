// The way of a member's own events into the log of its fleet.
import { EventUplink } from '../fleet/event-uplink.js';
import type { FleetLog } from '../fleet/fleet-log.js';
import type { FleetIdentity, PublicIdentity } from '../fleet/identity.js';
import { sealFor } from '../fleet/sealed-box.js';
import { nameEventStream } from '../fleet/subjects.js';
import { SealedUplinkState } from '../fleet/uplink-state.js';
import type { FleetBase, FleetInputs } from './fleet-member.js';

const HOUR_MS = 3_600_000;

export interface UplinkInputs extends Pick<FleetInputs, 'events' | 'storage'> {
  fleetLog: FleetLog;
  /** The member that has the events. */
  member: FleetIdentity;
  authority: PublicIdentity;
  form: 'none' | 'sealed' | 'plain';
}

/** @returns undefined where no events are sent */
export function createUplink(
  { config, clock, monotonic, log }: FleetBase,
  { events, storage, fleetLog, member, authority, form }: UplinkInputs,
): EventUplink | undefined {
  if (!events || form === 'none') return undefined;
  const { maxAgeHours } = config.events;
  // The log keeps nothing that is older, so nothing older is sent to it again.
  const resendMaxAgeMs = Math.min(maxAgeHours, config.fleet?.eventsMaxAgeHours ?? maxAgeHours) * HOUR_MS;
  const uplink = new EventUplink({
    fleet: fleetLog,
    door: member.id,
    ...events.fleetHistory,
    feed: { readAfter: (sequence, limit) => events.readAfter(sequence, limit), watch: (on) => events.watch(on) },
    ...(form === 'sealed' && {
      seal: (message: Uint8Array) => sealFor(authority.sealing, makeEventLabel(member.id), message),
    }),
    state: new SealedUplinkState(storage.store),
    resendMaxAgeMs,
    clock,
    monotonic,
    random: Math.random,
    log,
  });
  events.uplinkHealth = () => uplink.health();
  return uplink;
}

/** Names what the events of a member are sealed for. @param member id */
export function makeEventLabel(member: string): string {
  return nameEventStream(member).replace('.', '/');
}
