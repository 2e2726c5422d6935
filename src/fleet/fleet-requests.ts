// The requests by which the command line reaches the fleet through the running service, and their answers.
import { AppError } from '../errors.js';
import type { AdminRoute } from '../platform/admin-socket.js';
import type { FleetAdmin, FleetDoorStatus, FleetStatus } from './fleet.types.js';

/** Paths on the admin socket. `status`, `proof` and `events` are read with GET, the others change something with POST. */
export const FLEET_PATHS = {
  status: '/fleet',
  proof: '/fleet/proof',
  events: '/fleet/events',
  invite: '/fleet/invite',
  approve: '/fleet/approve',
  refuse: '/fleet/refuse',
  remove: '/fleet/remove',
  serverFiles: '/fleet/server-files',
  join: '/fleet/join',
  leave: '/fleet/leave',
} as const;

/** Answer of `POST /fleet/join`. */
export type JoinAnswer = Awaited<ReturnType<FleetAdmin['join']>>;

export interface FleetParameters {
  /** Id of a door. */
  door?: string | undefined;
  /** Fingerprint of that door, as a person has compared it. */
  fingerprint?: string | undefined;
  /** Ids of groups. */
  group?: readonly string[] | undefined;
  /** Names and addresses of a NATS server. */
  host?: readonly string[] | undefined;
  token?: string | undefined;
  /** `yes`: wait for further events. */
  follow?: 'yes' | undefined;
}

const BY = { actor: 'cli' } as const;

/** Returns the path of a request with its parameters. */
export function makeFleetRequest(path: string, parameters: FleetParameters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters) as [string, string | readonly string[] | undefined][]) {
    for (const one of value === undefined ? [] : [value].flat()) query.append(name, one);
  }
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/**
 * Creates the routes of the admin socket. Each answers with JSON; the events are JSON lines.
 * @param fleet undefined where the service stands alone: each route then answers with FLEET_ROLE
 */
export function createFleetRoutes(fleet: FleetAdmin | undefined): Record<string, AdminRoute> {
  const mustHaveFleet = (): FleetAdmin => {
    if (fleet) return fleet;
    throw new AppError(
      'FLEET_ROLE',
      'the running service is in no fleet: set fleet.role to authority or door in its configuration, and restart it',
    );
  };
  const answer = (work: (fleet: FleetAdmin, asked: URLSearchParams) => object | Promise<object | void>): AdminRoute =>
    async function* (asked) {
      yield Buffer.from(JSON.stringify((await work(mustHaveFleet(), asked)) ?? {}));
    };
  return {
    [`GET ${FLEET_PATHS.status}`]: answer((all) => all.status()),
    [`GET ${FLEET_PATHS.proof}`]: answer((all, asked) => all.proof({ groupId: asked.get('group') ?? undefined })),
    [`GET ${FLEET_PATHS.events}`]: (asked, signal) =>
      mustHaveFleet().readEvents({
        door: asked.get('door') ?? undefined,
        follow: asked.get('follow') === 'yes',
        signal,
      }),
    [`POST ${FLEET_PATHS.invite}`]: answer((all) => all.invite(BY)),
    [`POST ${FLEET_PATHS.approve}`]: answer((all, asked) => {
      const door = mustName(asked, 'door');
      checkFingerprint(all.status(), door, asked.get('fingerprint'));
      const groups = asked.getAll('group');
      return all.approve(door, { ...BY, groups: groups.length > 0 ? groups : undefined });
    }),
    [`POST ${FLEET_PATHS.refuse}`]: answer((all, asked) => all.refuse(mustName(asked, 'door'), BY)),
    [`POST ${FLEET_PATHS.remove}`]: answer((all, asked) => all.remove(mustName(asked, 'door'), BY)),
    [`POST ${FLEET_PATHS.serverFiles}`]: answer((all, asked) =>
      all.makeServerFiles({ ...BY, hosts: asked.getAll('host') }),
    ),
    [`POST ${FLEET_PATHS.join}`]: answer((all, asked) => all.join(mustName(asked, 'token'), BY)),
    [`POST ${FLEET_PATHS.leave}`]: answer((all) => all.leave(BY)),
  };
}

/**
 * Finds the door that a person names: by its id, its name, or a beginning of its id of at least 4 digits that no other door has. Of doors with
 * one name, those in the state `preferred` come first.
 * @throws AppError DOOR_NOT_FOUND: there is none, or there are several
 */
export function findDoor(
  { doors }: Pick<FleetStatus, 'doors'>,
  text: string,
  preferred?: FleetDoorStatus['state'],
): FleetDoorStatus {
  const exact = doors.filter(({ id, name }) => id === text || name === text);
  const all = exact.length > 0 || !/^[0-9a-f]{4,}$/.test(text) ? exact : doors.filter(({ id }) => id.startsWith(text));
  const first = all.filter(({ state }) => state === preferred);
  const [door, ...others] = first.length > 0 ? first : all;
  if (!door)
    throw new AppError('DOOR_NOT_FOUND', `the fleet has no door ${text}: "lintel fleet status" lists its doors`);
  if (others.length > 0) {
    const ids = [door, ...others].map(({ id, state }) => `${id} (${state})`).join(', ');
    throw new AppError('DOOR_NOT_FOUND', `${text} names several doors: give the id of one of them: ${ids}`);
  }
  return door;
}

/** Tells whether two fingerprints are the same, whatever their blanks and the case of their letters. */
export function isSameFingerprint(one: string, other: string): boolean {
  const strip = (text: string): string => text.replace(/[\s:-]/g, '').toLowerCase();
  return strip(one) === strip(other);
}

/** @throws AppError FLEET_CONFLICT: the door that would be approved is not the one whose fingerprint was compared */
function checkFingerprint(status: FleetStatus, door: string, compared: string | null): void {
  if (compared === null) return;
  const { fingerprint, name } = findDoor(status, door, 'waiting');
  if (isSameFingerprint(fingerprint, compared)) return;
  throw new AppError(
    'FLEET_CONFLICT',
    `${name} was not approved: its fingerprint is ${fingerprint}, which is not the one that you gave`,
  );
}

/** @throws AppError INVALID_PARAM */
function mustName(asked: URLSearchParams, name: string): string {
  const value = asked.get(name) ?? '';
  if (value === '') throw new AppError('INVALID_PARAM', `${name} is missing`);
  return value;
}
