// Dialects of the NHN API that the server offers.
import type { Dialect } from './route.js';
import { v1 } from './routes/v1.js';
import { v2 } from './routes/v2.js';

export const DIALECTS: readonly Dialect[] = [v1, v2];
