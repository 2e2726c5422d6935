// The events that Lintel publishes: version 2 of their payload, and the interfaces for writing and reading them.
import * as z from 'zod';
import { DEVICE_ID_PATTERN, EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../domain/ids.js';
import { LIVENESS_MODES } from '../domain/liveness-modes.js';
import type { DecisionGrounds, GroundsDraft } from './grounds.js';

const fraction = z.number().min(0).max(1);

export const EVENT_TYPES = ['match', 'unknown', 'spoof', 'uncertain'] as const;

/** Reasons of a decision. New names may be added; the meaning of a name never changes. */
export const REASONS = {
  agreed: 'match: enough frames agree on one person, at or above the threshold and well above every other person',
  'below-threshold': 'unknown: no enrolled face is similar enough',
  'empty-group': 'unknown: nobody is enrolled',
  tie: 'unknown: two persons are equally similar, within the margin',
  disagreement: 'unknown: the frames do not agree on one person',
  'not-alive': 'spoof: the liveness score, or other evidence, is that of a print or a screen',
  'too-few-frames':
    'uncertain: the person left before there were enough good frames, some of which agreed on an enrolled person; or the camera is ' +
    'too slow to see the turn of the head that it must ask for',
  masked:
    'uncertain: an enrolled person, but the camera refuses masks, and too few frames clearly show the face without one',
  'liveness-unsure': 'uncertain: an enrolled person, but liveness is required and could not be decided',
  'liveness-missing': 'uncertain: an enrolled person, but liveness is required and there is no model for it',
  'challenge-failed':
    'uncertain: an enrolled person, but the camera asks for a turn of the head, and it was not seen or could not be asked for',
  'clock-wrong': 'uncertain: an enrolled person, but the clock of the device cannot be trusted',
  'camera-fault': 'uncertain: an enrolled person, but the picture of the camera cannot be trusted',
  'group-unusable': 'uncertain: the group is missing, or enrolled under other models',
  'gallery-stale': 'uncertain: the group is a copy of the fleet that is too old to be relied on',
} as const;

export type Reason = keyof typeof REASONS;

/** Evidence of a print or a screen, beside the liveness score. New names may be added; the meaning of a name never changes. */
export const EVIDENCE = {
  border: 'straight edges enclose the face: a sheet or a screen, unless they stay behind when the face moves',
  pattern: 'the face has a periodic pattern: the dots of a print or the pixels of a screen',
  grey: 'the face has no colour, although its surroundings have',
  flat: 'the face turns as a flat picture does',
  still: 'nothing of the face has moved or changed for seconds',
} as const;

export type EvidenceName = keyof typeof EVIDENCE;

export const LIVENESS_VERDICTS = ['live', 'spoof', 'unsure', 'unavailable'] as const;

/**
 * Reasons why the broker does not take a message: it is larger than the broker allows, or the broker refuses it in another way. Also
 * reasons of gaps in the history.
 */
export const OMISSION_REASONS = ['too-large', 'refused'] as const;

/**
 * Decision about one appearance of one person at one camera. It is published on `lintel/{deviceId}/{cameraId}/{type}`, QoS 1, never
 * retained. match-event.schema.json is made from this schema.
 */
export const recognitionEventSchema = z
  .strictObject({
    version: z.literal(2),
    type: z.enum(EVENT_TYPES),
    eventId: z.uuid().describe('random; also the nonce of a grant'),
    sequence: z.int().min(1).describe('counts the events of this device, without gaps'),
    deviceId: z.string().regex(DEVICE_ID_PATTERN),
    cameraId: z.string().regex(DEVICE_ID_PATTERN),
    trackId: z.int().min(1).describe('one appearance of one person in front of one camera, since the service started'),
    capturedAt: z.iso.datetime().describe('capture time of the best shot, UTC with milliseconds'),
    decidedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().describe('a door must not open for this event at or after this time'),
    reason: z.enum(Object.keys(REASONS) as [Reason, ...Reason[]]),
    groupId: z.string().regex(GROUP_ID_PATTERN).describe('group of the matched face, otherwise of the nearest face'),
    faceId: z.uuid().optional().describe('the enrolled face; present in a match only'),
    imageId: z.uuid().optional(),
    externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN).optional(),
    similarity: z
      .number()
      .min(0)
      .max(100)
      .optional()
      .describe('similarity to the nearest enrolled face; absent when the group is empty'),
    threshold: z.number().min(1).max(100).describe('threshold that applied to this decision'),
    liveness: z
      .strictObject({
        mode: z.enum(LIVENESS_MODES),
        verdict: z.enum(LIVENESS_VERDICTS),
        score: z.number().optional().describe('logit(live) - logit(spoof), fused over the frames of the track'),
        threshold: z.number().optional(),
        evidence: z
          .array(z.enum(Object.keys(EVIDENCE) as [EvidenceName, ...EvidenceName[]]))
          .min(1)
          .optional()
          .describe('what speaks for a print or a screen, beside the score'),
      })
      .optional()
      .describe('absent when liveness is off'),
    masked: z.boolean().optional(),
    bbox: z
      .strictObject({ x0: fraction, y0: fraction, x1: fraction, y1: fraction })
      .describe('face box of the best shot, in fractions of the frame'),
    quality: fraction.describe('how suitable the best shot is: size, sharpness, pose, exposure, detection'),
    recognisability: fraction
      .optional()
      .describe(
        'whether the embedding of the best shot describes the person; absent where the models have no measure of it',
      ),
    modelVersion: z.string(),
    previous: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/)
      .optional()
      .describe('SHA-256 of the canonical JSON of the event before it (sequence - 1), in base64url; all A for none'),
    snapshot: z
      .base64()
      .max(100_000)
      .optional()
      .describe('the aligned face as JPEG, if the camera is configured to send it'),
    snapshotOmitted: z
      .strictObject({
        reason: z.enum(OMISSION_REASONS),
        hash: z
          .string()
          .regex(/^[A-Za-z0-9_-]{43}$/)
          .describe('hash of the event with its snapshot, which `previous` of the next event repeats'),
      })
      .optional()
      .describe('present where the snapshot was left out because the broker does not take the message with it'),
    keyId: z.string().optional().describe('id of the key that signed the event'),
    signature: z
      .base64url()
      .optional()
      .describe('Ed25519 over the canonical JSON (RFC 8785) of the event without this member'),
  })
  .describe('Lintel recognition event');

