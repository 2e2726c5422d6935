// What another threshold would have decided on the stored events. Nothing is changed by it.
import type { decisionListAnswer, similaritiesAnswer } from '../../../api/device/trust-answers.js';
import { acceptsPerAttempt } from '../../../domain/false-accept.js';
import type { Answer } from '../../api/types.js';

export type Similarities = Answer<typeof similaritiesAnswer>;
export type CameraThreshold = Similarities['cameras'][number];
export type DecisionPage = Answer<typeof decisionListAnswer>;
export type PastDecision = DecisionPage['decisions'][number];

export interface WhatIf {
  /** Matches that would have been refused. */
  refused: PastDecision[];
  /** Unknown people who would have been granted. */
  granted: PastDecision[];
}

/** Sorts out the decisions that another threshold changes, the nearest to it first. */
export function decideAgain(decisions: readonly PastDecision[], threshold: number): WhatIf {
  const reaches = ({ similarity = 0 }: PastDecision): boolean => similarity >= threshold;
  const refused = decisions.filter((one) => one.type === 'match' && !reaches(one));
  const granted = decisions.filter((one) => isBelowAlone(one) && reaches(one));
  const bySimilarity = (a: PastDecision, b: PastDecision): number => (b.similarity ?? 0) - (a.similarity ?? 0);
  return { refused: refused.sort(bySimilarity), granted: granted.sort(bySimilarity) };
}

/** Tells whether the threshold alone stood against a match: liveness, where it decides, did not. */
function isBelowAlone({ reason, liveness }: PastDecision): boolean {
  const demandsLiveness = liveness !== undefined && liveness.mode !== 'observe';
  return reason === 'below-threshold' && (!demandsLiveness || liveness.verdict === 'live');
}

/** Returns the share of strangers' attempts that end in a false accept at most, 0..1. @param threshold a whole similarity */
export function promiseAt(
  threshold: number,
  { faces, falseAcceptRates }: Similarities,
  camera: CameraThreshold,
): number {
  const { agree, outOf } = camera;
  return acceptsPerAttempt(falseAcceptRates[threshold] ?? 0, { enrolledFaces: faces, agree, outOf });
}

export interface ReasonCount {
  reason: PastDecision['reason'];
  type: PastDecision['type'];
  count: number;
}

/** Counts decisions by reason, the most frequent first. */
export function countReasons(decisions: readonly PastDecision[]): ReasonCount[] {
  const counts = new Map<string, ReasonCount>();
  for (const { reason, type } of decisions) {
    const known = counts.get(reason);
    if (known) known.count++;
    else counts.set(reason, { reason, type, count: 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** Writes the part of the configuration that puts a threshold in force. @param ofGroup true where the camera has several groups */
export function writeYaml(cameraId: string, groupId: string, threshold: number, ofGroup: boolean): string {
  const rule = ofGroup
    ? ['    groups:', `      - group: ${groupId}`, `        threshold: ${threshold}`]
    : [`    group: ${groupId}`, `    threshold: ${threshold}`];
  return ['cameras:', `  - id: ${cameraId}`, ...rule, ''].join('\n');
}
