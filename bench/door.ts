// The bench of the door: the time from a frame's capture to its event at a subscriber, over that of the bare models; --soak: three cameras.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { renderClip } from '../tools/rendered-people/clip-file.js';
import { describeError } from '../src/errors.js';
import { DEFAULT_MODELS_DIR, loadManifest, getModelSet, type ModelSet } from '../src/models/manifest.js';
import { multipliesBytes, readProcessorFlags, type Precision } from '../src/models/precision.js';
import { chooseSetPrecision } from '../src/models/set-precision.js';
import { loadAddon } from '../src/native/addon.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { startService } from '../test/support/service.js';
import { BareModels, type BareTime } from './support/bare-models.js';
import {
  CLIP_MS,
  describeCamera,
  enrol,
  findBrokerPort,
  Listener,
  makeClip,
  quantile,
  readMetric,
  SEEN_MS,
  type Received,
  type Scene,
} from './support/door-stage.js';
import { measureFramesPerCore } from './support/frames-per-core.js';
import { interleavePairs, type Pair } from './support/pairs.js';
import { median, pairedRatio, result, type Bound, type Result } from './support/report.js';

const SCENES: readonly Scene[] = [
  { name: '640x480.1face', widthPx: 640, heightPx: 480, faces: 1 },
  { name: '1280x720.1face', widthPx: 1280, heightPx: 720, faces: 1 },
  { name: '640x480.8faces', widthPx: 640, heightPx: 480, faces: 8 },
  { name: '1280x720.8faces', widthPx: 1280, heightPx: 720, faces: 8 },
];
/** For each face. A machine that has the time for them gives two a second. */
const EVENTS_PER_ROUND = 8;
const ROUND_LIMIT_MS = 30_000;
/** What the latency is compared with. */
const BARE = 'of bare: detector at full size, mask model at 640 x 480, liveness, embedder';

interface DoorOptions {
  short: boolean;
  soak: boolean;
  /** Another built checkout. */
  against?: string | undefined;
}

