// The guard of the clock: which times it trusts, which it does not, and when it trusts the clock again.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { ClockGuard, type LastTime } from '../../src/clock/clock-guard.js';
import { ManualTimers, settle } from '../camera/manual-timers.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BUILT = Date.UTC(2026, 0, 1);
const NOW = Date.UTC(2026, 5, 1);

/** A device whose wall clock can be set; its monotonic clock is that of the timers. */
class Device {
  readonly timers = new ManualTimers(5_000);
  readonly record: { ms: number | undefined; fails: boolean; writes: number };
  wallMs: number;
  guard: ClockGuard;

  constructor(wallMs: number, lastMs?: number) {
    this.record = { ms: lastMs, fails: false, writes: 0 };
    this.wallMs = wallMs - this.timers.nowMs;
    this.guard = this.#newGuard();
  }

  get clock(): number {
    return this.wallMs + this.timers.nowMs;
  }

  set(wallMs: number): void {
    this.wallMs = wallMs - this.timers.nowMs;
  }

  step(byMs: number): void {
    this.wallMs += byMs;
  }

  /** Lets time pass, on both clocks. */
  async pass(ms: number): Promise<void> {
    await this.timers.advance(ms);
  }

  async restart(): Promise<void> {
    await this.guard.stop();
    this.guard = this.#newGuard();
    await this.guard.start();
  }

  #newGuard(): ClockGuard {
    const lastTime: LastTime = {
      read: async () => this.record.ms,
      write: async (ms) => {
        if (this.record.fails) throw new Error('the disk refuses');
        this.record.ms = ms;
        this.record.writes++;
      },
    };
    return new ClockGuard({
      clock: () => this.clock,
      monotonic: () => this.timers.nowMs,
      timers: this.timers,
      lastTime,
      buildMs: BUILT,
      log: silentLog,
    });
  }
}

async function started(wallMs: number, lastMs?: number): Promise<Device> {
  const device = new Device(wallMs, lastMs);
  await device.guard.start();
  return device;
}

describe('at a start', () => {
  it.each([
    ['no earlier time is known', NOW, undefined, undefined],
    ['it is after the last trusted time', NOW, NOW - DAY, undefined],
    ['it is a little behind', NOW - 4 * MINUTE, NOW, undefined],
    ['it is before the last trusted time', NOW - 6 * MINUTE, NOW, 'it is 6 min before the last trusted time'],
    [
      'it is before the build of the installation',
      BUILT - DAY,
      undefined,
      'it is 24 h before the build of this version',
    ],
    ['it is near the epoch', 10_000, NOW, 'days before the last trusted time'],
  ])('%s', async (_, wallMs, lastMs, problem) => {
    const { guard } = await started(wallMs, lastMs);
    if (problem === undefined) expect(guard.problem()).toBeUndefined();
    else expect(guard.problem()).toContain(problem);
    expect(guard.health().status).toBe(problem === undefined ? 'ok' : 'degraded');
    expect(guard.health().detail).toBe(guard.problem());
    await guard.stop();
  });
});

