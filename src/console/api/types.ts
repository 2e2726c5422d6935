// Types of the answers of the device API, from the schemas of the service.
import type { z } from 'zod';

/** Type of the answer that a schema describes, such as `Answer<typeof cameraAnswer>`. */
export type Answer<Schema extends z.ZodType> = z.output<Schema>;
