// Loads the groups into memory from the sealed store. Records that do not open are counted, reported and kept; a group whose records do not
// add up is refused.
import { markMasked } from '../domain/bias.js';
import type { FaceCondition } from '../domain/condition.js';
import type { Log } from '../domain/log.js';
import { AppError } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';
import { FACE_KEY_BYTES, FACE_KEYS, GROUP_KEY, decodeFace, decodeGroup, type GroupRecord } from './face-record.js';
import { GroupDirectory, newGroup, type Group } from './group-directory.js';

/** Label of the spaces in the store that hold a group. */
export const GROUP_LABEL = 'group';

const FACES_PER_REPORT = 5_000;

export interface LoadProgress {
  /** Number of groups that are loaded so far. */
  groups: number;
  totalGroups: number;
  faces: number;
}

/** Measures the condition of a face from its embedding; undefined for a model version without a measure of it. */
export type EstimateCondition = (modelVersion: string, embedding: Float32Array) => FaceCondition | undefined;

/** Returns a stored condition with its bias, which is not stored; the estimate where there is none. */
export function completeCondition(
  stored: FaceCondition | undefined,
  estimate: () => FaceCondition | undefined,
): FaceCondition | undefined {
  if (stored?.bias) return stored;
  const estimated = estimate();
  if (!stored || !estimated?.bias) return stored ?? estimated;
  const complete = { ...stored, bias: estimated.bias };
  // The mask model may have seen a mask that the embedding does not show.
  return stored.masked ? markMasked(complete) : complete;
}

export interface GalleryLoadOptions {
  store: SealedStore;
  log: Log;
  signal: AbortSignal;
  estimateCondition: EstimateCondition | undefined;
  onProgress: (progress: LoadProgress) => void;
}

export interface LoadedGroups {
  directory: GroupDirectory;
  /** Groups that are not served: their records do not open, or do not add up. */
  damagedGroups: number;
  damagedFaces: number;
}

/** Loads all groups and faces. @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT; the reason of the signal */
export async function loadGroups({
  store,
  log,
  signal,
  estimateCondition,
  onProgress,
}: GalleryLoadOptions): Promise<LoadedGroups> {
  const loaded: LoadedGroups = { directory: new GroupDirectory(), damagedGroups: 0, damagedFaces: 0 };
  const spaces = store.spaces(GROUP_LABEL);
  const progress: LoadProgress = { groups: 0, totalGroups: spaces.length, faces: 0 };
  for (const space of spaces) {
    const onFace = (): void => {
      signal.throwIfAborted();
      if (++progress.faces % FACES_PER_REPORT === 0) onProgress({ ...progress });
    };
    const found = await loadGroup(space, estimateCondition, onFace);
    if (found instanceof AppError) {
      loaded.damagedGroups++;
      const isAltered = found.code === 'STORE_ALTERED';
      const text = isAltered
        ? 'the records of a group do not add up: somebody removed some, or put some back. The group is refused'
        : 'a group cannot be read; it was kept';
      log.error({ space: space.id, error: found.message }, text);
    } else {
      const { group, damaged } = found;
      if (damaged > 0) log.error({ space: space.id, faces: damaged }, 'faces cannot be read; they were kept');
      loaded.damagedFaces += damaged;
      loaded.directory.add(group);
    }
    signal.throwIfAborted();
    progress.groups++;
  }
  onProgress({ ...progress });
  log.info({ groups: progress.groups - loaded.damagedGroups, faces: progress.faces }, 'the gallery is loaded');
  return loaded;
}

/**
 * Loads one group with its faces.
 * @returns the group, and the number of its faces that do not open; an AppError STORE_CORRUPT or STORE_ALTERED where it is not served
 */
async function loadGroup(
  space: Space,
  estimateCondition: EstimateCondition | undefined,
  onFace: () => void,
): Promise<{ group: Group; damaged: number } | AppError> {
  let group: Group | undefined;
  let unreadable: AppError | undefined;
  let damaged = 0;
  let scratch: Float32Array | undefined;
  const onDamaged = (key: Buffer, error: AppError): void => {
    if (key.equals(GROUP_KEY)) unreadable = error;
    damaged++;
    // The damaged record is kept: the next face must not be written over it.
    if (group && isFaceKey(key)) group.nextSequence = FACE_KEYS.decode(key) + 1;
  };
  const tally = space.tally();
  for await (const [key, value] of space.entries({}, onDamaged, tally)) {
    if (key.equals(GROUP_KEY)) {
      // The number of faces is stated: an array that grows is half as large again in the end, and exists twice while it is copied.
      const stated = (await space.statedCount()) ?? 1;
      const record = tryDecodeGroup(value);
      if (record instanceof AppError) unreadable = record;
      else group = newGroup(record, space, countFaces(record, stated));
      continue;
    }
    if (!group || !isFaceKey(key)) continue;
    const sequence = FACE_KEYS.decode(key);
    group.nextSequence = sequence + 1;
    try {
      const { face, embedding } = decodeFace(value, scratch);
      face.condition = completeCondition(face.condition, () =>
        estimateCondition?.(group!.record.modelVersion, embedding),
      );
      group.faces.add(face, sequence, embedding);
      scratch = embedding;
    } catch (error) {
      // A record that opens but has an unknown format comes from a newer version of Lintel.
      if (!(error instanceof AppError) && !(error instanceof TypeError)) throw error;
      damaged++;
    }
    onFace();
  }
  const problem = await space.compare(tally);
  if (problem !== undefined) return new AppError('STORE_ALTERED', problem);
  if (!group) return unreadable ?? new AppError('STORE_CORRUPT', 'a group has lost its record');
  return { group, damaged };
}

/** @param stated number of all records of the group. A copy has a head, and a record beside each face. */
function countFaces({ copyOf }: GroupRecord, stated: number): number {
  return Math.max(0, copyOf ? Math.floor((stated - 2) / 2) : stated - 1);
}

function isFaceKey(key: Buffer): boolean {
  return key.length === FACE_KEY_BYTES && key.compare(FACE_KEYS.range.gte) >= 0 && key.compare(FACE_KEYS.range.lt) < 0;
}

function tryDecodeGroup(record: Buffer): GroupRecord | AppError {
  try {
    return decodeGroup(record);
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_CORRUPT') return error;
    throw error;
  }
}