describe('while it runs', () => {
  it('a device without a battery is trusted a minute after the network has set its clock', async () => {
    const device = await started(10_000, NOW - DAY);
    await device.pass(20 * SECOND);
    expect(device.guard.problem()).toContain('before the last trusted time');
    device.set(NOW);
    expect(device.guard.problem()).toContain('it is trusted in 60 s');
    await device.pass(59 * SECOND);
    expect(device.guard.problem()).toContain('it is trusted in 1 s');
    await device.pass(2 * SECOND);
    expect(device.guard.problem()).toBeUndefined();
    expect(device.guard.health()).toMatchObject({ status: 'ok', facts: { trusted: true } });
  });

  it.each([
    ['a second forward', SECOND, undefined],
    ['a second back', -SECOND, undefined],
    ['three seconds forward', 3 * SECOND, 'the clock was set forward by 3 s'],
    ['three seconds back', -3 * SECOND, 'the clock was set back by 3 s'],
    ['a day forward', DAY, 'the clock was set forward by 24 h'],
  ])('a step of %s', async (_, byMs, problem) => {
    const device = await started(NOW);
    await device.pass(10 * MINUTE);
    device.step(byMs);
    if (problem === undefined) expect(device.guard.problem()).toBeUndefined();
    else expect(device.guard.problem()).toContain(problem);
    await device.pass(MINUTE + SECOND);
    expect(device.guard.problem()).toBeUndefined();
  });

  it('a further step starts the minute again', async () => {
    const device = await started(NOW);
    device.step(10 * SECOND);
    device.guard.problem();
    await device.pass(50 * SECOND);
    device.step(-5 * SECOND);
    await device.pass(50 * SECOND);
    expect(device.guard.problem()).toContain('set back');
    await device.pass(15 * SECOND);
    expect(device.guard.problem()).toBeUndefined();
  });

  it('a step is noticed even if nobody asks for the problem', async () => {
    const device = await started(NOW);
    device.step(HOUR);
    await device.pass(10 * SECOND);
    device.step(-HOUR);
    await device.pass(10 * SECOND);
    expect(device.guard.problem()).toContain('set back by 60 min');
  });

  it('a clock that was set back is not trusted until it has caught up, also after a restart', async () => {
    const device = await started(NOW);
    await device.pass(HOUR);
    device.step(-30 * MINUTE);
    await device.pass(5 * MINUTE);
    expect(device.guard.problem()).toContain('before the last trusted time');
    await device.restart();
    expect(device.guard.problem()).toContain('before the last trusted time');
    device.step(30 * MINUTE);
    expect(device.guard.problem()).toContain('forward');
    await device.pass(61 * SECOND);
    expect(device.guard.problem()).toBeUndefined();
  });

  it('a wrong time from the network does not outlast its correction', async () => {
    const device = await started(NOW);
    await device.pass(10 * MINUTE);
    device.step(4_000 * DAY);
    await device.pass(30 * MINUTE);
    expect(device.guard.problem()).toBeUndefined();
    device.step(-4_000 * DAY);
    expect(device.guard.problem()).toContain('set back');
    await device.pass(61 * SECOND);
    expect(device.guard.problem()).toBeUndefined();
    await device.restart();
    expect(device.guard.problem()).toBeUndefined();
  });

  it('the operator can accept it, also for later starts', async () => {
    const device = await started(NOW, NOW + 300 * DAY);
    expect(device.guard.problem()).toContain('300 days');
    await device.guard.accept();
    expect(device.guard.problem()).toBeUndefined();
    await device.restart();
    expect(device.guard.problem()).toBeUndefined();
  });

  it('nobody can accept a time before the build of the installation', async () => {
    const device = await started(BUILT - DAY, undefined);
    await device.guard.accept();
    expect(device.guard.problem()).toContain('before the build of this version');
  });
});

describe('the time on the disk', () => {
  it('is written every few minutes and at the stop, while the clock is trusted', async () => {
    const device = await started(NOW);
    await device.pass(HOUR);
    expect(device.record.writes).toBeGreaterThan(10);
    expect(device.record.writes).toBeLessThan(14);
    expect(device.record.ms).toBeGreaterThan(NOW + 54 * MINUTE);
    await device.guard.stop();
    expect(device.record.ms).toBe(NOW + HOUR);
    expect(device.timers.waitingMs).toEqual([]);
  });

  it('is not written while it is not trusted', async () => {
    const device = await started(NOW - DAY, NOW);
    await device.pass(HOUR);
    await device.guard.stop();
    expect(device.record).toMatchObject({ ms: NOW, writes: 0 });
  });

  it('that cannot be written changes nothing else', async () => {
    const device = await started(NOW);
    device.record.fails = true;
    await device.pass(20 * MINUTE);
    await settle();
    expect(device.guard.problem()).toBeUndefined();
    await expect(device.guard.accept()).rejects.toThrow('the disk refuses');
    device.record.fails = false;
    await device.guard.stop();
    expect(device.record.ms).toBe(NOW + 20 * MINUTE);
  });
});
