// The bench of the console: its bytes, the time until a page shows a picture and can be used, and what eight viewers cost the door.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { BrowserContext, Page } from 'playwright-core';
import { DEFAULT_MODELS_DIR } from '../src/models/manifest.js';
import { loadAddon } from '../src/native/addon.js';
import { ConsoleStage } from '../test/console/stage.js';
import { startService } from '../test/support/service.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { renderClip } from '../tools/rendered-people/clip-file.js';
import { ConsoleViewers } from './support/console-viewers.js';
import {
  CLIP_MS,
  describeCamera,
  enrol,
  findBrokerPort,
  Listener,
  makeClip,
  SEEN_MS,
  type Received,
  type Scene,
} from './support/door-stage.js';
import { meanInterval, medianInterval } from './support/interval.js';
import { median, result, resultWithInterval, type Result } from './support/report.js';

/** A Pi 4 takes about six times as long as the machines that this is measured on. */
const SLOWED = 6;
/** Time without a long task after which a page counts as at rest. */
const REST_MS = 1_000;
const PAGE_LIMIT_MS = 30_000;
const SCENE: Scene = { name: 'console', widthPx: 640, heightPx: 480, faces: 1 };
const CAMERA = 'bench';
const ROUND_MS = 4_000;
/** Time for viewers to come or go before a round. */
const SETTLE_MS = 1_000;

