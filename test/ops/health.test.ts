// Health reports and the answers of GET /healthz and GET /readyz.
import { describe, expect, it } from 'vitest';
import type { Health, HealthStatus } from '../../src/domain/health.js';
import { HealthRegistry } from '../../src/ops/health.js';

function registry(parts: [name: string, status: HealthStatus, required: boolean][], started = true): HealthRegistry {
  const health = new HealthRegistry({ isStarted: () => started });
  for (const [name, status, required] of parts) health.add({ name, required, health: () => ({ status }) });
  return health;
}

describe('the status of the whole, the answer of /healthz and the answer of /readyz', () => {
  it.each<[parts: [string, HealthStatus, boolean][], status: HealthStatus, healthz: number, readyz: number]>([
    [[], 'ok', 200, 200],
    [
      [
        ['store', 'ok', true],
        ['camera', 'ok', false],
      ],
      'ok',
      200,
      200,
    ],
    [
      [
        ['store', 'ok', true],
        ['camera', 'degraded', false],
      ],
      'degraded',
      200,
      200,
    ],
    [
      [
        ['store', 'ok', true],
        ['camera', 'failed', false],
      ],
      'degraded',
      200,
      200,
    ],
    [
      [
        ['store', 'degraded', true],
        ['camera', 'ok', false],
      ],
      'degraded',
      200,
      200,
    ],
    [
      [
        ['store', 'failed', true],
        ['camera', 'ok', false],
      ],
      'failed',
      503,
      503,
    ],
    [
      [
        ['store', 'failed', true],
        ['vision', 'degraded', true],
      ],
      'failed',
      503,
      503,
    ],
  ])('of %j are %s, %i and %i', (parts, status, healthz, readyz) => {
    const health = registry(parts);
    expect(health.report().status).toBe(status);
    expect(health.liveness().status).toBe(healthz);
    expect(health.readiness().status).toBe(readyz);
    expect(health.readiness().body.ready).toBe(readyz === 200);
  });

  it('differ while the parts start: alive, not ready', () => {
    const health = registry([['store', 'ok', true]], false);
    expect(health.liveness().status).toBe(200);
    expect(health.readiness().status).toBe(503);
    expect(health.report()).toMatchObject({ status: 'ok', ready: false });
  });
});

describe('a report', () => {
  it('contains the health of each part, read again for every report', () => {
    const health = new HealthRegistry({ isStarted: () => true });
    let now: Health = { status: 'degraded', detail: 'no broker', facts: { pending: 3 } };
    health.add({ name: 'events', required: false, health: () => now });
    expect(health.report()).toEqual({
      status: 'degraded',
      ready: true,
      parts: { events: { status: 'degraded', detail: 'no broker', facts: { pending: 3 }, required: false } },
    });
    now = { status: 'ok' };
    expect(health.report().parts).toEqual({ events: { status: 'ok', required: false } });
  });

  it('survives a part that throws, and does not repeat what it threw', () => {
    const health = registry([['store', 'ok', true]]);
    health.add({
      name: 'broken',
      required: true,
      health: () => {
        throw new Error('/var/lib/lintel/keys');
      },
    });
    expect(health.report()).toEqual({
      status: 'failed',
      ready: false,
      parts: {
        store: { status: 'ok', required: true },
        broken: { status: 'failed', detail: 'its state cannot be read', required: true },
      },
    });
  });

  it('has one part of each name', () => {
    expect(() =>
      registry([
        ['a', 'ok', true],
        ['a', 'ok', true],
      ]),
    ).toThrow(TypeError);
  });
});
