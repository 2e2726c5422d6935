// The kept faces of unknown persons in the sealed store, by spans of time: each span is a space that is destroyed as a whole.
import { AppError } from '../errors.js';
import type { Operation, SealedStore, Space } from '../store/sealed-store.js';
import {
  INFO_KEYS,
  PICTURE_KEYS,
  SPAN_KEY,
  UNKNOWN_FACES_LABEL,
  decodeInfo,
  decodePicture,
  encodeInfo,
  encodePicture,
  type UnknownFace,
  type UnknownFaceInfo,
} from './unknown-face-record.js';

/** A span of time, with the space of the faces that were captured in it. */
export interface FaceSpan {
  /** Start of the span; epoch, ms. */
  readonly startMs: number;
  readonly space: Space;
  nextSequence: number;
  /** Ids of its faces. */
  readonly ids: Set<string>;
}

export interface KeptFace {
  info: UnknownFaceInfo;
  span: FaceSpan;
  /** Number of its records in the space. */
  sequence: number;
}

export type FaceStore = Pick<SealedStore, 'spaces' | 'createSpace' | 'destroySpace' | 'write'>;

/** Callers must not run two changes at the same time. */
export class FaceSpans {
  readonly #store: FaceStore;
  #spans = new Map<number, FaceSpan>();
  /** Kept faces by id, in the order in which they were kept. */
  #faces = new Map<string, KeptFace>();

  constructor(store: FaceStore) {
    this.#store = store;
  }

  /** Number of kept faces. */
  get size(): number {
    return this.#faces.size;
  }

