// What a backup may hold: the greatest payloads and counts, the form of its records, and their order.
import * as z from 'zod';
import { GROUP_ID_PATTERN } from '../domain/ids.js';
import { AppError } from '../errors.js';
import type { BackupEnd, BackupRecord, GalleryTotals } from './backup.types.js';
import { decodeFace, FACE_KEY_BYTES, FACE_KEYS, type GroupRecord } from './face-record.js';

/** Letters of the kinds of records. */
export const KINDS = { begin: 'b', group: 'g', face: 'f', appKeys: 'k', end: 'e' } as const;

/**
 * Greatest payload of each kind. A face has at most 4,096 dimensions and three texts of 255 characters; the registry of appKeys is as long as
 * one in the store may be.
 */
const MAX_PAYLOAD_BYTES: Readonly<Record<string, number>> = {
  [KINDS.begin]: 1_024,
  [KINDS.group]: 4_096,
  [KINDS.face]: 32 * 1024,
  [KINDS.appKeys]: 4 * 1024 * 1024,
  [KINDS.end]: 1_024,
};

/** Each group is a batch of its own when it is restored, and each face is in memory as long as the service runs. */
const MAX_GROUPS = 100_000;
const MAX_FACES = 10_000_000;

/** The last time that a Date can have; a list of groups would fail on a later one. */
const LAST_DATE_MS = 8.64e15;

const count = z.int().min(0);
const beginSchema = z.object({
  createdAtMs: z.number(),
  totals: z.object({ groups: count.max(MAX_GROUPS), faces: count.max(MAX_FACES) }),
});
const endSchema = z.object({ groups: count, faces: count, damaged: count });
/** A later version of Lintel may store more about a group. */
const groupSchema = z.looseObject({
  owner: z.string().min(1).max(64),
  groupId: z.string().regex(GROUP_ID_PATTERN),
  modelVersion: z.string().min(1).max(64),
  createdAtMs: z.number().min(0).max(LAST_DATE_MS),
});

/** Checks that a record of this kind may have a payload of this length. @throws AppError STORE_CORRUPT */
export function checkPayload(kind: string, length: number): void {
  if (length > (MAX_PAYLOAD_BYTES[kind] ?? 0)) throw unknownFormat();
}

/** Checks that a backup can hold a gallery of this size. @throws AppError STORE_UNAVAILABLE */
export function checkTotals({ groups, faces }: GalleryTotals): void {
  if (groups <= MAX_GROUPS && faces <= MAX_FACES) return;
  const limits = `${MAX_GROUPS.toLocaleString('en')} groups and ${MAX_FACES.toLocaleString('en')} faces`;
  throw new AppError('STORE_UNAVAILABLE', `the gallery is too large for a backup, which can hold ${limits}`);
}

/** Parses the first record. @throws AppError STORE_CORRUPT */
export function parseBegin(payload: Buffer): { createdAtMs: number; totals: GalleryTotals } {
  return parseJson(beginSchema, payload);
}

/** Parses the last record. @throws AppError STORE_CORRUPT */
export function parseEnd(payload: Buffer): BackupEnd {
  return parseJson(endSchema, payload);
}

/** Checks a group. Anybody who knows the public key can make a backup to it, with any content. @throws AppError STORE_CORRUPT */
export function checkGroup(group: GroupRecord): void {
  if (!groupSchema.safeParse(group).success) throw unknownFormat();
}

/** Checks the order of the records, the faces, and that there are not more records than the first one states. */
export class RecordChecker {
  readonly #counted: GalleryTotals = { groups: 0, faces: 0 };
  #totals: GalleryTotals = { groups: 0, faces: 0 };
  #previous: BackupRecord['kind'] | undefined;
  /** Key of the newest face of the group. */
  #faceKey: Buffer | undefined;
  #scratch: Float32Array | undefined;

  /** @throws AppError STORE_CORRUPT */
  add(record: BackupRecord): void {
    const previous = this.#previous;
    this.#previous = record.kind;
    if ((previous === undefined) !== (record.kind === 'begin') || previous === 'end') throw unknownFormat();
    if (previous === 'appKeys' && record.kind !== 'end') throw unknownFormat();
    if (record.kind === 'begin') this.#totals = record.totals;
    if (record.kind === 'group') {
      this.#counted.groups++;
      this.#faceKey = undefined;
    }
    if (record.kind === 'face') this.#addFace(record);
    const { groups, faces } = this.#counted;
    const isAsStated = record.kind !== 'end' || (record.end.groups === groups && record.end.faces === faces);
    if (groups > this.#totals.groups || faces > this.#totals.faces || !isAsStated) {
      throw new AppError('STORE_CORRUPT', 'the backup does not contain the groups and faces that it states');
    }
  }

  /** @throws AppError STORE_CORRUPT: there was no last record */
  end(): void {
    if (this.#previous !== 'end') {
      throw new AppError('STORE_CORRUPT', 'the backup is incomplete: its last record is missing');
    }
  }

  #addFace({ key, value }: { key: Buffer; value: Buffer }): void {
    this.#counted.faces++;
    const isNext = this.#faceKey === undefined || Buffer.compare(this.#faceKey, key) < 0;
    if (this.#counted.groups === 0 || !isFaceKey(key) || !isNext) throw unknownFormat();
    this.#faceKey = Buffer.from(key);
    const { face, embedding } = decodeFace(value, this.#scratch);
    const { x0, y0, x1, y1 } = face.bbox;
    const numbers = [x0, y0, x1, y1, face.detectionScore, face.condition?.recognisability ?? 0];
    if (!numbers.every(Number.isFinite) || !embedding.every(Number.isFinite)) throw unknownFormat();
    this.#scratch = embedding;
  }
}

/** Returns whether these bytes are the key of a face, with a number after which there are more. */
function isFaceKey(key: Buffer): boolean {
  if (key.length !== FACE_KEY_BYTES || key[0] !== FACE_KEYS.range.gte[0]) return false;
  return FACE_KEYS.decode(key) < Number.MAX_SAFE_INTEGER / 2;
}

function parseJson<T>(schema: z.ZodType<T>, payload: Buffer): T {
  try {
    return schema.parse(JSON.parse(payload.toString()));
  } catch (cause) {
    throw unknownFormat(cause);
  }
}

function unknownFormat(cause?: unknown): AppError {
  return new AppError('STORE_CORRUPT', 'the backup contains a record of an unknown format', { cause });
}
