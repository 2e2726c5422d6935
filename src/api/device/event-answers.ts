// Schemas of the answers about events.
import * as z from 'zod';
import { recognitionEventSchema } from '../../events/event.js';
import { decisionGroundsSchema } from '../../events/grounds.js';

const event = recognitionEventSchema.meta({ id: 'RecognitionEvent' });

export const eventListAnswer = z.object({
  events: z.array(event),
  before: z.int().optional().meta({ description: 'Value of `before` for the next page.' }),
  next: z.string().optional().meta({ description: 'Path of the next page; absent on the last page.' }),
});

export const openedEventAnswer = z
  .object({
    event,
    signed: z.string().meta({
      description:
        'What the signature of the event covers: its canonical JSON (RFC 8785) without the member `signature`, UTF-8.',
    }),
    grounds: decisionGroundsSchema.meta({ id: 'DecisionGrounds' }).optional().meta({
      description:
        'What led to the decision. Absent for an event of an earlier version of Lintel, and where it is damaged.',
    }),
    signedGrounds: z
      .string()
      .optional()
      .meta({ description: 'What the signature of the grounds covers, in the same form.' }),
  })
  .meta({ id: 'OpenedEvent' });
