// What an event says of a decision: all of it about one shot, the best of those that are recent.
import type { CameraConfig } from '../config/schema.js';
import type { EventDraft } from '../events/event.js';
import type { Shot } from './best-shots.js';
import type { Ballot, Candidate } from './decide.js';

/** A shot after its embedding and its search; the crop is gone. */
export type SeenShot = Omit<Shot, 'crop'> & Ballot & { embedding: Float32Array };

/**
 * The best shot of the last half of an event's life, so that a grant that took long to decide does not arrive expired; where there is
 * none, the newest.
 * @param shots in the order of capture, at least one
 */
export function shotToShow<S extends Pick<Shot, 'capturedAtMs' | 'quality'>>(
  shots: readonly S[],
  eventTtlMs: number,
): S {
  const newest = shots[shots.length - 1];
  return shots
    .filter((shot) => newest.capturedAtMs - shot.capturedAtMs <= eventTtlMs / 2)
    .reduce((best, shot) => (shot.quality > best.quality ? shot : best), newest);
}

export interface DraftInput {
  type: 'match' | 'unknown';
  trackId: number;
  shown: SeenShot;
  /** The matched face, or the nearest one of a stranger. */
  nearest: Candidate | undefined;
  modelVersion: string;
  decidedAtMs: number;
}

/** Faces of the group are named in a match only. */
export function draftEvent(config: CameraConfig, input: DraftInput): EventDraft {
  const { type, trackId, shown, nearest, modelVersion, decidedAtMs } = input;
  const matched = type === 'match' ? nearest?.face : undefined;
  return {
    type,
    cameraId: config.id,
    trackId,
    capturedAt: isoTime(shown.capturedAtMs),
    decidedAt: isoTime(decidedAtMs),
    expiresAt: isoTime(shown.capturedAtMs + config.eventTtlMs),
    groupId: config.group,
    ...(matched && { faceId: matched.faceId, imageId: matched.imageId }),
    ...(matched?.externalImageId !== undefined && { externalImageId: matched.externalImageId }),
    ...(nearest && { similarity: nearest.similarity }),
    threshold: config.threshold,
    ...(shown.masked !== undefined && { masked: shown.masked }),
    bbox: shown.bbox,
    quality: shown.quality,
    modelVersion,
  };
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
