// Verifies the signatures of an event and of its grounds with Web Crypto: Ed25519 over canonical JSON (RFC 8785).
import type { openedEventAnswer } from '../../../api/device/event-answers.js';
import type { signingKeyAnswer } from '../../../api/device/answers.js';
import type { Answer } from '../../api/types.js';

export type EventAnswer = Answer<typeof openedEventAnswer>;
export type KeyAnswer = Answer<typeof signingKeyAnswer>;

/**
 * `wrong-grounds`: the event is right, and its grounds are not. `other`: signed with another key than the present one. `insecure`: the page
 * is in no secure context. `unsupported`: the browser has no Ed25519.
 */
export type SignatureVerdict = 'ok' | 'wrong' | 'wrong-grounds' | 'other' | 'insecure' | 'unsupported' | 'unsigned';

/** Reads what is to be shown from the signed texts themselves, so that nothing unsigned is shown beside a right signature. */
export function readSigned({ event, signed, grounds, signedGrounds }: EventAnswer): EventAnswer {
  const shown = { ...event, ...(JSON.parse(signed) as object) };
  const beside =
    grounds && signedGrounds !== undefined ? { ...grounds, ...(JSON.parse(signedGrounds) as object) } : undefined;
  return {
    event: shown,
    signed,
    ...(beside && { grounds: beside }),
    ...(signedGrounds !== undefined && { signedGrounds }),
  };
}

export async function verifyEvent(opened: EventAnswer, key: KeyAnswer): Promise<SignatureVerdict> {
  const { event, signed, grounds, signedGrounds = '' } = opened;
  if (event.signature === undefined) return 'unsigned';
  if (event.keyId !== key.keyId) return 'other';
  if (!isSecureContext) return 'insecure';
  const publicKey = await importKey(key);
  if (!publicKey) return 'unsupported';
  if (!(await isSigned(publicKey, signed, event.signature))) return 'wrong';
  if (!grounds) return 'ok';
  const isRight =
    (await isSigned(publicKey, signedGrounds, grounds.signature)) &&
    (JSON.parse(signedGrounds) as { eventHash: string }).eventHash === (await hashEvent(signed, event.signature));
  return isRight ? 'ok' : 'wrong-grounds';
}

async function importKey({ publicKeyJwk }: KeyAnswer): Promise<CryptoKey | undefined> {
  const { kty = '', crv = '', x = '' } = publicKeyJwk;
  try {
    return await crypto.subtle.importKey('jwk', { kty, crv, x }, { name: 'Ed25519' }, false, ['verify']);
  } catch {
    return undefined;
  }
}

async function isSigned(key: CryptoKey, text: string, signature: string): Promise<boolean> {
  try {
    return await crypto.subtle.verify('Ed25519', key, decodeBase64Url(signature), new TextEncoder().encode(text));
  } catch {
    return false;
  }
}

/** Computes the hash by which grounds name their event: that of the canonical JSON with the signature. */
async function hashEvent(signed: string, signature: string): Promise<string> {
  const event: Record<string, unknown> = { ...(JSON.parse(signed) as object), signature };
  // The members of the signed text are sorted already, at every depth.
  const members = Object.keys(event)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(event[name])}`);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`{${members.join(',')}}`));
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
}

function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (one) => one.charCodeAt(0));
}