export type RecognitionEvent = z.infer<typeof recognitionEventSchema>;

/** A clock may show a time this long before the decision of an event and still count as right. */
const CLOCK_TOLERANCE_MS = 100;

/**
 * Returns the milliseconds until an event expires. A result that is not above 0 (it may be NaN) means: expired. A clock that shows a time
 * before the decision was set back, for example over a restart, and cannot tell the event's age: then the event counts as expired.
 */
export function computeLifeLeftMs({ decidedAt, expiresAt }: RecognitionEvent, nowMs: number): number {
  const decidedAtMs = Date.parse(decidedAt);
  if (decidedAtMs - nowMs > CLOCK_TOLERANCE_MS) return 0;
  return Date.parse(expiresAt) - Math.max(nowMs, decidedAtMs);
}

/** An event before the event log gives it its id, its sequence number and its place in the chain, and signs it. */
export type EventDraft = Omit<
  RecognitionEvent,
  'version' | 'eventId' | 'sequence' | 'deviceId' | 'previous' | 'snapshotOmitted' | 'keyId' | 'signature'
>;

/** Takes the decisions that are to be published: every event goes through it. */
export interface EventSink {
  /**
   * Resolves with the complete event when it is safely stored. It is published afterwards.
   * @param grounds what led to the decision; stored beside the event, and not published
   */
  emit(draft: EventDraft, grounds?: GroundsDraft): Promise<RecognitionEvent>;
}

export interface EventFilter {
  /** Only events with a smaller sequence number are listed; all events when it is absent. */
  before?: number | undefined;
  /** Largest number of events of a page, 1..1000. */
  limit: number;
  types?: readonly RecognitionEvent['type'][] | undefined;
  reasons?: readonly Reason[] | undefined;
  cameraId?: string | undefined;
  externalImageId?: string | undefined;
  /** Earliest decidedAt, epoch milliseconds. */
  fromMs?: number | undefined;
  /** Events decided at or after this time are left out, epoch milliseconds. */
  toMs?: number | undefined;
}

export interface EventPage {
  /** Newest first. */
  events: RecognitionEvent[];
  /** Value of `before` for the next page; absent on the last page. */
  before?: number;
}

/** A stored event as one reader opens it. */
export interface OpenedEvent {
  event: RecognitionEvent;
  /** Absent for an event of an earlier version of Lintel, and where its record is damaged. */
  grounds?: DecisionGrounds | undefined;
}

/** Reads the stored events. */
export interface EventReader {
  /** Lists events, newest first. */
  recent(filter: EventFilter): Promise<EventPage>;
  /** Reads one event with its grounds; undefined where it is not stored, or damaged. */
  open(sequence: number): Promise<OpenedEvent | undefined>;
}
