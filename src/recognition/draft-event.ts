// Writes the draft of an event: everything in it is about one shot, the best of the recent ones.
import type { CameraConfig } from '../config/camera-schema.js';
import type { EventDraft } from '../events/event.js';
import type { Decision } from './decision.js';
import type { Candidate, CandidateGroup } from './identity.js';
import type { SearchedShot, Shot } from './shot.js';

/**
 * Returns the shot that an event shows: the best one of the last half of the event's time to live, so that a match which took long to
 * decide does not arrive expired.
 * @param shots in the order of capture, at least one
 */
export function chooseShownShot<S extends Pick<Shot, 'capturedAtMs' | 'quality'>>(
  shots: readonly S[],
  eventTtlMs: number,
): S {
  const newest = shots.at(-1);
  if (!newest) throw new TypeError('an event needs at least one shot');
  return shots
    .filter((shot) => newest.capturedAtMs - shot.capturedAtMs <= eventTtlMs / 2)
    .reduce((best, shot) => (shot.quality > best.quality ? shot : best), newest);
}

/** Returns whether most of the shots show a mask; the value of the shown shot when they are divided. */
export function decideMasked(shots: readonly Pick<Shot, 'masked'>[], shown: Pick<Shot, 'masked'>): boolean | undefined {
  const masked = shots.filter((shot) => shot.masked === true).length;
  const bare = shots.filter((shot) => shot.masked === false).length;
  return masked === bare ? shown.masked : masked > bare;
}

export interface DraftInput {
  decision: Decision;
  trackId: number;
  /** The shot that the event shows. */
  shown: SearchedShot;
  /** The matched candidate, or the most similar one. */
  nearest: Candidate | undefined;
  /** The first group of the camera, which is named when there is no candidate. */
  firstGroup: CandidateGroup;
  liveness: EventDraft['liveness'];
  masked: boolean | undefined;
  /** JPEG */
  snapshot: Uint8Array | undefined;
  modelVersion: string;
  decidedAtMs: number;
}

/** Writes the draft of an event. Only a match names an enrolled face. */
export function draftEvent(config: Pick<CameraConfig, 'id' | 'eventTtlMs'>, input: DraftInput): EventDraft {
  const { decision, trackId, shown, nearest, firstGroup, liveness, masked, snapshot, modelVersion, decidedAtMs } =
    input;
  const matched = decision.type === 'match' ? nearest?.face : undefined;
  const group = nearest?.group ?? firstGroup;
  return {
    type: decision.type,
    cameraId: config.id,
    trackId,
    capturedAt: formatTime(shown.capturedAtMs),
    decidedAt: formatTime(decidedAtMs),
    expiresAt: formatTime(shown.capturedAtMs + config.eventTtlMs),
    reason: decision.reason,
    groupId: group.groupId,
    ...(matched && { faceId: matched.faceId, imageId: matched.imageId }),
    ...(matched?.externalImageId !== undefined && { externalImageId: matched.externalImageId }),
    ...(nearest && { similarity: nearest.similarity }),
    threshold: group.threshold,
    ...(liveness && { liveness }),
    ...(masked !== undefined && { masked }),
    bbox: shown.bbox,
    quality: shown.quality,
    ...(shown.condition && { recognisability: shown.condition.recognisability }),
    modelVersion: group.modelVersion ?? modelVersion,
    ...(snapshot && { snapshot: Buffer.from(snapshot).toString('base64') }),
  };
}

/** ISO 8601, UTC with milliseconds. */
function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
