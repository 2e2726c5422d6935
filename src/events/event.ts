// The events that leave Lintel, version 1 of their payload; events/match-event.schema.json is made from this schema.
import { z } from 'zod';
import { DEVICE_ID_PATTERN, EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../domain/ids.js';

const fraction = z.number().min(0).max(1);

/** What was decided of one person's appearance at one camera. Published as `lintel/{deviceId}/{cameraId}/{type}`, QoS 1, never retained. */
export const recognitionEventSchema = z
  .strictObject({
    version: z.literal(1),
    type: z.enum(['match', 'unknown']),
    eventId: z.uuid(),
    sequence: z.int().min(1).describe('counts the events of this device, without gaps'),
    deviceId: z.string().regex(DEVICE_ID_PATTERN),
    cameraId: z.string().regex(DEVICE_ID_PATTERN),
    trackId: z.int().min(1).describe('one appearance of one person in front of one camera, since the service started'),
    capturedAt: z.iso.datetime().describe('capture time of the best shot, UTC with milliseconds'),
    decidedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().describe('nothing may be opened on account of this event at or after this time'),
    groupId: z.string().regex(GROUP_ID_PATTERN),
    faceId: z.uuid().optional().describe('of the enrolled face; present in a match only'),
    imageId: z.uuid().optional(),
    externalImageId: z.string().regex(EXTERNAL_IMAGE_ID_PATTERN).optional(),
    similarity: z
      .number()
      .min(0)
      .max(100)
      .optional()
      .describe('of the nearest enrolled face; absent where the group is empty'),
    threshold: z.number().min(1).max(100),
    masked: z.boolean().optional(),
    bbox: z
      .strictObject({ x0: fraction, y0: fraction, x1: fraction, y1: fraction })
      .describe('of the best shot, fractions of the frame'),
    quality: fraction,
    modelVersion: z.string(),
  })
  .describe('Lintel recognition event');

export type RecognitionEvent = z.infer<typeof recognitionEventSchema>;

/** An event before the outbox gives it its id and its place in the sequence. */
export type EventDraft = Omit<RecognitionEvent, 'version' | 'eventId' | 'sequence' | 'deviceId'>;

/** The one exit of events. */
export interface EventSink {
  /** Resolves with the finished event once it is safely stored; publishing goes on behind it. */
  emit(draft: EventDraft): Promise<RecognitionEvent>;
}
