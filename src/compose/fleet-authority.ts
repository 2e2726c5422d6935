// The authority of a fleet, put together from its parts.
import { randomBytes } from 'node:crypto';
import type { FleetConfig } from '../config/fleet-schema.js';
import { AuthorityAdmin } from '../fleet/authority-admin.js';
import { AuthorityState } from '../fleet/authority-state.js';
import type { AuthorityTransport } from '../fleet/authority-transport.js';
import { FleetAuthority, type AuthorityDesk } from '../fleet/fleet-authority.js';
import { FleetEvents, type FleetEventDoor } from '../fleet/fleet-events.js';
import { createFolderTransport } from '../fleet/folder-transport.js';
import type { GroupLines } from '../fleet/group-lines.js';
import { publishIdentity } from '../fleet/identity.js';
import { INVITE_LIFE_MS, Invites } from '../fleet/invites.js';
import { JoinDesk } from '../fleet/join-desk.js';
import { Memberships } from '../fleet/memberships.js';
import { createNatsTransport } from '../fleet/nats/nats-transport.js';
import { ProposalDesk } from '../fleet/proposal-desk.js';
import { ProposalRecords } from '../fleet/proposal-records.js';
import { PublishedGroups } from '../fleet/published-groups.js';
import { Reports } from '../fleet/reports.js';
import { openSealed } from '../fleet/sealed-box.js';
import { createUplink, makeEventLabel } from './event-uplink.js';
import { makeFolderOptions, type FleetBase, type FleetInputs, type FleetMember } from './fleet-member.js';

const HOUR_MS = 3_600_000;
/** Reports that a door may miss before it counts as silent. */
const SILENT_RENEWALS = 3;

interface DeskInputs {
  state: AuthorityState;
  transport: AuthorityTransport;
  groups: GroupLines;
}

export function createAuthority(base: FleetBase, inputs: FleetInputs, fleet: FleetConfig): FleetMember {
  const { config, clock, timers, log } = base;
  const { store, audit, gallery, keys } = inputs.storage;
  const { maxStaleHours, renewSeconds } = fleet;
  const state = new AuthorityState({ store, audit, clock, name: config.deviceId });
  const part = new FleetAuthority({
    state,
    published: new PublishedGroups({ store, randomBytes }),
    openTransport: () => openTransport(base, state, fleet),
    createDesk: (transport, groups) => createDesk(base, inputs, fleet, { state, transport, groups }),
    gallery,
    findOwner: () => keys.appKeys.findId(fleet.appKey),
    groups: fleet.groups,
    renewMs: renewSeconds * 1_000,
    headLifeMs: maxStaleHours * HOUR_MS,
    clock,
    random: Math.random,
    timers,
    log,
  });
  const silentMs = SILENT_RENEWALS * renewSeconds * 1_000;
  const admin = new AuthorityAdmin({ authority: part, state, maxStaleHours, silentMs, clock });
  return { part, admin, isStale: () => false };
}

async function openTransport(
  base: FleetBase,
  state: AuthorityState,
  { folder, servers = [], eventsMaxAgeHours, eventsMaxBytes }: FleetConfig,
): Promise<AuthorityTransport> {
  const { clock, log } = base;
  const retention = { maxAgeMs: eventsMaxAgeHours * HOUR_MS, maxBytes: eventsMaxBytes };
  if (folder !== undefined) return createFolderTransport({ ...makeFolderOptions(folder, base), retention, clock });
  return createNatsTransport({ state, servers, retention, clock, randomBytes, logger: log });
}

function createDesk(
  base: FleetBase,
  inputs: FleetInputs,
  { events, maxStaleHours, proposals }: FleetConfig,
  { state, transport, groups }: DeskInputs,
): AuthorityDesk {
  const { clock, monotonic } = base;
  const { log, connection, makeInviteCredentials, makeDoorCredentials, revoke } = transport;
  const memberships = new Memberships({
    state,
    log,
    clock,
    listGroups: () => groups.listShared(),
    settings: () => ({ connection, events, maxStaleHours }),
    beginEpochs: (groupIds) => groups.beginEpochs(groupIds),
    revoke,
  });
  const ownKeys = inputs.events ? [inputs.events.publicKey.publicKeyJwk.x] : [];
  const listDoors = (): FleetEventDoor[] => [
    { id: state.fleet, name: state.name, eventKeys: ownKeys },
    ...state.doors.map(({ id, name }) => ({ id, name, eventKeys: state.report(id)?.report.eventKeys ?? [] })),
  ];
  const own = { member: state.identity, authority: publishIdentity(state.identity), form: events };
  const uplink = createUplink(base, { ...inputs, fleetLog: log, ...own });
  const open = (door: string, sealed: Buffer): Uint8Array =>
    openSealed(state.identity.sealing, makeEventLabel(door), sealed);
  return {
    memberships,
    joins: new JoinDesk({ state, log, clock, memberships, makeCredentials: makeDoorCredentials }),
    reports: new Reports({ state, log, clock, memberships }),
    invites: new Invites({
      state,
      clock,
      findConnection: async () => connection,
      makeCredentials: makeInviteCredentials && ((join) => makeInviteCredentials(join, clock() + INVITE_LIFE_MS)),
    }),
    events: new FleetEvents({ fleet: log, listDoors, open, monotonic }),
    companions: [
      ...(proposals ? [createProposalDesk(base, inputs, { state, transport, groups })] : []),
      ...(uplink ? [uplink] : []),
    ],
  };
}

function createProposalDesk(
  { clock, log }: FleetBase,
  { storage, findScales }: FleetInputs,
  { state, transport, groups }: DeskInputs,
): ProposalDesk {
  const { gallery, store, audit } = storage;
  return new ProposalDesk({
    fleet: transport.log,
    identity: state.identity,
    findDoor: (id) => state.door(id),
    findGroup: (group) => groups.findRef(group),
    gallery,
    findScales,
    records: new ProposalRecords(store),
    clock,
    log,
    onForged: (door, reason) => {
      const subject = { door, what: 'proposal', reason };
      void audit.append({ action: 'fleet.attacked', actor: 'fleet', subject }).catch(() => undefined);
    },
  });
}
