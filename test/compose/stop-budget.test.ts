// The division of the stop: the parts' own time limits fit the shares that they are guaranteed.
import { expect, it } from 'vitest';
import { API_GRACE_MS, STOP_BUDGET } from '../../src/compose/stop-budget.js';
import { DEFAULT_TIMING } from '../../src/events/mqtt-publisher.js';
import { DEFAULT_WEBHOOK_TIMING } from '../../src/events/webhook.js';

const { totalMs, guaranteedMs } = STOP_BUDGET;
const { events = 0 } = guaranteedMs;

it('the share of the events covers the flush to a broker that does not answer, and the farewell', () => {
  expect(events).toBeGreaterThanOrEqual(DEFAULT_TIMING.flushTimeoutMs + DEFAULT_TIMING.endTimeoutMs + 200);
  expect(events).toBeGreaterThanOrEqual(DEFAULT_WEBHOOK_TIMING.stopTimeoutMs + 200);
});

it('the API grace and the guaranteed shares leave half a second for the other parts', () => {
  const guaranteed = Object.values(guaranteedMs).reduce((sum, shareMs) => sum + shareMs, 0);
  expect(API_GRACE_MS + guaranteed + 500).toBeLessThanOrEqual(totalMs);
});
