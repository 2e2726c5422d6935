// The stored form of a registry of keys: JSON of names and digests, in the sealed store, in backups, and in the plain files of Lintel 0.2.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ROLES } from '../domain/role.js';
import { AppError } from '../errors.js';

export const KEY_NAME_PATTERN = /^[a-zA-Z0-9_.-]{1,64}$/;

/** Greatest number of keys in one registry, revoked ones included: a request is compared with each of them (0.7 ms with 10,000). */
export const MAX_KEYS = 10_000;
/** Length of a registry with MAX_KEYS keys, each with the longest name (4,140,019 bytes), rounded up. A longer text is refused unparsed. */
export const MAX_REGISTRY_BYTES = 4 * 1024 * 1024;

const FINGERPRINT_LENGTH = 16;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const storedKeySchema = z.strictObject({
  id: z.uuid(),
  name: z.string().regex(KEY_NAME_PATTERN),
  sha256: digest,
  /** Digest of the secretKey, which v2.0 of the REST API asks for. Admin keys have none, and neither have the oldest appKeys. */
  secretSha256: digest.optional(),
  /** Role of an admin key; absent for `admin`, so that versions without roles read such a registry. An appKey has none. */
  role: z.enum(ROLES).optional(),
  createdAt: z.iso.datetime(),
  revokedAt: z.iso.datetime().optional(),
});
const registrySchema = z.strictObject({ keys: z.array(storedKeySchema).max(MAX_KEYS) });

export type StoredKey = z.infer<typeof storedKeySchema>;

/** The kind of the keys in one registry. A key of one kind is never accepted as a key of the other. */
export interface KeyKind {
  /** Word for the kind in entries of the audit log, in requests and in the names of records. */
  readonly id: 'app' | 'admin';
  /** Name of such a key in messages. */
  readonly noun: string;
  readonly hasSecretKey: boolean;
  /** Whether its keys have roles. */
  readonly hasRole: boolean;
}

/** Keys of the REST API. The id of an appKey owns the groups that were created with it. */
export const APP_KEY: KeyKind = { id: 'app', noun: 'appKey', hasSecretKey: true, hasRole: false };

/** Keys of the device API. */
export const ADMIN_KEY: KeyKind = { id: 'admin', noun: 'admin key', hasSecretKey: false, hasRole: true };

/** Encodes a registry as JSON. */
export function encodeRegistry(keys: readonly StoredKey[]): Buffer {
  return Buffer.from(`${JSON.stringify({ keys }, null, 2)}\n`);
}

/**
 * Decodes a registry.
 * @param where name of the place of the registry, for messages
 * @throws AppError SECRET_INVALID: it is too long, malformed, or names one id twice
 */
export function decodeRegistry(content: Buffer, kind: KeyKind, where: string): StoredKey[] {
  if (content.length > MAX_REGISTRY_BYTES) {
    throw new AppError('SECRET_INVALID', `${where} is longer than ${MAX_REGISTRY_BYTES} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch {
    throw new AppError('SECRET_INVALID', `${where} is not valid JSON`);
  }
  const parsed = registrySchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.join('.') || 'the whole of it';
    throw new AppError('SECRET_INVALID', `${where} is not a registry of ${kind.noun}s: ${place}: ${issue?.message}`);
  }
  const { keys } = parsed.data;
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new AppError('SECRET_INVALID', `${where} is not a registry of ${kind.noun}s: it has one id twice`);
  }
  if (!kind.hasRole && keys.some(({ role }) => role !== undefined)) {
    throw new AppError('SECRET_INVALID', `${where} is not a registry of ${kind.noun}s: a key in it has a role`);
  }
  return keys;
}

/**
 * Computes the fingerprint of a key, by which the audit log names it: 16 hexadecimal digits over its digests. It tells nothing about the
 * key, which is 32 random bytes.
 */
export function computeFingerprint({ sha256, secretSha256 = '' }: Pick<StoredKey, 'sha256' | 'secretSha256'>): string {
  return createHash('sha256').update(`${sha256} ${secretSha256}`).digest('hex').slice(0, FINGERPRINT_LENGTH);
}
