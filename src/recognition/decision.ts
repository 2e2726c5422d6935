// What follows from a decision about somebody's identity: what else must hold before it becomes a match.
import type { RecognitionEvent, Reason } from '../events/event.js';
import type { UnknownReason } from './identity.js';
import type { LivenessVerdict } from './liveness.js';

/** What is to be announced. */
export interface Outcome {
  type: RecognitionEvent['type'];
  reason: Reason;
}

export interface Circumstances {
  identity: { kind: 'match' } | { kind: 'unknown'; reason: UnknownReason };
  liveness: { mode: 'required' | 'observe' | 'off'; verdict: LivenessVerdict };
  /** No more shots are waited for. */
  isLast: boolean;
  /** Whether every group of the camera could be searched. */
  areGroupsUsable: boolean;
  isClockRight: boolean;
  isCameraRight: boolean;
}

/** @returns undefined: wait for another shot. An attack is one whoever it looks like; a match is the last thing that is left. */
export function judge(facts: Circumstances): Outcome | undefined {
  const { identity, liveness } = facts;
  const isRequired = liveness.mode === 'required';
  if (isRequired && liveness.verdict === 'spoof') return { type: 'spoof', reason: 'not-alive' };
  if (identity.kind === 'unknown') {
    if (!facts.areGroupsUsable) return { type: 'uncertain', reason: 'group-unusable' };
    return { type: 'unknown', reason: identity.reason };
  }
  if (!facts.isClockRight) return { type: 'uncertain', reason: 'clock-wrong' };
  if (!facts.isCameraRight) return { type: 'uncertain', reason: 'camera-fault' };
  if (isRequired) {
    if (liveness.verdict === 'unavailable') return { type: 'uncertain', reason: 'liveness-missing' };
    if (liveness.verdict !== 'live') return facts.isLast ? { type: 'uncertain', reason: 'liveness-unsure' } : undefined;
  }
  return { type: 'match', reason: 'agreed' };
}
