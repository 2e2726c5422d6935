// The JSON Schema of the event payload for integrators, made from the schema in event.ts.
import * as z from 'zod';
import { recognitionEventSchema } from './event.js';

/** Makes the JSON Schema (draft 2020-12) that match-event.schema.json holds. */
export function makeEventJsonSchema(): object {
  return { $id: 'urn:lintel:recognition-event:2', ...z.toJSONSchema(recognitionEventSchema) };
}
