// The people before a camera as an answer: boxes in fractions of the picture, the decision on each track, and its figures.
import * as z from 'zod';
import { TRACK_STATES, type SeenTrack, type SeenTracks } from '../../camera/seen-tracks.js';
import { HEAD_SIDES } from '../../domain/challenge.js';
import { rounded } from '../../domain/face.js';
import { EVIDENCE, REASONS, type EvidenceName, type Reason } from '../../events/event.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);
const percent = z.number().min(0).max(100);

const trackAnswer = z
  .object({
    trackId: z.int().min(1).meta({ description: 'Track id in the event of this person.' }),
    box: z
      .object({ x0: fraction, y0: fraction, x1: fraction, y1: fraction })
      .meta({ description: 'Face box, in fractions of the picture.' }),
    state: z
      .enum(TRACK_STATES)
      .meta({ description: '`looking` while nothing is decided, otherwise the type of event.' }),
    reason: z
      .enum(Object.keys(REASONS) as [Reason, ...Reason[]])
      .optional()
      .meta({ description: 'Reason of the decision, as in its event.' }),
    faceId: z.uuid().optional().meta({ description: 'The enrolled face; present in a match only.' }),
    externalImageId: z.string().optional(),
    doubtful: z.boolean().meta({ description: 'True when the track may show another person by now.' }),
    similarity: percent
      .optional()
      .meta({ description: 'Similarity of the newest shot to the nearest enrolled person; absent before the first.' }),
    threshold: percent.optional().meta({ description: 'Threshold in force for that person.' }),
    liveness: z
      .object({
        verdict: z.enum(['live', 'spoof', 'unsure', 'unavailable']),
        score: z.number().optional(),
        threshold: z.number().optional(),
        evidence: z.array(z.enum(Object.keys(EVIDENCE) as [EvidenceName, ...EvidenceName[]])).optional(),
      })
      .optional()
      .meta({ description: 'Liveness so far, as in events; absent where it is off.' }),
    masked: z.boolean().optional(),
    quality: fraction.optional().meta({ description: 'How suitable the face is for recognition.' }),
    recognisability: fraction.optional().meta({ description: 'Whether the embedding describes the person.' }),
    progress: z
      .object({ shots: count, agreeing: count, needed: count })
      .optional()
      .meta({ description: 'Shots, those that agree on a person, and how many must; present while `looking`.' }),
    challenge: z
      .object({ side: z.enum(HEAD_SIDES), expiresAt: z.iso.datetime() })
      .optional()
      .meta({ description: 'Challenge that can still be answered.' }),
  })
  .meta({ id: 'Track' });

export const trackListAnswer = z
  .object({
    cameraId: z.string(),
    capturedAt: z.iso
      .datetime()
      .optional()
      .meta({ description: 'Time of the frame in which the faces were found; absent where there is no recent one.' }),
    tracks: z.array(trackAnswer),
  })
  .meta({ id: 'TrackList' });

export type TrackList = z.output<typeof trackListAnswer>;

/** @param seen undefined where no frame was analysed lately */
export function listTracks(cameraId: string, seen: SeenTracks | undefined): TrackList {
  if (!seen) return { cameraId, tracks: [] };
  const tracks = seen.tracks.map((track) => describeTrack(track, seen));
  return { cameraId, capturedAt: new Date(seen.capturedAtMs).toISOString(), tracks };
}

function describeTrack(track: SeenTrack, { widthPx, heightPx }: SeenTracks): TrackList['tracks'][number] {
  const { box, isDoubtful, reason, similarity, threshold, quality, recognisability, challenge, liveness, ...rest } =
    track;
  const x = (px: number): number => rounded(Math.max(0, Math.min(1, px / widthPx)), 1e4);
  const y = (px: number): number => rounded(Math.max(0, Math.min(1, px / heightPx)), 1e4);
  return {
    ...rest,
    box: { x0: x(box.x0), y0: y(box.y0), x1: x(box.x1), y1: y(box.y1) },
    ...(reason !== undefined && { reason: reason as Reason }),
    doubtful: isDoubtful,
    ...(similarity !== undefined && { similarity: rounded(similarity, 1e4) }),
    ...(threshold !== undefined && { threshold: rounded(threshold, 1e4) }),
    ...(liveness && { liveness: describeLiveness(liveness) }),
    ...(quality !== undefined && { quality: rounded(quality, 100) }),
    ...(recognisability !== undefined && { recognisability: rounded(recognisability, 100) }),
    ...(challenge && { challenge: { side: challenge.side, expiresAt: new Date(challenge.expiresAtMs).toISOString() } }),
  };
}

type TrackLiveness = NonNullable<TrackList['tracks'][number]['liveness']>;

function describeLiveness(liveness: NonNullable<SeenTrack['liveness']>): TrackLiveness {
  const { verdict, score, threshold, evidence } = liveness;
  return {
    verdict: verdict as TrackLiveness['verdict'],
    ...(score !== undefined && { score: rounded(score, 100) }),
    ...(threshold !== undefined && { threshold: rounded(threshold, 100) }),
    ...(evidence && { evidence: evidence as EvidenceName[] }),
  };
}

/** Writes each list of tracks once, however many viewers get it. */
export class TrackTexts {
  readonly #texts = new WeakMap<SeenTracks, string>();

  /** Returns the JSON of a TrackList. */
  write(cameraId: string, seen: SeenTracks | undefined): string {
    const text = (seen && this.#texts.get(seen)) ?? JSON.stringify(listTracks(cameraId, seen));
    if (seen) this.#texts.set(seen, text);
    return text;
  }
}