export async function run({ short }: { short: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  try {
    return [
      ...measureBytes(join(folder, 'built')),
      ...(await measureLoad(short ? 7 : 21)),
      ...(await measureViewers(folder, short ? 10 : 40)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds the console and counts the bytes of all its files, compressed as well as gzip does. */
function measureBytes(folder: string): Result[] {
  const script = fileURLToPath(new URL('../scripts/build-console.mjs', import.meta.url));
  execFileSync(process.execPath, [script, folder]);
  const files = join(folder, 'files');
  const countKb = (end: string): number =>
    readdirSync(files)
      .filter((name) => name.endsWith(end))
      .reduce((sum, name) => sum + gzipSync(readFileSync(join(files, name)), { level: 9 }).length, 0) / 1_000;
  return [
    result('console.js.kb', countKb('.js'), 'kB, gzipped, all screens', ['<=', 60]),
    result('console.css.kb', countKb('.css'), 'kB, gzipped', ['<=', 12]),
  ];
}

type SignedIn = Awaited<ReturnType<BrowserContext['storageState']>>;

interface Load {
  pictureMs: number;
  interactiveMs: number;
}

/** What a page notes of itself, in milliseconds since its navigation began; 0 for what has not happened. */
interface Marks {
  /** First picture of a camera that was drawn. */
  picture: number;
  /** Heading of the screen in the page. */
  heading: number;
  /** Beginning and end of each task of more than 50 ms. */
  longTasks: [number, number][];
}

/** Runs in the page before its own scripts. */
const OBSERVE = `
  const marks = { picture: 0, heading: 0, longTasks: [] };
  globalThis.benchMarks = marks;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) marks.longTasks.push([startTime, startTime + duration]);
  }).observe({ type: 'longtask', buffered: true });
  const noteDrawing = (prototype, name) => {
    const draw = prototype[name];
    prototype[name] = function (...values) {
      draw.apply(this, values);
      marks.picture ||= performance.now();
    };
  };
  noteDrawing(CanvasRenderingContext2D.prototype, 'drawImage');
  noteDrawing(ImageBitmapRenderingContext.prototype, 'transferFromImageBitmap');
  const isOfCamera = (element) => element instanceof HTMLImageElement && element.src.includes('/cameras/');
  addEventListener('load', ({ target }) => { if (isOfCamera(target)) marks.picture ||= performance.now(); }, true);
  const look = () => {
    if (document.querySelector('main h1')) marks.heading = performance.now();
    else requestAnimationFrame(look);
  };
  look();
`;

/** Opens the console again and again, each time in a browser profile of its own, so that nothing is in its cache. */
async function measureLoad(rounds: number): Promise<Result[]> {
  const stage = new ConsoleStage({ cameras: { entrance: 'guest' } });
  try {
    await stage.start();
    const signedIn = await (await stage.openConsole()).context().storageState();
    await stage.closePages();
    const loads: Load[] = [];
    // The first one warms up the service and the browser.
    for (let round = -1; round < rounds; round++) {
      const load = await loadOnce(stage, signedIn);
      if (round >= 0) loads.push(load);
    }
    return [
      ...describeTimes(
        'console.first-picture',
        loads.map(({ pictureMs }) => pictureMs),
      ),
      ...describeTimes(
        'console.interactive',
        loads.map(({ interactiveMs }) => interactiveMs),
      ),
    ];
  } finally {
    await stage.stop();
  }
}

async function loadOnce({ browser, url }: ConsoleStage, storageState: SignedIn): Promise<Load> {
  const context = await browser.newContext({ storageState, viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    await page.addInitScript(OBSERVE);
    const session = await context.newCDPSession(page);
    await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWED });
    await page.goto(`${url}#/doors`, { waitUntil: 'commit' });
    const { picture, heading, longTasks } = await readMarks(page);
    // The page can be used when its heading is there and no long task begins within a second.
    const interactiveMs = longTasks.reduce((at, [from, to]) => (from < at + REST_MS ? Math.max(at, to) : at), heading);
    return { pictureMs: picture, interactiveMs };
  } finally {
    await context.close();
  }
}

/** Waits until the page has shown a picture and is at rest. */
async function readMarks(page: Page): Promise<Marks> {
  const read = (): Promise<Marks> => page.evaluate<Marks>('benchMarks');
  for (const endMs = Date.now() + PAGE_LIMIT_MS; Date.now() < endMs; await delay(250)) {
    const { picture, heading } = await read();
    if (picture === 0 || heading === 0) continue;
    await delay(2 * REST_MS);
    return read();
  }
  throw new Error(`the console shows no picture after ${PAGE_LIMIT_MS / 1_000} s`);
}

/** The page's processor is slowed, and nothing else can be measured in turns with it: the bound has the interval of the median instead. */
function describeTimes(id: string, times: readonly number[]): Result[] {
  const unit = `ms from the address, median; processor slowed ${SLOWED} times`;
  return [resultWithInterval(`${id}.ms`, medianInterval(times), unit, ['<', 1_500])];
}

interface Round {
  latencyMs: number;
  memoryMb: number;
}

/** Measures the door with and without viewers, in turns. */
async function measureViewers(folder: string, rounds: number): Promise<Result[]> {
  const path = join(folder, 'door.avi');
  await renderClip(makeClip(SCENE, CLIP_MS, SEEN_MS), path, { addon: loadAddon() });
  const home = join(folder, 'door');
  const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  const config = { cameras: [describeCamera(CAMERA, path, {})] };
  const service = await startService({ folder: home, modelsDir, config });
  const listener = new Listener(findBrokerPort(service));
  const keys = [readFileSync(join(home, 'keys', 'admin-key'), 'utf8').trim(), addKey(home)];
  const viewers = new ConsoleViewers({ url: service.url, cameraId: CAMERA, keys });
  // The viewers are on the same processors as the service, and must not take them from it.
  setPriority(19);
  try {
    await enrol(service, 1);
    await delay(3_000);
    const pairs: { without: Round; with: Round }[] = [];
    for (let round = -1; round < rounds; round++) {
      const without = await measureRound(listener.events, service.pid);
      viewers.open();
      const withViewers = await measureRound(listener.events, service.pid);
      viewers.close();
      if (round >= 0) pairs.push({ without, with: withViewers });
    }
    if (viewers.failures > 0 || viewers.bytes < rounds * 100_000) {
      throw new Error(`the viewers received ${viewers.bytes} bytes, and ${viewers.failures} requests failed`);
    }
    return describePairs(pairs);
  } finally {
    viewers.close();
    listener.close();
    await service.stop();
  }
}

function addKey(home: string): string {
  const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
  const args = [cli, 'keys', 'add', 'viewers', '--admin', '--config', join(home, 'lintel.yaml')];
  return execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

async function measureRound(events: Received[], pid: number): Promise<Round> {
  await delay(SETTLE_MS);
  events.length = 0;
  await delay(ROUND_MS);
  const latencies = events.splice(0).map(({ latencyMs }) => latencyMs);
  if (latencies.length === 0) throw new Error('the door decided nothing in a round');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const memoryMb = (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024) / 1e6;
  return { latencyMs: median(latencies), memoryMb };
}

function describePairs(pairs: readonly { without: Round; with: Round }[]): Result[] {
  const pick = (which: 'without' | 'with', field: keyof Round): number =>
    median(pairs.map((pair) => pair[which][field]));
  const logs = pairs.map((pair) => Math.log(pair.with.latencyMs / pair.without.latencyMs));
  const { mean, low, high } = meanInterval(logs);
  const [ratio, from, to] = [Math.exp(mean), Math.exp(low), Math.exp(high)];
  const memoryMb = pick('with', 'memoryMb');
  return [
    result('console.latency.ms', pick('without', 'latencyMs'), 'ms from capture to event, without viewers'),
    {
      id: 'console.viewers.latency.ratio',
      value: ratio,
      unit: `with 8 viewers of without, 95 %: ${from.toFixed(3)} to ${to.toFixed(3)}, ${pairs.length} pairs of rounds`,
      bound: 'from <= 1 or to <= 1.05',
      holds: from <= 1 || to <= 1.05,
    },
    result('console.viewers.latency.interval', (to - from) / 2, 'half of the interval: a wide one shows nothing', [
      '<=',
      0.1,
    ]),
    result('console.viewers.memory.mb', memoryMb, 'MB, the whole service with 8 viewers'),
    result('console.viewers.memory.more.mb', memoryMb - pick('without', 'memoryMb'), 'MB more than without viewers'),
  ];
}