export async function run({ short, soak, against }: DoorOptions): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  try {
    if (soak) return await soaked(folder, modelsDir, short ? 120 : 1_200);
    const set = getModelSet(loadManifest(), 'standard');
    const rounds = short ? 6 : 12;
    const results = await measureLatencies({ folder, modelsDir, set, precision: 'float', scenes: SCENES, rounds });
    results.push(...(await measureFrames(folder, modelsDir, { short, against })));
    const int8 = await inInt8(set, modelsDir);
    const scenes = SCENES.filter(({ faces }) => faces === 1);
    if (int8) {
      results.push(...(await measureLatencies({ folder, modelsDir, set: int8, precision: 'int8', scenes, rounds })));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the set with the 8-bit forms of its models; undefined, with the reason printed, when this processor cannot run them well. */
async function inInt8(set: ModelSet, modelsDir: string): Promise<ModelSet | undefined> {
  if (!multipliesBytes(process.arch, readProcessorFlags())) {
    console.log('not measured in 8 bits: the processor has no dot product of bytes');
    return undefined;
  }
  try {
    return (await chooseSetPrecision({ set, modelsDir, providers: ['cpu'], choice: 'int8' })).set;
  } catch (error) {
    console.log(`not measured in 8 bits: ${describeError(error)}`);
    return undefined;
  }
}

async function measureFrames(
  folder: string,
  modelsDir: string,
  { short, against }: { short: boolean; against: string | undefined },
): Promise<Result[]> {
  if (against === undefined) console.log('fps.per.core.ratio is not measured: it needs --against PATH');
  const order = { folder, modelsDir, against, rounds: short ? 6 : 12, cpuSeconds: short ? 1.5 : 4 };
  const [small, large] = [SCENES[0]!, SCENES[1]!];
  const float = { ...order, precision: 'float' } as const;
  return [
    ...(await measureFramesPerCore({ ...float, id: 'fps.per.core', scene: small, bound: ['>=', 2.5] })),
    ...(await measureFramesPerCore({ ...float, id: 'fps.per.core.1280x720', scene: large })),
  ];
}

/** Measures of one scene. */
interface Latencies {
  scene: Scene;
  /** Latency of the service over the time of the bare models, round by round. */
  pairs: readonly Pair[];
  withoutMask: readonly Pair[];
  p99: number;
  results: Result[];
}

interface LatencyOrder {
  folder: string;
  modelsDir: string;
  set: ModelSet;
  /** Precision of the service's models and of the bare ones. */
  precision: Precision;
  scenes: readonly Scene[];
  rounds: number;
}

/** Measures all scenes, and sums up those of one face and of eight by the worse of both sizes. */
async function measureLatencies(order: LatencyOrder): Promise<Result[]> {
  const { folder, modelsDir, set, precision, scenes, rounds } = order;
  const bare = await BareModels.open(set, modelsDir, precision);
  if (!bare.hasMask) console.log(`no ratio to all bare models (${precision}): the full-size mask model is missing`);
  const measured: Latencies[] = [];
  try {
    for (const scene of scenes) {
      const home = join(folder, `${precision}-${scene.name}`);
      measured.push(await measureScene(home, modelsDir, { scene, precision, bare, rounds }));
    }
  } finally {
    await bare.close();
  }
  const suffix = precision === 'int8' ? '.int8' : '';
  const results = measured.flatMap((one) => one.results);
  for (const faces of [1, 8] as const) {
    const those = measured.filter(({ scene }) => scene.faces === faces);
    if (those.length === 0) continue;
    const id = `latency.ratio.${faces === 1 ? '1face' : '8faces'}${suffix}`;
    const bound: Bound | undefined = faces === 1 && precision === 'float' ? ['<=', 0.8] : undefined;
    const describe = (field: 'pairs' | 'withoutMask', name: string, unit: string, limit?: Bound): Result =>
      those
        .map((one) => pairedRatio(name, one[field], `${unit}; the worse of both sizes`, limit))
        .reduce((worst, one) => (one.value > worst.value ? one : worst));
    if (bare.hasMask) results.push(describe('pairs', id, BARE, bound));
    results.push(describe('withoutMask', `${id}.without-mask`, 'of bare without a mask model'));
  }
  results.push(result(`latency.p99.ms${suffix}`, measured[0]!.p99, 'ms, 640 x 480, one face'));
  return results;
}

interface SceneOrder {
  scene: Scene;
  precision: Precision;
  bare: BareModels;
  rounds: number;
}

/** Measures the service and the bare models in turns. Each has the machine to itself: the service is stopped meanwhile. */
async function measureScene(
  folder: string,
  modelsDir: string,
  { scene, precision, bare, rounds }: SceneOrder,
): Promise<Latencies> {
  const id = `latency.${precision === 'int8' ? 'int8.' : ''}${scene.name}`;
  const path = `${folder}.avi`;
  await renderClip(makeClip(scene, CLIP_MS, SEEN_MS), path, { addon: loadAddon() });
  const config = { cameras: [describeCamera('bench', path, {})] };
  const service = await startService({ folder, modelsDir, precision, config });
  const listener = new Listener(findBrokerPort(service));
  const all: Received[] = [];
  const bareTimes: BareTime[] = [];
  const measureService = async (): Promise<number> => {
    await delay(1_000);
    listener.events.length = 0;
    const endMs = performance.now() + ROUND_LIMIT_MS;
    while (listener.events.length < EVENTS_PER_ROUND * scene.faces && performance.now() < endMs) await delay(100);
    const events = listener.events.splice(0);
    all.push(...events);
    return events.length === 0 ? NaN : median(events.map(({ latencyMs }) => latencyMs));
  };
  const measureBare = async (): Promise<number> => {
    process.kill(service.pid, 'SIGSTOP');
    try {
      // The index of its time: a round has two ratios, with the mask model and without it.
      return bareTimes.push(await bare.measureFrame(scene)) - 1;
    } finally {
      process.kill(service.pid, 'SIGCONT');
    }
  };
  try {
    await enrol(service, scene.faces);
    await delay(3_000);
    const rows = await interleavePairs(rounds, measureService, measureBare);
    const frames = await readMetric(service, 'lintel_camera_frames_total');
    const dropped = await readMetric(service, 'lintel_camera_dropped_frames_total');
    const matches = all.filter(({ type }) => type === 'match').length;
    if (!(matches >= 0.9 * all.length) || all.length < rounds) {
      throw new Error(`${id}: ${matches} of ${all.length} events are matches`);
    }
    // A round without an event, because other programs had the machine, has no ratio.
    const seen = rows.filter(({ a }) => !Number.isNaN(a));
    const makePairs = (field: keyof BareTime): Pair[] => seen.map(({ a, b }) => ({ a, b: bareTimes[b]![field] }));
    const pairs = makePairs('allMs');
    const withoutMask = makePairs('withoutMaskMs');
    const sorted = all.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
    const p99 = quantile(sorted, 0.99);
    const results = [
      ...(bare.hasMask ? [pairedRatio(`${id}.ratio`, pairs, 'of bare')] : []),
      ...(bare.hasMask ? [result(`${id}.bare.ms`, median(pairs.map(({ b }) => b)), 'ms')] : []),
      result(`${id}.bare.without-mask.ms`, median(withoutMask.map(({ b }) => b)), 'ms'),
      result(`${id}.p50.ms`, quantile(sorted, 0.5), 'ms'),
      result(`${id}.p99.ms`, p99, `ms, ${sorted.length} events`),
      result(`${id}.dropped`, dropped / frames, 'of all frames, by design'),
    ];
    return { scene, pairs, withoutMask, p99, results };
  } finally {
    listener.close();
    await service.stop();
  }
}

/** Runs three cameras at full rate, with people who come and go at each of them. */
async function soaked(folder: string, modelsDir: string, seconds: number): Promise<Result[]> {
  const addon = loadAddon();
  const paths = await Promise.all(
    [SCENES[0], SCENES[1], SCENES[2]].map(async (scene, i) => {
      const path = join(folder, `soak-${i}.avi`);
      await renderClip(makeClip(scene!, 4_000, 2_500), path, { addon });
      return path;
    }),
  );
  const cameras = paths.map((path, i) => describeCamera(`soak-${i}`, path, { agree: 3, outOf: 5, absenceMs: 1_000 }));
  const service = await startService({ folder: join(folder, 'soak'), modelsDir, config: { cameras } });
  const listener = new Listener(findBrokerPort(service));
  const parts = 20;
  const seen: { rssMb: number; handles: number; threads: number }[] = [];
  let matches = 0;
  try {
    await enrol(service, 8);
    for (let part = 0; part < parts; part++) {
      await delay((seconds * 1_000) / parts);
      matches += listener.events.splice(0).filter(({ type }) => type === 'match').length;
      const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
      const rssMb = (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024) / 1e6;
      const threads = Number(/Threads:\s+(\d+)/.exec(status)?.[1] ?? NaN);
      seen.push({ rssMb, threads, handles: readdirSync(`/proc/${service.pid}/fd`).length });
    }
    const frames = await readMetric(service, 'lintel_camera_frames_total');
    const dropped = await readMetric(service, 'lintel_camera_dropped_frames_total');
    // The first fifth is the warm-up of heaps and compilers.
    const compare = (field: 'rssMb' | 'threads' | 'handles'): [number, number] => [
      median(seen.slice(4, 8).map((one) => one[field])),
      median(seen.slice(-4).map((one) => one[field])),
    ];
    const [earlyMb, lateMb] = compare('rssMb');
    const [earlyHandles, lateHandles] = compare('handles');
    const [earlyThreads, lateThreads] = compare('threads');
    return [
      result('soak.matches', matches, 'events', ['>=', seconds / 10]),
      result('soak.frames', frames, 'frames'),
      result('soak.dropped', dropped / frames, 'of all frames, by design'),
      result('soak.memory.early.mb', earlyMb, 'MB, second fifth'),
      result('soak.memory.late.mb', lateMb, 'MB, last fifth'),
      result('soak.memory', lateMb / earlyMb, 'late of early', ['<=', 1.05]),
      result('soak.handles', lateHandles - earlyHandles, 'more of them late', ['<=', 2]),
      result('soak.threads', lateThreads - earlyThreads, 'more of them late', ['<=', 0]),
    ];
  } finally {
    listener.close();
    await service.stop();
  }
}
