// Reads the records of a gallery into memory group by group, for work that needs no store.
import { AppError } from '../errors.js';
import type { BackupRecord } from './backup.types.js';
import { decodeFace, FACE_KEYS, type GroupRecord } from './face-record.js';
import { GroupFaces } from './group-faces.js';
import { completeCondition, type EstimateCondition } from './load.js';

/** A group with its faces in memory. */
export interface ReadGroup {
  record: GroupRecord;
  faces: GroupFaces;
  /** Number of faces whose records have an unknown format. */
  damaged: number;
}

/** Yields each group when all its faces are read. @throws what `records` throws */
export async function* readGroupFaces(
  records: AsyncIterable<BackupRecord>,
  estimateCondition: EstimateCondition,
): AsyncGenerator<ReadGroup> {
  let group: ReadGroup | undefined;
  for await (const record of records) {
    if (record.kind === 'face' && group) addFace(group, record, estimateCondition);
    if (record.kind !== 'group' && record.kind !== 'end') continue;
    if (group) yield group;
    group = record.kind === 'group' ? { record: record.group, faces: new GroupFaces(), damaged: 0 } : undefined;
  }
}

function addFace(
  group: ReadGroup,
  { key, value }: Extract<BackupRecord, { kind: 'face' }>,
  estimateCondition: EstimateCondition,
): void {
  try {
    const { face, embedding } = decodeFace(value);
    face.condition = completeCondition(face.condition, () => estimateCondition(group.record.modelVersion, embedding));
    group.faces.add(face, FACE_KEYS.decode(key), embedding);
  } catch (error) {
    // A record that opens but has an unknown format comes from a newer version of Lintel.
    if (!(error instanceof AppError) && !(error instanceof TypeError)) throw error;
    group.damaged++;
  }
}
