// Compares what reading a stream costs in this checkout with another one, in turns and with the same streams.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADDON_PATH } from '../../../src/native/addon.js';
import { median, printTable, writeResults } from '../report.js';
import { makeClip, type Clip, type ClipOrder } from './clips.js';
import type { ReadOrder, ReadReport } from './reader.js';
import { SCENE_FRAME_MS } from './scene.js';
import { openRtsp } from './stages.js';
import { play } from './timeline.js';

const READER = fileURLToPath(new URL('./reader.ts', import.meta.url));
const LOOPS = 4;

/** H.264 with 25 frames per second, and the bit rates that cameras usually have. */
const STREAMS: readonly (Pick<ClipOrder, 'widthPx' | 'heightPx'> & { name: string; rate: string })[] = [
  { name: '720p', widthPx: 1280, heightPx: 720, rate: '2M' },
  { name: '1080p', widthPx: 1920, heightPx: 1080, rate: '4M' },
  { name: '4K', widthPx: 3840, heightPx: 2160, rate: '16M' },
];

interface Reading {
  /** Processor time for a second of the stream. */
  cpuMs: number;
  /** Median of the times from sending to taking. */
  latencyMs: number;
  memoryMb: number;
  picturesPerSecond: number;
}

export interface ReaderComparison {
  stream: string;
  before: Reading;
  now: Reading;
  /** Processor time now over before: median of the rounds, the smallest and the largest. */
  cpuRatio: { median: number; least: number; most: number };
  rounds: number;
}

export interface CompareOptions {
  /** Another built checkout, or its addon. */
  against: string;
  short: boolean;
  json: boolean;
  /** Names of streams, such as 720p; undefined: all. */
  only: readonly string[] | undefined;
}

/** Measures both in turns, and prints a table. */
export async function compareReaders(options: CompareOptions): Promise<void> {
  const addon = findAddon(options.against);
  if (addon === undefined) {
    console.error(`There is no addon in ${options.against}: build that checkout first.`);
    process.exitCode = 2;
    return;
  }
  const [rounds, durationMs] = options.short ? [3, 4_000] : [6, 6_000];
  const results: ReaderComparison[] = [];
  for (const stream of STREAMS.filter(({ name }) => options.only?.includes(name) ?? true)) {
    const clip = await makeClip(createOrder(stream));
    const pairs: { before: Reading; now: Reading }[] = [];
    for (let round = 0; round < rounds; round++) {
      const measure = (path: string): Promise<Reading> => measureReading(clip, path, durationMs);
      // Who begins changes, so that a machine that becomes slower favours nobody.
      if (round % 2 === 0) {
        const before = await measure(addon);
        pairs.push({ before, now: await measure(ADDON_PATH) });
      } else {
        const now = await measure(ADDON_PATH);
        pairs.push({ before: await measure(addon), now });
      }
    }
    const ratios = pairs.map(({ before, now }) => now.cpuMs / before.cpuMs);
    results.push({
      stream: stream.name,
      before: takeMedians(pairs.map(({ before }) => before)),
      now: takeMedians(pairs.map(({ now }) => now)),
      cpuRatio: { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) },
      rounds,
    });
  }
  if (options.json) console.log(JSON.stringify(results, null, 2));
  else printComparison(results);
  writeResults('streams-readers', results, { isTold: !options.json });
}

function findAddon(path: string): string | undefined {
  const whole = resolve(path);
  if (!existsSync(whole)) return undefined;
  const addon = statSync(whole).isDirectory() ? join(whole, 'build', 'lintel.node') : whole;
  return existsSync(addon) ? addon : undefined;
}

function createOrder({ widthPx, heightPx, rate }: (typeof STREAMS)[number]): ClipOrder {
  const limit = ['-b:v', rate, '-maxrate', rate, '-bufsize', rate];
  // Noise of a sensor, which the bit rate is spent on.
  return {
    codec: 'h264',
    widthPx,
    heightPx,
    fps: 25,
    keyEveryMs: 2_000,
    filters: ['noise=alls=6:allf=t'],
    encoder: limit,
  };
}

async function measureReading(clip: Clip, addon: string, durationMs: number): Promise<Reading> {
  const stage = await openRtsp(play(...Array.from({ length: LOOPS }, () => clip)));
  const child = fork(READER, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  try {
    const answered = Promise.race([
      once(child, 'message') as Promise<[ReadReport]>,
      once(child, 'exit').then(() => Promise.reject(new Error(`a reader failed: ${addon}`))),
    ]);
    child.send({ addon, url: String(stage.source.url), durationMs } satisfies ReadOrder);
    const [report] = await answered;
    const latencies = report.pictures.flatMap(({ atMs, number }) => {
      const sentMs = number === undefined ? undefined : stage.sentAtMs?.(number * SCENE_FRAME_MS, atMs);
      return sentMs === undefined ? [] : [atMs - sentMs];
    });
    const seconds = report.durationMs / 1_000;
    return {
      cpuMs: report.cpuMs / seconds,
      latencyMs: median(latencies),
      memoryMb: report.memoryMb,
      picturesPerSecond: report.pictures.length / seconds,
    };
  } finally {
    child.kill();
    await stage.stop();
  }
}

function takeMedians(readings: readonly Reading[]): Reading {
  const take = (name: keyof Reading): number => median(readings.map((reading) => reading[name]));
  return {
    cpuMs: take('cpuMs'),
    latencyMs: take('latencyMs'),
    memoryMb: take('memoryMb'),
    picturesPerSecond: take('picturesPerSecond'),
  };
}

function printComparison(results: readonly ReaderComparison[]): void {
  const head = ['stream', 'reader', 'CPU ms/s', 'latency ms', 'memory MB', 'pictures/s', 'CPU ratio (least to most)'];
  const rows = results.flatMap(({ stream, before, now, cpuRatio }) =>
    [before, now].map((reading, index) => [
      stream,
      index === 0 ? 'before' : 'now',
      reading.cpuMs.toFixed(0),
      reading.latencyMs.toFixed(0),
      reading.memoryMb.toFixed(0),
      reading.picturesPerSecond.toFixed(1),
      index === 0 ? '' : `${cpuRatio.median.toFixed(2)} (${cpuRatio.least.toFixed(2)} to ${cpuRatio.most.toFixed(2)})`,
    ]),
  );
  printTable([head, ...rows]);
}
