// Routes of the fleet: its state, invitations, the approval and removal of doors, the proof of deletion, and joining.
import * as z from 'zod';
import { GROUP_ID_PATTERN } from '../../domain/ids.js';
import { clientError } from '../../errors.js';
import { findDoor, isSameFingerprint } from '../../fleet/fleet-requests.js';
import type { FleetAdmin, FleetDoorStatus } from '../../fleet/fleet.types.js';
import {
  fleetAnswer,
  fleetDoorAnswer,
  fleetInvitationAnswer,
  fleetJoinAnswer,
  fleetProofAnswer,
} from './fleet-answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import type { DeviceServices } from './services.js';

/** An invitation names its servers, and may hold their certificate. */
const MAX_TOKEN_CHARACTERS = 12_000;
const MAX_GROUPS = 1_000;

const groupId = z.string().regex(GROUP_ID_PATTERN, 'must have 1 to 255 of: a to z, 0 to 9, -');

const fingerprint = z
  .string()
  .min(1)
  .max(100)
  .optional()
  .meta({ description: 'The fingerprint that was compared: another one is refused with FLEET_CONFLICT.' });

/** Refusals of every change. */
const CHANGE = ['FLEET_ROLE', 'FLEET_CONFLICT', 'FLEET_UNREACHABLE', 'STORE_UNAVAILABLE', 'STOPPED'] as const;

export const fleetRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showFleet',
    summary: 'The role of this device in the fleet, its groups, and at the authority the doors',
    description: 'A device that is in no fleet has the role `alone`, and no other operation of the fleet is possible.',
    method: 'GET',
    path: '/fleet',
    role: 'viewer',
    data: fleetAnswer,
    handle: async (services) => ({ json: describeFleet(services) }),
  }),
  deviceRoute({
    name: 'inviteDoor',
    summary: 'Make a token with which one door can ask to join; at the authority',
    description:
      'The token is valid once, and for 15 minutes. Whoever has it can ask to join; the door gets nothing before it is approved.',
    method: 'POST',
    path: '/fleet/invites',
    role: 'admin',
    data: fleetInvitationAnswer,
    refusals: CHANGE,
    handle: async (services, { actor }) => ({ json: await requireFleet(services).invite({ actor }) }),
  }),
  deviceRoute({
    name: 'approveDoor',
    summary: 'Give a waiting door the copies of the groups; at the authority',
    description: 'Compare its fingerprint before. A door is named by its id, a unique beginning of it, or its name.',
    method: 'POST',
    path: '/fleet/doors/:door/approve',
    role: 'admin',
    body: z.strictObject({
      groups: z
        .array(groupId)
        .min(1)
        .max(MAX_GROUPS)
        .optional()
        .meta({ description: 'Groups that the door is given; by default all that the fleet shares.' }),
      fingerprint,
    }),
    data: fleetDoorAnswer,
    refusals: ['DOOR_NOT_FOUND', 'GROUP_NOT_FOUND', ...CHANGE],
    handle: async (services, { params: { door }, body, actor }) => {
      const fleet = requireFleet(services);
      if (body.fingerprint !== undefined) requireFingerprint(fleet, door, body.fingerprint);
      const { groups } = body;
      return { json: describeDoor(await fleet.approve(door, { actor, ...(groups && { groups }) })) };
    },
  }),
  deviceRoute({
    name: 'refuseDoor',
    summary: 'Turn a waiting door away; at the authority',
    method: 'POST',
    path: '/fleet/doors/:door/refuse',
    role: 'admin',
    data: fleetDoorAnswer,
    refusals: ['DOOR_NOT_FOUND', ...CHANGE],
    handle: async (services, { params: { door }, actor }) => ({
      json: describeDoor(await requireFleet(services).refuse(door, { actor })),
    }),
  }),
  deviceRoute({
    name: 'removeDoor',
    summary: 'Remove a door from the fleet; at the authority',
    description:
      'Its credentials are revoked, and each of its groups gets a new epoch, whose keys the door does not get. The door deletes its copies ' +
      'when it hears of this; a door that hears nothing refuses everybody of its copies after `fleet.maxStaleHours`.',
    method: 'DELETE',
    path: '/fleet/doors/:door',
    role: 'admin',
    data: fleetDoorAnswer,
    refusals: ['DOOR_NOT_FOUND', ...CHANGE],
    handle: async (services, { params: { door }, actor }) => ({
      json: describeDoor(await requireFleet(services).remove(door, { actor })),
    }),
  }),
  deviceRoute({
    name: 'showFleetProof',
    summary: 'Which doors have proved that they hold nobody who was deleted; at the authority',
    description: 'Each door signs a receipt of the version that it holds, with the root hash of the group.',
    method: 'GET',
    path: '/fleet/proof',
    role: 'viewer',
    query: z.strictObject({ group: groupId.optional().meta({ description: 'Id of a group; by default all.' }) }),
    data: fleetProofAnswer,
    refusals: ['GROUP_NOT_FOUND', 'FLEET_ROLE', 'STORE_UNAVAILABLE', 'STOPPED'],
    handle: async (services, { query: { group } }) => {
      const { proved, waiting, ...rest } = await requireFleet(services).proof(
        group === undefined ? {} : { groupId: group },
      );
      return { json: { ...rest, proved: [...proved], waiting: [...waiting] } };
    },
  }),
  deviceRoute({
    name: 'joinFleet',
    summary: 'Ask to join the fleet that a token is of; at a door',
    description:
      'The door makes its keys and waits until it is approved at the authority. Compare both fingerprints there. ' +
      '`joining` of `GET /fleet` says what came of it.',
    method: 'POST',
    path: '/fleet/join',
    role: 'admin',
    body: z.strictObject({
      token: z
        .string()
        .min(1)
        .max(MAX_TOKEN_CHARACTERS)
        .meta({ description: 'Of `POST /fleet/invites` or `lintel fleet invite`.' }),
    }),
    data: fleetJoinAnswer,
    refusals: ['TOKEN_INVALID', ...CHANGE],
    handle: async (services, { body: { token }, actor }) => {
      const joined = await requireFleet(services).join(token.trim(), { actor });
      const { door, fingerprint, authority, authorityFingerprint } = joined;
      return { json: { door, fingerprint, authority, authorityFingerprint } };
    },
  }),
  deviceRoute({
    name: 'leaveFleet',
    summary: 'Leave the fleet: delete the copies, the keys and the membership; at a door',
    method: 'DELETE',
    path: '/fleet/membership',
    role: 'admin',
    data: fleetAnswer,
    refusals: ['FLEET_NOT_JOINED', ...CHANGE],
    handle: async (services, { actor }) => {
      await requireFleet(services).leave({ actor });
      return { json: describeFleet(services) };
    },
  }),
];

