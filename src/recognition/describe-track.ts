// Describes a track for a viewer: the decision on it, and the figures that lead to one.
import type { SeenTrack } from '../camera/seen-tracks.js';
import type { HeadChallenge } from '../domain/challenge.js';
import type { Box } from '../domain/face.js';
import type { EventDraft } from '../events/event.js';
import { decideIdentity, type IdentityRule } from './identity.js';
import type { Track } from './track.js';

export interface TrackSight {
  /** Pixels of the frame. */
  box: Box;
  rule: IdentityRule;
  /** Liveness so far; undefined where it is off. */
  liveness: EventDraft['liveness'];
  /** The challenges of the camera that can still be answered. */
  challenges: readonly HeadChallenge[];
}

/** Only a match names a person, as in events. */
export function describeTrack(track: Track, { box, rule, liveness, challenges }: TrackSight): SeenTrack {
  const { trackId, decision, matched, newest, isDoubtful, quality } = track;
  const challenge = challenges.find((one) => one.trackId === trackId);
  return {
    trackId,
    box,
    state: decision?.type ?? 'looking',
    ...(decision && { reason: decision.reason }),
    ...(matched && { faceId: matched.faceId }),
    ...(matched?.externalImageId !== undefined && { externalImageId: matched.externalImageId }),
    isDoubtful,
    ...newest,
    // Of an undecided track the quality of every frame is known, also of one that was not good enough for a shot.
    ...(quality !== undefined && { quality }),
    ...(liveness && { liveness: omitMode(liveness) }),
    ...(!decision && { progress: countShots(track, rule) }),
    ...(challenge && { challenge: { side: challenge.side, expiresAtMs: challenge.expiresAtMs } }),
  };
}

function countShots({ shots, agreed }: Track, rule: IdentityRule): NonNullable<SeenTrack['progress']> {
  const identity = decideIdentity(shots, rule);
  const leading = identity.kind === 'undecided' ? identity.leading : 0;
  const agreeing = agreed?.agreeing.length ?? (identity.kind === 'match' ? identity.agreeing.length : leading);
  return { shots: shots.length, agreeing, needed: rule.agree };
}

function omitMode({
  verdict,
  score,
  threshold,
  evidence,
}: NonNullable<EventDraft['liveness']>): NonNullable<SeenTrack['liveness']> {
  return {
    verdict,
    ...(score !== undefined && { score }),
    ...(threshold !== undefined && { threshold }),
    ...(evidence && { evidence }),
  };
}
