// Routes of the keys: their list, making one, and revoking one.
import * as z from 'zod';
import { ROLES } from '../../domain/role.js';
import { AppError, clientError } from '../../errors.js';
import type { RegisteredKey } from '../../keys/key-registry.js';
import { KEY_NAME_PATTERN } from '../../keys/stored-keys.js';
import { keyListAnswer, newKeyAnswer, revokedKeyAnswer, type keyAnswer } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import type { DeviceServices } from './services.js';

type Kind = z.output<typeof keyAnswer>['kind'];

const newKeyBody = z
  .strictObject({
    kind: z.enum(['app', 'admin']),
    name: z.string().regex(KEY_NAME_PATTERN, 'must have 1 to 64 of: letters, digits, . _ -'),
    role: z.enum(ROLES).optional().meta({ description: 'What the admin key may do; an appKey has no role.' }),
  })
  .refine(
    ({ kind, role }) => (kind === 'admin') === (role !== undefined),
    'must have a role for an admin key, and none for an appKey',
  );

export const keyRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listKeys',
    summary: 'The appKeys and the admin keys by name, never a key itself',
    method: 'GET',
    path: '/keys',
    role: 'admin',
    data: keyListAnswer,
    handle: async ({ keys }, { keyId }) => ({
      json: {
        keys: [
          ...keys.app.list().map((key) => describeKey('app', key, keyId)),
          ...keys.admin.list().map((key) => describeKey('admin', key, keyId)),
        ],
      },
    }),
  }),
  deviceRoute({
    name: 'createKey',
    summary: 'Make an appKey or an admin key',
    description:
      'The answer shows the key, and the secretKey of an appKey. Only their digests are stored: they cannot be shown again.',
    method: 'POST',
    path: '/keys',
    role: 'admin',
    body: newKeyBody,
    data: newKeyAnswer,
    refusals: ['KEY_CONFLICT', 'STORE_UNAVAILABLE', 'STOPPED'],
    handle: async ({ keys }, { body: { kind, name, role }, actor, keyId }) => {
      try {
        const { key, secretKey, entry } = await keys[kind].create(name, { actor, role });
        return { json: { ...describeKey(kind, entry, keyId), key, ...(secretKey !== undefined && { secretKey }) } };
      } catch (error) {
        // The name is well formed: another key has it, or the registry is full.
        if (error instanceof AppError && error.code === 'CONFIG_INVALID') {
          throw clientError('KEY_CONFLICT', toSentence(error.message), error);
        }
        throw error;
      }
    },
  }),
  deviceRoute({
    name: 'revokeKey',
    summary: 'Revoke an appKey or an admin key',
    description:
      'It is refused from then on; its sessions, streams and live views end at once. The key of the request itself, or of its session, is ' +
      'not revoked: so that nobody shuts themselves out.',
    method: 'DELETE',
    path: '/keys/:keyId',
    role: 'admin',
    data: revokedKeyAnswer,
    refusals: ['NOT_FOUND', 'KEY_CONFLICT', 'STORE_UNAVAILABLE', 'STOPPED'],
    handle: async ({ keys }, { params, actor, keyId }) => {
      const kind = (['app', 'admin'] as const).find((one) => keys[one].find(params.keyId) !== undefined);
      if (kind === undefined) throw clientError('NOT_FOUND', 'There is no valid key with this id.');
      if (params.keyId === keyId) throw clientError('KEY_CONFLICT', OWN_KEY);
      return { json: describeKey(kind, await revoke(keys, kind, params.keyId, actor), keyId) };
    },
  }),
];

const OWN_KEY = 'This is the key that you use now; sign in with another one to revoke it.';

/** @throws AppError NOT_FOUND: it was revoked at the same time */
async function revoke(keys: DeviceServices['keys'], kind: Kind, id: string, actor: string): Promise<RegisteredKey> {
  try {
    return await keys[kind].revoke(id, actor);
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFIG_INVALID') {
      throw clientError('NOT_FOUND', 'There is no valid key with this id.', error);
    }
    throw error;
  }
}

function describeKey(
  kind: Kind,
  { id, name, fingerprint, role, createdAt, revokedAt }: RegisteredKey,
  ownId: string | undefined,
): z.output<typeof keyAnswer> {
  return {
    kind,
    id,
    name,
    fingerprint,
    ...(role && { role }),
    createdAt,
    ...(revokedAt !== undefined && { revokedAt }),
    current: id === ownId,
  };
}

function toSentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}
