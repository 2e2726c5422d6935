// The records of a backup, in the order in which it holds them.
import type { GroupRecord } from './face-record.js';

export interface GalleryTotals {
  groups: number;
  faces: number;
}

export interface BackupEnd extends GalleryTotals {
  /** Number of groups and faces that could not be read, and of groups that do not add up; they are missing. */
  damaged: number;
}

/** Records of a backup. Their order: begin, each group followed by its faces, the registry of appKeys, end. */
export type BackupRecord =
  | { kind: 'begin'; createdAtMs: number; totals: GalleryTotals }
  | { kind: 'group'; group: GroupRecord }
  /** A face as it is stored, with its key, which keeps the order of enrolment. */
  | { kind: 'face'; key: Buffer; value: Buffer }
  /** The registry of appKeys as JSON: names and digests. Backups of Lintel 0.2 have none where there was no registry. */
  | { kind: 'appKeys'; content: Buffer }
  | { kind: 'end'; end: BackupEnd };
