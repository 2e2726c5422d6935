// A door of a fleet, put together from its parts.
import type { FleetConfig } from '../config/fleet-schema.js';
import { DoorAdmin } from '../fleet/door-admin.js';
import { DoorJoin } from '../fleet/door-join.js';
import { DoorMembership } from '../fleet/door-membership.js';
import { FleetDoor } from '../fleet/fleet-door.js';
import type { FleetLog } from '../fleet/fleet-log.js';
import type { FleetConnection } from '../fleet/fleet-records.js';
import { FolderLog } from '../fleet/folder-log.js';
import { JoinedFleet } from '../fleet/joined-fleet.js';
import { openNatsDoorLog } from '../fleet/nats/nats-transport.js';
import { Proposer } from '../fleet/proposer.js';
import { writeReport } from '../fleet/report.js';
import { createUplink } from './event-uplink.js';
import { makeFolderOptions, type FleetBase, type FleetInputs, type FleetMember } from './fleet-member.js';

const HOUR_MS = 3_600_000;

export function createDoor(base: FleetBase, inputs: FleetInputs, fleet: FleetConfig): FleetMember {
  const { config, version, clock, monotonic, timers, log } = base;
  const { modelVersions } = inputs;
  const { store, audit, gallery, keys } = inputs.storage;
  const joined = new JoinedFleet({ store, audit, clock });
  const joining = new DoorJoin({
    joined,
    clock,
    describe: () => ({ name: config.deviceId, softwareVersion: version, models: [...modelVersions] }),
  });
  const part: FleetDoor = new FleetDoor({
    joined,
    joining,
    membership: new DoorMembership(joined),
    openLog: (connection, id) => openLog(base, fleet, connection, id),
    gallery,
    findOwner: () => keys.appKeys.findId(fleet.appKey),
    hasModel: (modelVersion) => modelVersions.includes(modelVersion),
    writeReport: (door, { isLeaving }) => writeReport(joined, describeDoor(base, inputs, fleet, door, isLeaving)),
    onConnect: (fleetLog) => connect(base, inputs, fleet, joined, fleetLog),
    onRefused: (groupId, { reason, detail, version: refused }) => {
      const subject = { what: 'head', groupId, reason, ...(refused !== undefined && { version: refused }) };
      log.error({ groupId, reason }, `the log of the fleet shows what is refused: ${detail}`);
      void audit.append({ action: 'fleet.attacked', actor: 'fleet', subject }).catch(() => undefined);
    },
    maxStaleMs: fleet.maxStaleHours * HOUR_MS,
    renewMs: fleet.renewSeconds * 1_000,
    clock,
    monotonic,
    random: Math.random,
    timers,
    log,
  });
  return {
    part,
    admin: new DoorAdmin({ door: part, joined, joining, name: config.deviceId }),
    isStale: (ref) => part.isStale(ref),
  };
}

function describeDoor(
  { version }: FleetBase,
  { modelVersions, events, storage, describeHealth }: FleetInputs,
  { maxStaleHours }: FleetConfig,
  door: FleetDoor,
  isLeaving: boolean,
): Parameters<typeof writeReport>[1] {
  const followed = door.listCopies().map(({ group, status }) => {
    const { version: applied, root, epoch, issuedAt, state } = status;
    return { group, version: applied, root, epoch, state, ...(issuedAt !== undefined && { issuedAt }) };
  });
  // A group that is missing in a report is one of which the door holds nothing: a copy counts until it is deleted.
  const leftover = storage.gallery.copies
    .list()
    .filter(({ group }) => !followed.some((one) => one.group === group))
    .map(({ group }) => ({ group, version: 0, root: '', epoch: 0, state: 'stale' as const }));
  return {
    softwareVersion: version,
    models: [...modelVersions],
    ...describeHealth(),
    maxStaleHours,
    groups: [...followed, ...leftover],
    auditHead: storage.audit.head,
    refusals: door.countRefusals(),
    eventKeys: events ? [events.publicKey.publicKeyJwk.x] : [],
    ...(isLeaving && { isLeaving }),
  };
}

function openLog(base: FleetBase, { folder, servers }: FleetConfig, connection: FleetConnection, id: string): FleetLog {
  const place = folder ?? (servers ? undefined : connection.folder);
  if (place !== undefined) return new FolderLog(makeFolderOptions(place, base));
  return openNatsDoorLog({ ...connection, ...(servers && { servers }) }, { fleet: id, logger: base.log });
}

/** Begins to send events, and to hand up enrolments. @returns the function that ends both */
function connect(
  base: FleetBase,
  { storage, events }: FleetInputs,
  { events: allowed, proposals }: FleetConfig,
  joined: JoinedFleet,
  fleetLog: FleetLog,
): () => Promise<void> {
  const { clock, monotonic, log } = base;
  const { gallery } = storage;
  const { identity, authority, fleet: fleetId, membership } = joined;
  if (!identity || !authority || fleetId === undefined || !membership) return async () => undefined;
  const proposer = proposals
    ? new Proposer({ fleet: fleetLog, fleetId, door: identity, authority, clock, monotonic, log })
    : undefined;
  if (proposer) gallery.proposeEnrolment = proposer.propose;
  const uplink = createUplink(base, {
    ...{ events, storage, fleetLog, authority },
    member: identity,
    form: allowed === 'none' ? 'none' : membership.events,
  });
  void uplink?.start();
  return async () => {
    gallery.proposeEnrolment = undefined;
    proposer?.stop();
    await uplink?.stop();
  };
}
