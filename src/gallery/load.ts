// Loads the groups into memory from the sealed store. Records that do not open are counted, reported and kept.
import { markMasked } from '../domain/bias.js';
import type { FaceCondition } from '../domain/condition.js';
import type { Log } from '../domain/log.js';
import { AppError } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';
import { FACE_KEYS, GROUP_KEY, decodeFace, decodeGroup } from './face-record.js';
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
    const group = await openGroup(space);
    if (group instanceof AppError) {
      loaded.damagedGroups++;
      log.error({ space: space.id, error: group.message }, 'a group cannot be read; it was kept');
    } else {
      const onFace = (): void => {
        signal.throwIfAborted();
        if (++progress.faces % FACES_PER_REPORT === 0) onProgress({ ...progress });
      };
      const damaged = await loadFaces(group, estimateCondition, onFace);
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

async function openGroup(space: Space): Promise<Group | AppError> {
  try {
    const record = await space.get(GROUP_KEY);
    if (!record) return new AppError('STORE_CORRUPT', 'a group has lost its record');
    // Faces are counted first: an array that grows is half as large again in the end, and exists twice while it is copied.
    return newGroup(decodeGroup(record), space, await space.count(FACE_KEYS.range));
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_CORRUPT') return error;
    throw error;
  }
}

/** Loads the faces of a group. @returns the number of faces that do not open */
async function loadFaces(
  group: Group,
  estimateCondition: EstimateCondition | undefined,
  onFace: () => void,
): Promise<number> {
  let damaged = 0;
  let scratch: Float32Array | undefined;
  const onDamaged = (key: Buffer): void => {
    // The damaged record is kept: the next face must not be written over it.
    group.nextSequence = FACE_KEYS.decode(key) + 1;
    damaged++;
  };
  for await (const [key, value] of group.space.entries(FACE_KEYS.range, onDamaged)) {
    const sequence = FACE_KEYS.decode(key);
    group.nextSequence = sequence + 1;
    try {
      const { face, embedding } = decodeFace(value, scratch);
      face.condition = completeCondition(face.condition, () =>
        estimateCondition?.(group.record.modelVersion, embedding),
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
  return damaged;
}
