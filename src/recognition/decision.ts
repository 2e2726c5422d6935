// Decides what follows from an identity: liveness, the clock, the camera and the groups must be right as well before it is a match.
import type { CameraConfig } from '../config/camera-schema.js';
import type { Reason, RecognitionEvent } from '../events/event.js';
import type { ChallengeStanding } from './challenge.js';
import type { UnknownReason } from './identity.js';
import type { LivenessVerdict } from './liveness.js';
import { demandsChallenge, demandsLiveness } from './liveness-mode.js';

/** Conclusion about a track: the type and the reason of its event. */
export interface Decision {
  type: RecognitionEvent['type'];
  reason: Reason;
}

export interface Circumstances {
  identity: { kind: 'match' } | { kind: 'unknown'; reason: UnknownReason };
  /** `masked`: the camera refuses masks, and no shot shows the bare face. `unsure`: some do, but fewer than must agree. */
  bareness: 'bare' | 'masked' | 'unsure' | 'any';
  liveness: { mode: CameraConfig['liveness']; verdict: LivenessVerdict };
  /** How the challenge to turn the head stands; undefined where there is none. */
  challenge: ChallengeStanding | undefined;
  /** True when no further shot is waited for. */
  isLast: boolean;
  /** True when every group of the camera could be searched. */
  areGroupsUsable: boolean;
  /** False when the group of the recognised person is a copy that is too old; where nobody was recognised, when any group of the camera is. */
  isGalleryFresh: boolean;
  isClockRight: boolean;
  isCameraRight: boolean;
}

/**
 * Decides on a track. A spoof stays a spoof, whichever person the face resembles, unless it shows itself only when the person is asked to
 * turn the head. A match requires that every circumstance is right.
 * @returns undefined when a further shot, or the answer to a challenge, is to be waited for; `challenge` when one is to be issued
 */
export function decide(circumstances: Circumstances): Decision | 'challenge' | undefined {
  const { identity, bareness, liveness, challenge, isLast } = circumstances;
  const { areGroupsUsable, isGalleryFresh, isClockRight, isCameraRight } = circumstances;
  const isRequired = demandsLiveness(liveness.mode);
  const isSpoof = isRequired && liveness.verdict === 'spoof';
  if (challenge === 'failed' || (challenge && isSpoof)) return { type: 'uncertain', reason: 'challenge-failed' };
  if (isSpoof) return { type: 'spoof', reason: 'not-alive' };
  if (identity.kind === 'unknown') {
    if (!isGalleryFresh) return { type: 'uncertain', reason: 'gallery-stale' };
    if (!areGroupsUsable) return { type: 'uncertain', reason: 'group-unusable' };
    return { type: 'unknown', reason: identity.reason };
  }
  if (!isGalleryFresh) return { type: 'uncertain', reason: 'gallery-stale' };
  if (!isClockRight) return { type: 'uncertain', reason: 'clock-wrong' };
  if (!isCameraRight) return { type: 'uncertain', reason: 'camera-fault' };
  if (bareness === 'masked' || (bareness === 'unsure' && isLast)) return { type: 'uncertain', reason: 'masked' };
  if (bareness === 'unsure') return undefined;
  if (isRequired) {
    if (liveness.verdict === 'unavailable') return { type: 'uncertain', reason: 'liveness-missing' };
    if (challenge === 'open') return isLast ? { type: 'uncertain', reason: 'challenge-failed' } : undefined;
    if (demandsChallenge(liveness.mode) && challenge === undefined) return 'challenge';
    if (liveness.verdict !== 'live') return isLast ? { type: 'uncertain', reason: 'liveness-unsure' } : undefined;
  }
  return { type: 'match', reason: 'agreed' };
}
