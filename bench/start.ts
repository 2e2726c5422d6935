// The bench of the start: from the start of the process until the service is ready, empty and with 10,000 faces.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_MODELS_DIR } from '../src/models/manifest.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { startService } from '../test/support/service.js';
import { fillGallery } from './support/fill-gallery.js';
import { medianInterval, type Interval } from './support/interval.js';
import { interleavePairs, type Pair } from './support/pairs.js';
import { readTreeCpuSeconds } from './support/process-figures.js';
import { pairedRatio, resultWithInterval, type Bound, type Result } from './support/report.js';

interface StartOptions {
  short: boolean;
  /** Root of another built checkout, whose starts are measured in turns with those of this one. */
  against: string | undefined;
}

/** A start: wall clock and processor time until ready. */
interface Start {
  seconds: number;
  processorMs: number;
}

const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;

export async function run({ short, against }: StartOptions): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  try {
    const home = join(folder, 'home');
    // The first start creates the keys and measures the forms of the models.
    await start(home);
    const rounds = short ? 5 : 15;
    const results = await measure('second', home, rounds, ['<=', 1], against);
    await fillGallery(home, 'ten-thousand', 10_000);
    results.push(...(await measure('10k', home, rounds, ['<=', 1.2], against)));
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  name: string,
  home: string,
  rounds: number,
  bound: Bound,
  against: string | undefined,
): Promise<Result[]> {
  const here: Start[] = [];
  const there: Start[] = [];
  const processorTime = (into: Start[], checkout?: string) => async (): Promise<number> => {
    const one = await start(home, checkout);
    into.push(one);
    return one.processorMs;
  };
  let pairs: Pair[] = [];
  if (against === undefined) {
    for (let round = -1; round < rounds; round++) {
      const one = await start(home);
      if (round >= 0) here.push(one);
    }
  } else {
    pairs = await interleavePairs(rounds, processorTime(here), processorTime(there, against));
  }
  const median = (pick: (start: Start) => number): Interval => medianInterval(here.slice(-rounds).map(pick));
  const results = [
    resultWithInterval(
      `start.${name}`,
      median(({ seconds }) => seconds),
      's',
      bound,
    ),
    resultWithInterval(
      `start.${name}.processor`,
      median(({ processorMs }) => processorMs),
      'ms',
    ),
  ];
  if (pairs.length > 0)
    results.push(pairedRatio(`start.${name}.ratio`, pairs, 'x the processor time of the other checkout'));
  return results;
}

async function start(folder: string, checkout?: string): Promise<Start> {
  const service = await startService({
    folder,
    modelsDir,
    precision: 'auto',
    ...(checkout !== undefined && { checkout }),
  });
  const processorMs = readTreeCpuSeconds(service.pid) * 1_000;
  await service.stop();
  return { seconds: service.startMs / 1_000, processorMs };
}
