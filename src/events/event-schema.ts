// The JSON Schema of the event payload, made from the one schema in event.ts; match-event.schema.json holds it for integrators.
import { z } from 'zod';
import { recognitionEventSchema } from './event.js';

/** Draft 2020-12. */
export function recognitionEventJsonSchema(): object {
  return { $id: 'urn:lintel:recognition-event:2', ...z.toJSONSchema(recognitionEventSchema) };
}