  /** Returns all kept faces, in the order in which they were kept. */
  all(): KeptFace[] {
    return [...this.#faces.values()];
  }

  find(id: string): KeptFace | undefined {
    return this.#faces.get(id);
  }

  /** Returns all spans; a copy, which stays as it is while spans are destroyed. */
  spans(): FaceSpan[] {
    return [...this.#spans.values()];
  }

  /**
   * Reads which faces are in the store. Destroys spans whose start cannot be read or occurs twice, and all spans when no face is to be kept.
   * A span whose records do not add up serves no face, and is destroyed when its time is over.
   * @param onDamaged called for each space with a record that cannot be read, or with records that do not add up
   * @throws AppError STORE_UNAVAILABLE, also when a span cannot be destroyed
   */
  async load(isKeeping: boolean, onDamaged: (space: Space) => void, signal: AbortSignal): Promise<void> {
    this.#spans = new Map();
    this.#faces = new Map();
    for (const space of this.#store.spaces(UNKNOWN_FACES_LABEL)) {
      signal.throwIfAborted();
      const startMs = await readStart(space);
      if (startMs === undefined || this.#spans.has(startMs) || !isKeeping) {
        if (startMs === undefined) onDamaged(space);
        await this.#store.destroySpace(space);
        continue;
      }
      const span: FaceSpan = { startMs, space, nextSequence: 1, ids: new Set() };
      if ((await space.findProblem()) === undefined) await this.#loadSpan(span, onDamaged);
      else await this.#refuseSpan(span, onDamaged);
    }
    const inOrder = [...this.#faces].sort(([, a], [, b]) => a.info.capturedAtMs - b.info.capturedAtMs);
    this.#faces = new Map(inOrder);
  }

  /** Stores a face in the span that begins at a time. @returns whether the span is new */
  async add(
    startMs: number,
    info: UnknownFaceInfo,
    picture: Pick<UnknownFace, 'crop' | 'embedding'>,
  ): Promise<boolean> {
    const existing = this.#spans.get(startMs);
    const sequence = existing?.nextSequence ?? 1;
    const createRecords = (space: Space): Operation[] => [
      space.put(INFO_KEYS.encode(sequence), encodeInfo(info)),
      space.put(PICTURE_KEYS.encode(sequence), encodePicture(picture)),
    ];
    if (existing) {
      await this.#store.write(createRecords(existing.space));
      existing.nextSequence = sequence + 1;
      this.#index({ info, span: existing, sequence });
      return false;
    }
    const space = await this.#store.createSpace(UNKNOWN_FACES_LABEL, (created) => [
      created.put(SPAN_KEY, Buffer.from(String(startMs))),
      ...createRecords(created),
    ]);
    const span: FaceSpan = { startMs, space, nextSequence: sequence + 1, ids: new Set() };
    this.#spans.set(startMs, span);
    this.#index({ info, span, sequence });
    return true;
  }

  /** Reads crop and embedding; undefined when the face was removed meanwhile. @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT */
  async readPicture({ info, span, sequence }: KeptFace): Promise<Pick<UnknownFace, 'crop' | 'embedding'> | undefined> {
    const value = await span.space.get(PICTURE_KEYS.encode(sequence)).catch((error: unknown) => {
      if (this.#faces.has(info.id)) throw error;
    });
    // When the face was removed meanwhile, its key may be gone too.
    return value && this.#faces.has(info.id) ? decodePicture(value) : undefined;
  }

  /** Deletes the records of faces. They leave the files of the database soon. */
  async remove(ids: readonly string[]): Promise<void> {
    const faces = ids.flatMap((id) => this.#faces.get(id) ?? []);
    const operations = faces.flatMap(({ span: { space }, sequence }) => [
      space.erase(INFO_KEYS.encode(sequence)),
      space.erase(PICTURE_KEYS.encode(sequence)),
    ]);
    await this.#store.write(operations);
    for (const { info, span } of faces) this.#forget(info.id, span);
  }

  /** Destroys a span with its data key: its faces cannot be read again. @returns the number of its faces */
  async destroy(span: FaceSpan): Promise<number> {
    const faces = span.ids.size;
    await this.#store.destroySpace(span.space);
    this.#spans.delete(span.startMs);
    for (const id of [...span.ids]) this.#forget(id, span);
    return faces;
  }

  async #loadSpan(span: FaceSpan, onDamaged: (space: Space) => void): Promise<void> {
    const skip = (key: Buffer): void => {
      span.nextSequence = INFO_KEYS.decode(key) + 1;
      onDamaged(span.space);
    };
    for await (const [key, value] of span.space.entries(INFO_KEYS.range, skip)) {
      const sequence = INFO_KEYS.decode(key);
      span.nextSequence = sequence + 1;
      const info = decodeInfo(value);
      if (info) this.#index({ info, span, sequence });
      else skip(key);
    }
    this.#spans.set(span.startMs, span);
  }

  /** Keeps a span without its faces. New faces go behind the records that are there. */
  async #refuseSpan(span: FaceSpan, onDamaged: (space: Space) => void): Promise<void> {
    for await (const key of span.space.keys(INFO_KEYS.range)) span.nextSequence = INFO_KEYS.decode(key) + 1;
    for await (const key of span.space.keys(PICTURE_KEYS.range)) {
      span.nextSequence = Math.max(span.nextSequence, PICTURE_KEYS.decode(key) + 1);
    }
    this.#spans.set(span.startMs, span);
    onDamaged(span.space);
  }

  #index(face: KeptFace): void {
    this.#faces.set(face.info.id, face);
    face.span.ids.add(face.info.id);
  }

  #forget(id: string, span: FaceSpan): void {
    this.#faces.delete(id);
    span.ids.delete(id);
  }
}

/** Counts the kept faces of a store that no service has open. @throws AppError STORE_UNAVAILABLE */
export async function countUnknownFaces(
  store: Pick<SealedStore, 'spaces'>,
): Promise<{ faces: number; oldestAtMs?: number }> {
  let faces = 0;
  let oldestAtMs = Infinity;
  for (const space of store.spaces(UNKNOWN_FACES_LABEL)) {
    for await (const [, value] of space.entries(INFO_KEYS.range, () => undefined)) {
      faces++;
      oldestAtMs = Math.min(oldestAtMs, decodeInfo(value)?.capturedAtMs ?? Infinity);
    }
  }
  return Number.isFinite(oldestAtMs) ? { faces, oldestAtMs } : { faces };
}

/** Reads the start of a span; undefined when it cannot be read. */
async function readStart(space: Space): Promise<number | undefined> {
  try {
    const startMs = Number((await space.get(SPAN_KEY))?.toString());
    return Number.isFinite(startMs) ? startMs : undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_CORRUPT') return undefined;
    throw error;
  }
}
