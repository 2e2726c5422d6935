// The vital signs: what one reading has, the history behind them, and what they cost.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { READING_MS, type Measure } from '../../src/ops/history.js';
import { Vitals, type CameraLine } from '../../src/ops/vitals.js';
import { tempDir } from '../support/temp-dir.js';

const zero: Measure = { kind: 'mean', read: () => 0 };
const lines: Record<CameraLine, Measure> = { analysedFps: zero, delayMs: zero, analysisMs: zero, matchMs: zero };

/** Vital signs whose timer a test runs by hand. */
function makeVitals(parts: Partial<ConstructorParameters<typeof Vitals>[0]> = {}) {
  let nowMs = 0;
  let due: (() => void) | undefined;
  let set: () => void = () => undefined;
  const vitals = new Vitals({
    dataDir: tempDir(),
    requests: { requestsPerSecond: zero, requestMs: zero },
    cameras: [],
    clock: () => nowMs,
    timers: {
      setTimeout: (callback, delayMs) => {
        expect(delayMs).toBe(READING_MS);
        due = callback;
        set();
      },
      clearTimeout: () => (due = undefined),
    },
    ...parts,
  });
  return {
    vitals,
    start: () => vitals.start(),
    /** Runs the timer and waits for the next one, which is set when the reading is done. */
    pass: async () => {
      nowMs += READING_MS;
      const done = new Promise<void>((resolve) => (set = resolve));
      due?.();
      await done;
    },
    isTimerSet: () => due !== undefined,
  };
}

async function makeSys(): Promise<string> {
  const sys = tempDir();
  const zone = join(sys, 'class/thermal/thermal_zone0');
  await mkdir(zone, { recursive: true });
  await writeFile(join(zone, 'temp'), '45000\n');
  return sys;
}

describe('the vital signs', () => {
  it('are read at the start, and by one timer', async () => {
    const sys = await makeSys();
    const { vitals, start, pass, isTimerSet } = makeVitals({ sys });
    await start();
    const signs = vitals.signs();
    expect(signs.temperatureCelsius).toBe(45);
    expect(signs.diskFreeBytes).toBeGreaterThan(0);
    expect(signs.machineMemoryFreeBytes).toBeGreaterThan(0);
    expect(signs.machineMemoryBytes).toBeGreaterThanOrEqual(signs.machineMemoryFreeBytes);
    await writeFile(join(sys, 'class/thermal/thermal_zone0/temp'), '60000\n');
    await pass();
    expect(vitals.signs().temperatureCelsius).toBe(60);
    const { service } = vitals.history('hour');
    expect(service.temperatureCelsius).toEqual([60]);
    expect(service.memoryBytes[0]).toBeGreaterThan(1e6);
    await vitals.stop();
    expect(isTimerSet()).toBe(false);
  });

  it('leave out what the device cannot measure', async () => {
    const { vitals, start } = makeVitals({ sys: join(tempDir(), 'none'), dataDir: join(tempDir(), 'none') });
    await start();
    expect(vitals.signs()).not.toHaveProperty('temperatureCelsius');
    expect(vitals.signs()).not.toHaveProperty('diskFreeBytes');
    await vitals.stop();
  });

  it('see an event loop that was blocked', async () => {
    const { vitals, start, pass } = makeVitals();
    await start();
    const block = (): void => {
      const untilMs = performance.now() + 150;
      while (performance.now() < untilMs);
    };
    // The lag is measured when the timer runs again, which the first readings may come before.
    const readLag = async (): Promise<number> => {
      block();
      await pass();
      return vitals.signs().loopLagMs;
    };
    await expect.poll(readLag, { timeout: 20_000 }).toBeGreaterThan(100);
    expect(vitals.history('hour').service.loopLagMs.at(-1)).toBeGreaterThan(100);
    await vitals.stop();
  });

  it('keep the lines of each camera apart, in the order of their names', async () => {
    const one: Measure = { kind: 'mean', read: () => 1 };
    const cameras = [
      { id: 'front', measures: { ...lines, matchMs: one } },
      { id: 'yard', measures: { ...lines, analysedFps: one } },
    ];
    const { vitals, start, pass } = makeVitals({ cameras });
    await start();
    await pass();
    expect(vitals.history('hour').cameras).toEqual([
      { id: 'front', lines: { analysedFps: [0], delayMs: [0], analysisMs: [0], matchMs: [1] } },
      { id: 'yard', lines: { analysedFps: [1], delayMs: [0], analysisMs: [0], matchMs: [0] } },
    ]);
    await vitals.stop();
  });
});
