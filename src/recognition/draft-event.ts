// What an event says of a decision: all of it about one shot, the best of those that are recent.
import type { CameraConfig } from '../config/schema.js';
import type { EventDraft } from '../events/event.js';
import type { Shot } from './best-shots.js';
import type { Ballot, Candidate, CandidateGroup } from './identity.js';
import type { Outcome } from './decision.js';

/** A shot after its embedding and its search. The crop is kept only where an event or the keeper of strangers will want it. */
export type SeenShot = Omit<Shot, 'crop'> & Ballot & { embedding: Float32Array; atMs: number; crop?: Uint8Array };

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

/** What most of the shots say; what the shown one says where they are divided. */
export function majorityMasked(
  shots: readonly Pick<Shot, 'masked'>[],
  shown: Pick<Shot, 'masked'>,
): boolean | undefined {
  const masked = shots.filter((shot) => shot.masked === true).length;
  const bare = shots.filter((shot) => shot.masked === false).length;
  return masked === bare ? shown.masked : masked > bare;
}

export interface DraftInput {
  outcome: Outcome;
  trackId: number;
  shown: SeenShot;
  /** The matched face, or the nearest one. */
  nearest: Candidate | undefined;
  /** Named where nobody is near. */
  firstGroup: CandidateGroup;
  liveness: EventDraft['liveness'];
  masked: boolean | undefined;
  /** JPEG */
  snapshot: Uint8Array | undefined;
  modelVersion: string;
  decidedAtMs: number;
}

/** Faces of the group are named in a match only. */
export function draftEvent(config: Pick<CameraConfig, 'id' | 'eventTtlMs'>, input: DraftInput): EventDraft {
  const { outcome, trackId, shown, nearest, firstGroup, liveness, masked, snapshot, modelVersion, decidedAtMs } = input;
  const matched = outcome.type === 'match' ? nearest?.face : undefined;
  const group = nearest?.group ?? firstGroup;
  return {
    type: outcome.type,
    cameraId: config.id,
    trackId,
    capturedAt: isoTime(shown.capturedAtMs),
    decidedAt: isoTime(decidedAtMs),
    expiresAt: isoTime(shown.capturedAtMs + config.eventTtlMs),
    reason: outcome.reason,
    groupId: group.groupId,
    ...(matched && { faceId: matched.faceId, imageId: matched.imageId }),
    ...(matched?.externalImageId !== undefined && { externalImageId: matched.externalImageId }),
    ...(nearest && { similarity: nearest.similarity }),
    threshold: group.threshold,
    ...(liveness && { liveness }),
    ...(masked !== undefined && { masked }),
    bbox: shown.bbox,
    quality: shown.quality,
    modelVersion: group.modelVersion ?? modelVersion,
    ...(snapshot && { snapshot: Buffer.from(snapshot).toString('base64') }),
  };
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
