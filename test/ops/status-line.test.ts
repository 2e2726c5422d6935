// The status line of `systemctl status`.
import { describe, expect, it } from 'vitest';
import { formatStatus } from '../../src/ops/status-line.js';

const ok = { status: 'ok', parts: { store: { status: 'ok', required: true } } } as const;

describe('the status', () => {
  it.each([
    [{ cameras: 0, camerasRunning: 0, recognitions: 0 }, 'serving, no cameras'],
    [{ cameras: 3, camerasRunning: 2, recognitions: 1 }, '2 of 3 cameras running, 1 recognition'],
    [{ cameras: 1, camerasRunning: 1, recognitions: 128 }, '1 of 1 cameras running, 128 recognitions'],
  ])('of a healthy service %j', (facts, text) => {
    expect(formatStatus({ ...facts, health: ok })).toBe(text);
  });

  it('names the parts that have a problem', () => {
    const parts = {
      store: { status: 'ok', required: true },
      events: { status: 'degraded', required: false, detail: 'the broker is away' },
      'camera:yard': { status: 'failed', required: false },
    } as const;
    const text = formatStatus({
      cameras: 1,
      camerasRunning: 0,
      recognitions: 0,
      health: { status: 'degraded', parts },
    });
    expect(text).toBe(
      '0 of 1 cameras running, 0 recognitions; degraded: events (the broker is away), camera:yard (failed)',
    );
  });

  it('is never longer than a line', () => {
    const parts = { x: { status: 'failed', required: true, detail: 'why '.repeat(1_000) } } as const;
    const text = formatStatus({ cameras: 0, camerasRunning: 0, recognitions: 0, health: { status: 'failed', parts } });
    expect(text).toHaveLength(400);
    expect(text).toMatch(/^serving, no cameras; failed: x \(why why .*…$/);
  });
});
