// What all requests of all APIs share: the budget of bytes, and the turns on the main thread.
import { performance } from 'node:perf_hooks';
import type { Config } from '../../config/schema.js';
import { countBodyBytes } from './body.js';
import { ByteBudget } from './byte-budget.js';
import { RequestTurns } from './turns.js';

export interface RequestLimits {
  budget: ByteBudget;
  turns: RequestTurns;
}

/** Most pictures of one request: compare has two. */
const MAX_PICTURES = 2;
/** Fields of a request beside its pictures. */
const FIELDS_BYTES = 65_536;

export interface RequestLimitsOptions {
  http: Pick<Config['http'], 'maxBytesInFlight' | 'maxImageBytes'>;
  /** Monotonic clock, in milliseconds from any origin. */
  monotonicMs?: (() => number) | undefined;
}

/** Makes the shared limits. The budget always has room for one request with the largest pictures. */
export function createRequestLimits({ http, monotonicMs }: RequestLimitsOptions): RequestLimits {
  const largest = countBodyBytes(MAX_PICTURES, { maxFieldsBytes: FIELDS_BYTES, maxImageBytes: http.maxImageBytes });
  const budget = new ByteBudget({
    maxBytes: Math.max(http.maxBytesInFlight, largest),
    monotonicMs: monotonicMs ?? (() => performance.now()),
  });
  return { budget, turns: new RequestTurns() };
}
