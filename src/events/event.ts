// The events that leave Lintel, version 2 of their payload; events/match-event.schema.json is made from this schema.
import { z } from 'zod';
import { DEVICE_ID_PATTERN, EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../domain/ids.js';

const fraction = z.number().min(0).max(1);

export const EVENT_TYPES = ['match', 'unknown', 'spoof', 'uncertain'] as const;

/** Why it was decided so. A name may be added, none changes its meaning. */
export const REASONS = {
  agreed: 'match: enough frames agree on one person, at the threshold and clear of the next one',
  'below-threshold': 'unknown: no enrolled face is similar enough',
  'empty-group': 'unknown: nobody is enrolled',
  tie: 'unknown: two persons are as similar, within the margin',
  disagreement: 'unknown: the frames do not agree on one person',
  'not-alive': 'spoof: the liveness score is that of a print or a screen',
  'too-few-frames': 'uncertain: gone before enough good frames were seen; some of them agreed on a person',
  'liveness-unsure': 'uncertain: an enrolled person, but liveness is required and could not be told',
  'liveness-missing': 'uncertain: an enrolled person, but liveness is required and there is no model for it',
  'clock-wrong': 'uncertain: an enrolled person, but the clock of the device cannot be trusted',
  'camera-fault': 'uncertain: an enrolled person, but the picture of the camera cannot be trusted',
  'group-unusable': 'uncertain: the group is missing, or enrolled under other models',
} as const;

export type Reason = keyof typeof REASONS;

/** What was decided of one person's appearance at one camera. Published as `lintel/{deviceId}/{cameraId}/{type}`, QoS 1, never retained. */
export const recognitionEventSchema = z
  .strictObject({
    version: z.literal(2),
    type: z.enum(EVENT_TYPES),
    eventId: z.uuid().describe('random: also the nonce of a grant'),
    sequence: z.int().min(1).describe('counts the events of this device, without gaps'),
    deviceId: z.string().regex(DEVICE_ID_PATTERN),
    cameraId: z.string().regex(DEVICE_ID_PATTERN),
    trackId: z.int().min(1).describe('one appearance of one person in front of one camera, since the service started'),
    capturedAt: z.iso.datetime().describe('capture time of the best shot, UTC with milliseconds'),
    decidedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().describe('nothing may be opened on account of this event at or after this time'),
    reason: z.enum(Object.keys(REASONS) as [Reason, ...Reason[]]),
    groupId: z.string().regex(GROUP_ID_PATTERN).describe('of the matched, otherwise of the nearest face'),
    faceId: z.uuid().optional().describe('of the enrolled face; present in a match only'),
    imageId: z.uuid().optional(),
    externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN).optional(),
    similarity: z
      .number()
      .min(0)
      .max(100)
      .optional()
      .describe('of the nearest enrolled face; absent where the group is empty'),
    threshold: z.number().min(1).max(100).describe('in force for this decision'),
    liveness: z
      .strictObject({
        mode: z.enum(['required', 'observe']),
        verdict: z.enum(['live', 'spoof', 'unsure', 'unavailable']),
        score: z.number().optional().describe('logit(live) - logit(spoof), fused over the frames of the track'),
        threshold: z.number().optional(),
      })
      .optional()
      .describe('absent where it is off'),
    masked: z.boolean().optional(),
    bbox: z
      .strictObject({ x0: fraction, y0: fraction, x1: fraction, y1: fraction })
      .describe('of the best shot, fractions of the frame'),
    quality: fraction,
    modelVersion: z.string(),
    snapshot: z
      .base64()
      .max(100_000)
      .optional()
      .describe('the aligned face as JPEG, where the camera is configured to send it'),
    keyId: z.string().optional().describe('of the key that signed it'),
    signature: z
      .base64url()
      .optional()
      .describe('Ed25519 over the canonical JSON (RFC 8785) of the event without this member'),
  })
  .describe('Lintel recognition event');

export type RecognitionEvent = z.infer<typeof recognitionEventSchema>;

/** What a clock may stand before the decision of an event. */
const CLOCK_TOLERANCE_MS = 100;

/**
 * Milliseconds that are left of an event's life at a time, none where it is not more than 0 (or no number). A clock that stands before the
 * decision was set back, over a restart perhaps, and does not tell how long ago that was: then nothing is left.
 */
export function lifeLeftMs({ decidedAt, expiresAt }: RecognitionEvent, nowMs: number): number {
  const decidedAtMs = Date.parse(decidedAt);
  if (decidedAtMs - nowMs > CLOCK_TOLERANCE_MS) return 0;
  return Date.parse(expiresAt) - Math.max(nowMs, decidedAtMs);
}

/** An event before the log gives it its id and its place in the sequence, and signs it. */
export type EventDraft = Omit<
  RecognitionEvent,
  'version' | 'eventId' | 'sequence' | 'deviceId' | 'keyId' | 'signature'
>;

/** The one exit of events. */
export interface EventSink {
  /** Resolves with the finished event once it is safely stored; publishing goes on behind it. */
  emit(draft: EventDraft): Promise<RecognitionEvent>;
}

export interface EventFilter {
  /** Newest first, below this sequence number; from the newest where it is not given. */
  before?: number;
  /** 1..1000 */
  limit: number;
  types?: readonly RecognitionEvent['type'][];
  cameraId?: string;
  externalImageId?: string;
  /** By decidedAt, epoch milliseconds: from, and before. */
  fromMs?: number;
  toMs?: number;
}

/** The stored events, for those who look back. */
export interface EventReader {
  /** Newest first. @returns `before` of the next page, absent on the last one */
  recent(filter: EventFilter): Promise<{ events: RecognitionEvent[]; before?: number }>;
}
