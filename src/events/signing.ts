// The signature of the device on what it publishes: Ed25519 over the canonical JSON of the object without the member `signature`.
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { canonicalJson } from '../platform/canonical-json.js';
import type { RecognitionEvent } from './event.js';

/** Everything that is needed to verify signatures. Nothing in it is secret. */
export interface SigningKeyInfo {
  keyId: string;
  algorithm: 'Ed25519';
  /** PEM of the SPKI structure. */
  publicKeyPem: string;
  /** JSON Web Key (RFC 8037). */
  publicKeyJwk: { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string; use: 'sig'; alg: 'EdDSA' };
}

/** Describes the public key of an Ed25519 pair. @param key the private or the public key @throws TypeError for any other key */
export function describeSigningKey(key: KeyObject): SigningKeyInfo {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const keyId = createHash('sha256').update(Buffer.from(x, 'base64url')).digest('hex').slice(0, 16);
  return {
    keyId,
    algorithm: 'Ed25519',
    publicKeyPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x, kid: keyId, use: 'sig', alg: 'EdDSA' },
  };
}

type Unsigned = Omit<RecognitionEvent, 'keyId' | 'signature'>;

export class EventSigner {
  readonly info: SigningKeyInfo;
  readonly #privateKey: KeyObject;

  /** @param privateKey Ed25519 @throws TypeError for any other key */
  constructor(privateKey: KeyObject) {
    if (privateKey.type !== 'private') throw new TypeError('not a private key');
    this.info = describeSigningKey(privateKey);
    this.#privateKey = privateKey;
  }

  sign(event: Unsigned): RecognitionEvent {
    return this.signObject(event);
  }

  /** Adds the id of the key, and the signature over the canonical JSON of the whole object without it. */
  readonly signObject = <T extends object>(object: T): T & { keyId: string; signature: string } => {
    const named = { ...object, keyId: this.info.keyId };
    const signature = sign(null, Buffer.from(canonicalJson(named)), this.#privateKey).toString('base64url');
    return { ...named, signature };
  };
}

/** Returns whether this key signed exactly this object; false for anything that is not a signed JSON object. */
export function isSignedBy(publicKey: KeyObject, object: unknown): boolean {
  if (typeof object !== 'object' || object === null) return false;
  const { signature, ...signed } = object as Record<string, unknown>;
  if (typeof signature !== 'string' || !/^[A-Za-z0-9_-]{86}$/.test(signature)) return false;
  const bytes = Buffer.from(signature, 'base64url');
  // Four bits of the last character carry nothing: only one text per signature is accepted.
  if (bytes.toString('base64url') !== signature) return false;
  try {
    return verify(null, Buffer.from(canonicalJson(signed)), publicKey, bytes);
  } catch {
    // A string with a lone surrogate has no canonical JSON, so that no device signed it.
    return false;
  }
}
