// The identity of a member of the fleet: an id, a key that signs, and a key that opens what is sealed for it.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import * as z from 'zod';
import { FLEET_ID_BYTES } from './record-seal.js';
import { exportX25519, importX25519, PUBLIC_KEY_BYTES } from './sealed-box.js';

/** Bytes of an Ed25519 public key in SPKI before the key itself (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const FINGERPRINT_GROUPS = 8;

/** An id of the fleet, 32 hexadecimal digits. */
export const fleetIdSchema = z.string().regex(/^[0-9a-f]{32}$/);
const publicKeySchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** Public keys as text: base64url of 32 bytes each. */
export const publicKeysSchema = z.strictObject({ signing: publicKeySchema, sealing: publicKeySchema });
export type PublicKeys = z.output<typeof publicKeysSchema>;

/** Stored form of an identity: base64 of PKCS #8 for each key. */
export const storedIdentitySchema = z.strictObject({
  id: fleetIdSchema,
  signing: z.base64(),
  sealing: z.base64(),
});
export type StoredIdentity = z.output<typeof storedIdentitySchema>;

/** The identity of this device. */
export interface FleetIdentity {
  /** 32 hexadecimal digits. That of the authority is the id of the fleet. */
  id: string;
  /** Ed25519 private key. */
  signing: KeyObject;
  /** X25519 private key. */
  sealing: KeyObject;
}

/** Public part of an identity. */
export interface PublicIdentity {
  id: string;
  /** Ed25519 public key. */
  signing: KeyObject;
  /** X25519 public key. */
  sealing: KeyObject;
}

/** Makes an id of the fleet: FLEET_ID_BYTES random bytes in hexadecimal. */
export function newFleetId(): string {
  return randomBytes(FLEET_ID_BYTES).toString('hex');
}

/** Makes new keys. */
export function createIdentity(id: string = newFleetId()): FleetIdentity {
  const { privateKey: signing } = generateKeyPairSync('ed25519');
  const { privateKey: sealing } = generateKeyPairSync('x25519');
  return { id, signing, sealing };
}

/** Returns the public part of an identity. */
export function publishIdentity({ id, signing, sealing }: FleetIdentity): PublicIdentity {
  return { id, signing: createPublicKey(signing), sealing: createPublicKey(sealing) };
}

export function encodePublicKeys({ signing, sealing }: Pick<PublicIdentity, 'signing' | 'sealing'>): PublicKeys {
  const spki = signing.export({ format: 'der', type: 'spki' });
  return {
    signing: spki.subarray(SPKI_HEAD.length).toString('base64url'),
    sealing: exportX25519(sealing).toString('base64url'),
  };
}

/** @throws TypeError for a text that is not PUBLIC_KEY_BYTES long */
export function decodePublicKeys(id: string, { signing, sealing }: PublicKeys): PublicIdentity {
  const bytes = Buffer.from(signing, 'base64url');
  if (bytes.length !== PUBLIC_KEY_BYTES) throw new TypeError('an Ed25519 key has 32 bytes');
  const key = Buffer.concat([SPKI_HEAD, bytes]);
  return {
    id,
    signing: createPublicKey({ key, format: 'der', type: 'spki' }),
    sealing: importX25519(Buffer.from(sealing, 'base64url')),
  };
}

export function encodeIdentity({ id, signing, sealing }: FleetIdentity): StoredIdentity {
  const encode = (key: KeyObject): string => key.export({ format: 'der', type: 'pkcs8' }).toString('base64');
  return { id, signing: encode(signing), sealing: encode(sealing) };
}

export function decodeIdentity({ id, signing, sealing }: StoredIdentity): FleetIdentity {
  const decode = (text: string): KeyObject =>
    createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });
  return { id, signing: decode(signing), sealing: decode(sealing) };
}

/**
 * Computes the fingerprint of an authority or a door, which people compare on both machines: the first 128 bits of SHA-256 over its public
 * keys, as 8 groups of 4 hexadecimal digits.
 */
export function computeKeysFingerprint({ signing, sealing }: PublicKeys): string {
  const hash = createHash('sha256').update(`lintel-fleet/1/fingerprint ${signing} ${sealing}`).digest('hex');
  return Array.from({ length: FINGERPRINT_GROUPS }, (_, group) => hash.slice(group * 4, group * 4 + 4)).join(' ');
}
