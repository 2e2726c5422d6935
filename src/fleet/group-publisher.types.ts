// The types of the authority's side of a group: what it is made of, what it is told, and what it finds in the log.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../domain/time.js';
import type { SourceFace } from '../gallery/group-copies.js';
import type { RandomBytes } from '../store/sealing.js';
import type { FleetLog } from './fleet-log.js';
import type { PublishedState } from './published-state.js';

export interface GroupPublisherOptions {
  log: FleetLog;
  /** Ed25519 private key of the authority. */
  authority: KeyObject;
  /** Hexadecimal. */
  fleet: string;
  state: PublishedState;
  /** Yields all faces of the group as the gallery has them now. */
  listFaces: () => AsyncIterable<SourceFace>;
  /** Time for which a head holds. */
  headLifeMs: number;
  clock: Clock;
  randomBytes: RandomBytes;
}

/** A face that was enrolled or changed, or one without `face` that was deleted. */
export interface FaceChange {
  faceId: string;
  face?: Pick<SourceFace, 'sequence' | 'record'> | undefined;
}

/** Result of a check of the log. */
export interface CheckedLog {
  state: 'whole' | 'healed';
  /**
   * Head that the log had. `newer`: this authority was put back to an older state, and goes on above that version. `foreign`: the authority did
   * not sign it.
   */
  head: 'same' | 'missing' | 'older' | 'newer' | 'foreign';
  /** Numbers of what was written, and of the subjects that were removed. */
  records: number;
  buckets: number;
  keyTables: number;
  removed: number;
  /** Epoch that doors have seen, and whose key this authority does not have: a new epoch must begin. */
  lostEpoch?: number;
}