/** @throws AppError FLEET_ROLE: the device is in no fleet */
function requireFleet({ fleet }: Pick<DeviceServices, 'fleet'>): FleetAdmin {
  if (fleet) return fleet;
  throw clientError('FLEET_ROLE', 'This device is in no fleet: its configuration has no section fleet.');
}

/** Refuses a door whose keys are not those that somebody has compared. @throws AppError DOOR_NOT_FOUND, FLEET_CONFLICT */
function requireFingerprint(fleet: FleetAdmin, door: string, compared: string): void {
  if (isSameFingerprint(findDoor(fleet.status(), door, 'waiting').fingerprint, compared)) return;
  throw clientError('FLEET_CONFLICT', 'The fingerprint of this door is not the one that you compared.');
}

function describeFleet({ fleet, info }: Pick<DeviceServices, 'fleet' | 'info'>): z.output<typeof fleetAnswer> {
  if (!fleet) return { role: 'alone', name: info().deviceId, groups: [], doors: [] };
  const { role, name, fleet: id, fingerprint, log, groups, doors, problem, joining } = fleet.status();
  return {
    ...{ role, name, log, groups: [...groups], doors: doors.map(describeDoor) },
    ...(id !== undefined && { fleet: id }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(problem !== undefined && { problem }),
    ...(joining && { joining }),
  };
}

function describeDoor({
  models,
  problems,
  groups,
  allowed,
  ...rest
}: FleetDoorStatus): z.output<typeof fleetDoorAnswer> {
  return {
    ...rest,
    models: [...models],
    problems: [...problems],
    groups: [...groups],
    ...(allowed && { allowed: [...allowed] }),
  };
}
