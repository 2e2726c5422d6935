// Frames that a core analyses in a second, decoding included, with one person who stays before the camera; also against another checkout.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { renderClip } from '../../tools/rendered-people/clip-file.js';
import type { Precision } from '../../src/models/precision.js';
import { loadAddon } from '../../src/native/addon.js';
import { startService, type Service } from '../../test/support/service.js';
import { describeCamera, enrol, makeClip, readMetric, type Scene } from './door-stage.js';
import { interleavePairs, type Measure } from './pairs.js';
import { readTreeCpuSeconds } from './process-figures.js';
import { median, pairedRatio, result, type Bound, type Result } from './report.js';

export interface FramesOrder {
  folder: string;
  modelsDir: string;
  /** Id of the figure. The ratio to the other checkout gets `.ratio` behind it. */
  id: string;
  scene: Scene;
  precision: Precision;
  rounds: number;
  /** Processor time of one measurement. */
  cpuSeconds: number;
  /** Root of another built checkout. */
  against?: string | undefined;
  /** Bound of the ratio to the other checkout. */
  bound?: Bound;
}

/** Time for a service that was stopped to follow its track again, in seconds of its processor time. */
const SETTLE_CPU_SECONDS = 0.3;
/** A service that gets no processor for this long is not running. */
const LIMIT_MS = 120_000;

/**
 * Measures this checkout and the other one in turns; only one service runs at a time. Only processor time counts, so that other programs on the
 * machine take nothing away but caches. @throws Error where the other checkout is not built
 */
export async function measureFramesPerCore(order: FramesOrder): Promise<Result[]> {
  const { folder, id, scene, rounds, cpuSeconds, against, bound } = order;
  const path = join(folder, `${id}.avi`);
  await renderClip(makeClip(scene, 2_000, 2_000), path, { addon: loadAddon() });
  const services: Service[] = [];
  const open = async (checkout?: string): Promise<Measure> => {
    const service = await startCamera(order, path, checkout);
    services.push(service);
    await enrol(service, 1);
    process.kill(service.pid, 'SIGSTOP');
    return () => measureTurn(service, cpuSeconds);
  };
  try {
    const ours = await open();
    if (against === undefined) {
      const rates: number[] = [];
      for (let round = -1; round < rounds; round++) {
        const rate = await ours();
        if (round >= 0) rates.push(rate);
      }
      return [result(id, median(rates), 'frames per second of CPU')];
    }
    const pairs = await interleavePairs(rounds, ours, await open(findCheckout(against)));
    return [
      result(id, median(pairs.map(({ a }) => a)), 'frames per second of CPU'),
      result(`${id}.against`, median(pairs.map(({ b }) => b)), 'frames per second of CPU, the other checkout'),
      pairedRatio(`${id}.ratio`, pairs, 'times the other checkout', bound),
    ];
  } finally {
    for (const service of services) {
      process.kill(service.pid, 'SIGCONT');
      await service.stop();
    }
  }
}

function findCheckout(path: string): string {
  const checkout = resolve(path);
  if (existsSync(join(checkout, 'dist', 'cli', 'main.js'))) return checkout;
  throw new Error(`there is no dist in ${path}: build that checkout first`);
}

/** Starts a service with one camera that gives frames as fast as they are taken. */
function startCamera(order: FramesOrder, path: string, checkout: string | undefined): Promise<Service> {
  const { folder, modelsDir, id, precision } = order;
  const source = { type: 'file', path, loop: true, realTime: false };
  // Another checkout may have other models than this one.
  const theirs = checkout === undefined ? '' : join(checkout, 'models', 'files');
  return startService({
    folder: join(folder, checkout === undefined ? id : `${id}-against`),
    modelsDir: existsSync(theirs) ? theirs : modelsDir,
    precision,
    ...(checkout === undefined ? {} : { checkout }),
    config: { cameras: [describeCamera('bench', path, { maxFps: 240, source })], vision: { workers: 1 } },
  });
}

/** Lets a stopped service run until it has used the processor time. @returns frames per second of it */
async function measureTurn(service: Service, cpuSeconds: number): Promise<number> {
  process.kill(service.pid, 'SIGCONT');
  await useCpu(service, SETTLE_CPU_SECONDS);
  const before = [await readMetric(service, 'lintel_vision_completed_total'), readTreeCpuSeconds(service.pid)];
  await useCpu(service, cpuSeconds);
  const after = [await readMetric(service, 'lintel_vision_completed_total'), readTreeCpuSeconds(service.pid)];
  process.kill(service.pid, 'SIGSTOP');
  return (after[0]! - before[0]!) / (after[1]! - before[1]!);
}

async function useCpu({ pid }: Service, seconds: number): Promise<void> {
  const until = readTreeCpuSeconds(pid) + seconds;
  const endMs = performance.now() + LIMIT_MS;
  while (readTreeCpuSeconds(pid) < until) {
    if (performance.now() > endMs) throw new Error('the service uses no processor time: its camera stands still');
    await delay(50);
  }
}
