// Letters between two members of the fleet: signed by their sender, and sealed for their reader.
import { sign, verify, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { AppError } from '../errors.js';
import { CLOCK_TOLERANCE_MS } from './head.js';
import { fleetIdSchema, type FleetIdentity, type PublicIdentity } from './identity.js';
import { openSealed, sealFor } from './sealed-box.js';

const SIGNATURE_BYTES = 64;
/** Greatest length of a letter; a longer one is refused unread. A membership with 100 groups has some 20 kB. */
export const MAX_LETTER_BYTES = 1_048_576;

/** Purposes of letters. A letter of one kind is never accepted as one of another kind. */
export const LETTER_KINDS = ['request', 'welcome', 'membership', 'report', 'proposal', 'answer', 'event'] as const;
export type LetterKind = (typeof LETTER_KINDS)[number];

const letterSchema = z.strictObject({
  kind: z.string(),
  fleet: fleetIdSchema,
  from: fleetIdSchema,
  to: fleetIdSchema,
  sequence: z.int().min(1),
  issuedAt: z.iso.datetime(),
  body: z.unknown(),
});

/** Facts of a letter, as its sender states them. */
export interface LetterDraft {
  kind: LetterKind;
  /** Id of the fleet, hexadecimal. */
  fleet: string;
  /** Grows with each letter of this kind from this sender to this reader, not always by one. */
  sequence: number;
  /** ISO 8601. */
  issuedAt: string;
  /** A JSON value. */
  body: unknown;
}

/** Facts of a letter, as its reader expects them. */
export interface ExpectedLetter {
  kind: LetterKind;
  fleet: string;
  reader: FleetIdentity;
  sender: PublicIdentity;
  /** Greatest sequence that was accepted already; 0 before the first letter. */
  after?: number;
  /** Age from which a letter is refused; absent: a letter of any age is read. */
  maxAgeMs?: number;
  nowMs?: number;
}

/** Why a letter is refused. `replayed`: a newer one was read already. */
export type LetterRefusal =
  | 'malformed'
  | 'sealed-otherwise'
  | 'forged'
  | 'other-kind'
  | 'other-fleet'
  | 'other-sender'
  | 'other-reader'
  | 'replayed'
  | 'expired'
  | 'future';

export type ReadLetter<T> =
  | {
      outcome: 'read';
      sequence: number;
      issuedAt: string;
      body: T;
      /** True for the sequence that was accepted last: the letter was read before. */
      isRepeated: boolean;
      /** Signature (64 bytes) and the text that it signs: evidence of what the sender said. */
      signed: Buffer;
    }
  | { outcome: 'refused'; refusal: LetterRefusal };

/**
 * Writes a letter. The signature covers both ids, the kind and the fleet, so that a reader cannot hand the letter on as one to somebody else.
 * @returns box of: signature (64 bytes), the letter as JSON
 */
export function writeLetter(from: FleetIdentity, to: PublicIdentity, draft: LetterDraft): Buffer {
  const { kind, fleet, sequence, issuedAt, body } = draft;
  const text = Buffer.from(JSON.stringify({ kind, fleet, from: from.id, to: to.id, sequence, issuedAt, body }));
  const letter = Buffer.concat([sign(null, makeMessage(text), from.signing), text]);
  return sealFor(to.sealing, nameLabel(kind), letter);
}

/** Reads a letter, and trusts nothing in it before its signature was checked. @param body schema of the body */
export function readLetter<T>(bytes: Buffer, expected: ExpectedLetter, body: z.ZodType<T>): ReadLetter<T> {
  const opened = openLetter(bytes, expected);
  if ('refusal' in opened) return { outcome: 'refused', refusal: opened.refusal };
  return judgeLetter(opened.signed, expected, body);
}

/** Opens a letter whose sender is not known yet. The bytes are not checked. @returns signature (64 bytes) and text */
export function openLetter(
  bytes: Buffer,
  { kind, reader }: Pick<ExpectedLetter, 'kind' | 'reader'>,
): { signed: Buffer } | { refusal: LetterRefusal } {
  if (bytes.length > MAX_LETTER_BYTES) return { refusal: 'malformed' };
  try {
    return { signed: openSealed(reader.sealing, nameLabel(kind), bytes) };
  } catch (error) {
    if (error instanceof AppError) return { refusal: 'sealed-otherwise' };
    throw error;
  }
}

/** Checks an opened letter. */
export function judgeLetter<T>(signed: Buffer, expected: ExpectedLetter, bodySchema: z.ZodType<T>): ReadLetter<T> {
  const { kind, fleet, reader, sender, after = 0, maxAgeMs, nowMs } = expected;
  if (!isSignedBy(signed, sender.signing)) return { outcome: 'refused', refusal: 'forged' };
  const letter = parseLetter(signed);
  if (!letter) return { outcome: 'refused', refusal: 'malformed' };
  const { sequence, issuedAt } = letter;
  let refusal: LetterRefusal | undefined;
  if (letter.kind !== kind) refusal = 'other-kind';
  else if (letter.fleet !== fleet) refusal = 'other-fleet';
  else if (letter.from !== sender.id) refusal = 'other-sender';
  else if (letter.to !== reader.id) refusal = 'other-reader';
  else if (sequence < after) refusal = 'replayed';
  else if (nowMs !== undefined && Date.parse(issuedAt) > nowMs + CLOCK_TOLERANCE_MS) refusal = 'future';
  else if (nowMs !== undefined && maxAgeMs !== undefined && Date.parse(issuedAt) <= nowMs - maxAgeMs) {
    refusal = 'expired';
  }
  if (refusal) return { outcome: 'refused', refusal };
  const body = bodySchema.safeParse(letter.body);
  if (!body.success) return { outcome: 'refused', refusal: 'malformed' };
  return { outcome: 'read', sequence, issuedAt, body: body.data, isRepeated: sequence === after, signed };
}

/** Returns whether a letter was signed with this key. @param signed signature (64 bytes) and text @param key Ed25519 public key */
export function isSignedBy(signed: Buffer, key: KeyObject): boolean {
  if (signed.length <= SIGNATURE_BYTES) return false;
  const text = signed.subarray(SIGNATURE_BYTES);
  return verify(null, makeMessage(text), key, signed.subarray(0, SIGNATURE_BYTES));
}

/** Reads the text of an opened letter without checking its signature. @returns undefined for one that is malformed */
export function parseLetter(signed: Buffer): z.output<typeof letterSchema> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(signed.toString('utf8', SIGNATURE_BYTES));
  } catch {
    return undefined;
  }
  return letterSchema.safeParse(value).data;
}

function nameLabel(kind: LetterKind): string {
  return `letter/${kind}`;
}

/** A label in front: a signature over a letter is one over nothing else. */
function makeMessage(text: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('lintel-fleet/1/letter\n'), text]);
}
