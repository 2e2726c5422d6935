// The requests by which the command line changes and lists keys through the running service, and their answers.
import { ROLES, type Role } from '../domain/role.js';
import { AppError } from '../errors.js';
import type { AdminRoute } from '../platform/admin-socket.js';
import type { KeyRegistry, NewKey, RegisteredKey } from './key-registry.js';
import { ADMIN_KEY, APP_KEY, type KeyKind } from './stored-keys.js';

/** Paths on the admin socket: GET lists, POST makes a key, and the last one revokes a key with POST. */
export const KEYS_PATH = '/keys';
export const REVOKE_PATH = '/keys/revoke';

/** What the command line can do with the keys of one kind, through the service or on the store itself. */
export interface KeyActions {
  list(): Promise<KeyList>;
  /** @param role only for admin keys; default: `admin` */
  create(name: string, role?: Role): Promise<NewKey>;
  revoke(nameOrId: string): Promise<RegisteredKey>;
}

export interface KeyList {
  /** In the order of their creation, revoked ones included. */
  keys: RegisteredKey[];
  /** Paths of plain registries that lie in the data directory and are not used. */
  ignoredFiles: readonly string[];
}

/** The registries of an open store. */
export interface OpenRegistries {
  appKeys: KeyRegistry;
  adminKeys: KeyRegistry;
  ignoredFiles: readonly string[];
}

/** Returns the path of a request with its parameters. */
export function makeKeyRequest(
  path: string,
  kind: KeyKind,
  { name, role }: { name?: string; role?: Role | undefined } = {},
): string {
  const parameters = new URLSearchParams({
    kind: kind.id,
    ...(name === undefined ? {} : { name }),
    ...(role === undefined ? {} : { role }),
  });
  return `${path}?${parameters.toString()}`;
}

/** Returns the actions on the registry that a request names. @throws AppError INVALID_PARAM */
export function pickKeyActions(registries: OpenRegistries, kind: string | null): KeyActions {
  const all = [registries.appKeys, registries.adminKeys];
  const registry = all.find((one) => one.kind.id === kind);
  if (!registry) throw new AppError('INVALID_PARAM', `kind must be ${APP_KEY.id} or ${ADMIN_KEY.id}`);
  return {
    list: async () => ({ keys: registry.list(), ignoredFiles: registries.ignoredFiles }),
    create: (name, role) => registry.create(name, { role }),
    revoke: (nameOrId) => registry.revoke(nameOrId),
  };
}

/** Creates the routes of the admin socket. Each answers with JSON: a KeyList, a NewKey or a RegisteredKey. */
export function createKeyRoutes(registries: OpenRegistries): Record<string, AdminRoute> {
  const answer = (work: (keys: KeyActions, name: string, role: Role | undefined) => Promise<object>): AdminRoute =>
    async function* (asked) {
      const keys = pickKeyActions(registries, asked.get('kind'));
      yield Buffer.from(JSON.stringify(await work(keys, asked.get('name') ?? '', parseRole(asked.get('role')))));
    };
  return {
    [`GET ${KEYS_PATH}`]: answer((keys) => keys.list()),
    [`POST ${KEYS_PATH}`]: answer((keys, name, role) => keys.create(name, role)),
    [`POST ${REVOKE_PATH}`]: answer((keys, name) => keys.revoke(name)),
  };
}

/** @throws AppError INVALID_PARAM */
function parseRole(text: string | null): Role | undefined {
  const role = ROLES.find((one) => one === text);
  if (text !== null && role === undefined)
    throw new AppError('INVALID_PARAM', `role must be one of ${ROLES.join(', ')}`);
  return role;
}
