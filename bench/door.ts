// The bench of the door: the time from a frame's capture to its event at a subscriber, over that of the bare models; --soak: three cameras.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { encodePicture, renderClip } from '../tools/rendered-people/clip-file.js';
import type { ClipScript } from '../tools/rendered-people/clip.js';
import { renderPortrait } from '../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../tools/rendered-people/distinct-seeds.js';
import { describeError } from '../src/errors.js';
import { DEFAULT_MODELS_DIR, loadManifest, getModelSet, type Model, type ModelSet } from '../src/models/manifest.js';
import { readModel } from '../src/models/model-files.js';
import { multipliesBytes, readProcessorFlags, type Precision } from '../src/models/precision.js';
import { ModelSession, type FloatTensor } from '../src/models/session.js';
import { chooseSetPrecision } from '../src/models/set-precision.js';
import { loadAddon } from '../src/native/addon.js';
import { sharedModelsDir } from '../test/support/shared.js';
import { toImage, startService, type Service } from '../test/support/service.js';
import { median, result, type Result } from './support/report.js';

const GROUP = 'door';
const FPS = 25;
/** Length of a clip: six frames with a face, seven without. It gives two appearances a second, each decided by its first good frame. */
const CLIP_MS = (13 * 1_000) / FPS;
const SEEN_MS = (5.5 * 1_000) / FPS;

interface Scene {
  name: string;
  widthPx: number;
  heightPx: number;
  faces: 1 | 8;
}

const SCENES: readonly Scene[] = [
  { name: '640x480.1face', widthPx: 640, heightPx: 480, faces: 1 },
  { name: '1280x720.1face', widthPx: 1280, heightPx: 720, faces: 1 },
  { name: '640x480.8faces', widthPx: 640, heightPx: 480, faces: 8 },
  { name: '1280x720.8faces', widthPx: 1280, heightPx: 720, faces: 8 },
];

export async function run({ short, soak }: { short: boolean; soak: boolean }): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-bench-'));
  const modelsDir = sharedModelsDir ?? DEFAULT_MODELS_DIR;
  try {
    if (soak) return await soaked(folder, modelsDir, short ? 120 : 1_200);
    const set = getModelSet(loadManifest(), 'standard');
    const bare = await BareModels.open(set, modelsDir);
    const rounds = short ? 3 : 12;
    const results: Result[] = [];
    const measured = new Map<string, Latencies>();
    for (const scene of SCENES) {
      const order = { scene, id: `latency.${scene.name}`, precision: 'float', bare, rounds } as const;
      const latencies = await sceneLatencies(join(folder, scene.name), modelsDir, order);
      measured.set(scene.name, latencies);
      results.push(...latencies.results);
    }
    const ratio = (faces: string): number =>
      Math.max(
        ...SCENES.filter(({ name }) => name.endsWith(faces)).map(({ name }) => measured.get(name)?.ratio ?? NaN),
      );
    results.push(
      result('latency.ratio.1face', ratio('1face'), 'the worse of both sizes', ['<=', 1.5]),
      result('latency.ratio.8faces', ratio('8faces'), 'the worse of both sizes'),
      result('latency.p99.ms', measured.get(SCENES[0]!.name)?.p99 ?? NaN, 'ms, 640 x 480, one face'),
      ...(await framesPerCore(join(folder, 'fps'), modelsDir, short ? 10 : 30)),
    );
    await bare.close();
    const int8 = await inInt8(set, modelsDir);
    if (int8) results.push(...(await int8Latencies(folder, modelsDir, int8, rounds)));
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

/** Measures one face in both picture sizes, with the service and the bare models in 8 bits. */
async function int8Latencies(folder: string, modelsDir: string, set: ModelSet, rounds: number): Promise<Result[]> {
  const bare = await BareModels.open(set, modelsDir);
  const measured: Latencies[] = [];
  for (const scene of SCENES.filter(({ faces }) => faces === 1)) {
    const order = { scene, id: `latency.int8.${scene.name}`, precision: 'int8', bare, rounds } as const;
    measured.push(await sceneLatencies(join(folder, `int8-${scene.name}`), modelsDir, order));
  }
  await bare.close();
  const ratio = Math.max(...measured.map((latencies) => latencies.ratio));
  return [
    ...measured.flatMap(({ results }) => results),
    result('latency.ratio.1face.int8', ratio, 'of bare in 8 bits, the worse of both sizes'),
    result('latency.p99.ms.int8', measured[0]!.p99, 'ms, 640 x 480, one face'),
  ];
}

/** Makes a clip that shows all faces of the scene in a grid until `seenMs`, and then nobody. */
function makeClip({ widthPx, heightPx, faces }: Scene, durationMs: number, seenMs: number): ClipScript {
  const columns = faces === 1 ? 1 : 4;
  const rows = faces / columns;
  const sizePx = faces === 1 ? 0.3 * heightPx : Math.min(0.17 * widthPx, 0.24 * heightPx);
  return {
    widthPx,
    heightPx,
    fps: FPS,
    durationMs,
    background: 12,
    actors: DISTINCT_SEEDS.slice(0, faces).map((seed, i) => {
      const at = { x: ((i % columns) + 0.5) / columns, y: (Math.floor(i / columns) + 0.5) / rows, sizePx };
      return {
        who: { seed },
        blinks: false,
        keyframes: [
          { ...at, atMs: 0 },
          { ...at, atMs: seenMs },
        ],
      };
    }),
  };
}

async function enrol(service: Service, faces: number): Promise<void> {
  const addon = loadAddon();
  await service.call('POST', '/groups', { groupId: GROUP });
  for (const seed of DISTINCT_SEEDS.slice(0, faces)) {
    const image = toImage(encodePicture(renderPortrait(seed), addon));
    const answer = await service.call('POST', `/groups/${GROUP}`, { image, limit: 1, externalImageId: `p${seed}` });
    if (answer.header.resultCode !== 0) throw new Error(`person ${seed} could not be enrolled`);
  }
}

interface Received {
  type: string;
  latencyMs: number;
}

/** Runs mosquitto_sub as a process, which prints the time of arrival of each message. */
class Listener {
  readonly events: Received[] = [];
  readonly #child: ChildProcess;

  constructor(port: number) {
    const topics = ['match', 'unknown', 'uncertain', 'spoof'].flatMap((type) => ['-t', `lintel/+/+/${type}`]);
    const args = ['-oL', 'mosquitto_sub', '-h', '127.0.0.1', '-p', String(port), '-F', '%U %p', ...topics];
    this.#child = spawn('stdbuf', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (!this.#child.stdout) throw new TypeError('mosquitto_sub was spawned without a pipe');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const space = line.indexOf(' ');
      const event = JSON.parse(line.slice(space + 1)) as { type: string; capturedAt: string };
      const latencyMs = Number(line.slice(0, space)) * 1_000 - Date.parse(event.capturedAt);
      this.events.push({ type: event.type, latencyMs });
    });
  }

  close(): void {
    this.#child.kill();
  }
}

function brokerPort(service: Service): number {
  const line = service.log.find(({ msg }) => msg === 'the embedded MQTT broker listens');
  if (typeof line?.port !== 'number') throw new Error('the embedded broker does not listen');
  return line.port;
}

function camera(id: string, path: string, more: object): object {
  return {
    id,
    group: GROUP,
    source: { type: 'file', path, loop: true },
    maxFps: 30,
    // Each appearance is decided by one frame, so that the capture time in its event is the time of that frame.
    agree: 1,
    outOf: 1,
    absenceMs: 100,
    ...more,
  };
}

interface Latencies {
  ratio: number;
  p99: number;
  results: Result[];
}

interface SceneOrder {
  scene: Scene;
  /** Prefix of the results' ids. */
  id: string;
  /** Precision of the service's models and of the bare ones. */
  precision: Precision;
  bare: BareModels;
  rounds: number;
}

async function sceneLatencies(
  folder: string,
  modelsDir: string,
  { scene, id, precision, bare, rounds }: SceneOrder,
): Promise<Latencies> {
  const path = `${folder}.avi`;
  await renderClip(makeClip(scene, CLIP_MS, SEEN_MS), path, { addon: loadAddon() });
  const config = { cameras: [camera('bench', path, {})] };
  const service = await startService({ folder, modelsDir, precision, config });
  const listener = new Listener(brokerPort(service));
  const all: Received[] = [];
  const ratios: number[] = [];
  try {
    await enrol(service, scene.faces);
    await delay(3_000);
    for (let round = 0; round < rounds; round++) {
      listener.events.length = 0;
      await delay(4_000);
      const events = listener.events.splice(0);
      // While the service is stopped, the bare models have the machine to themselves, as the service had before.
      process.kill(service.pid, 'SIGSTOP');
      const bareMs = await bare.frameMs(scene);
      process.kill(service.pid, 'SIGCONT');
      all.push(...events);
      if (events.length > 0) ratios.push(median(events.map(({ latencyMs }) => latencyMs)) / bareMs);
      await delay(1_000);
    }
    const frames = await metric(service, 'lintel_camera_frames_total');
    const dropped = await metric(service, 'lintel_camera_dropped_frames_total');
    const matches = all.filter(({ type }) => type === 'match').length;
    if (!(matches >= 0.9 * all.length) || all.length < rounds) {
      throw new Error(`${id}: ${matches} of ${all.length} events are matches`);
    }
    const sorted = all.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
    const ratio = median(ratios);
    const p99 = quantile(sorted, 0.99);
    return {
      ratio,
      p99,
      results: [
        result(`${id}.ratio`, ratio, 'of bare'),
        result(`${id}.bare.ms`, await bare.frameMs(scene), 'ms'),
        result(`${id}.p50.ms`, quantile(sorted, 0.5), 'ms'),
        result(`${id}.p99.ms`, p99, `ms, ${sorted.length} events`),
        result(`${id}.dropped`, dropped / frames, 'of all frames, by design'),
      ],
    };
  } finally {
    process.kill(service.pid, 'SIGCONT');
    listener.close();
    await service.stop();
  }
}

type Runs = Record<'detector' | 'embedder' | 'mask' | 'liveness', (width: number, height: number) => Promise<void>>;

/** Runs the models for one frame, one after the other: the detector once, the others for each face. */
class BareModels {
  readonly #runs: Runs;
  readonly #sessions: readonly ModelSession[];

  private constructor(runs: Runs, sessions: readonly ModelSession[]) {
    this.#runs = runs;
    this.#sessions = sessions;
  }

  static async open(set: ModelSet, modelsDir: string): Promise<BareModels> {
    const sessions: ModelSession[] = [];
    const open = async (model: Model): Promise<(width: number, height: number) => Promise<void>> => {
      const inputs = new Map<string, Record<string, FloatTensor>>();
      const feeds = (width: number, height: number): Record<string, FloatTensor> => {
        const key = `${width}x${height}`;
        const data = (): Float32Array => Float32Array.from({ length: 3 * width * height }, (_, i) => (i * 7) % 255);
        const made = inputs.get(key) ?? { [model.input.name]: { data: data(), dims: [1, 3, height, width] } };
        inputs.set(key, made);
        return made;
      };
      const [width, height] = model.task === 'detector' ? [640, 480] : [model.input.widthPx, model.input.heightPx];
      const options = { providers: ['cpu'], warmUp: feeds(width, height), inFloat: model.inFloat };
      const session = await ModelSession.create(model.file, await readModel(modelsDir, model), options);
      sessions.push(session);
      return async (w, h) => void (await session.run(feeds(w || width, h || height)));
    };
    const { detector, embedder, mask, liveness } = set;
    if (!mask || !liveness) throw new Error('the bench needs all four models');
    const runs = {
      detector: await open(detector),
      embedder: await open(embedder),
      mask: await open(mask),
      liveness: await open(liveness),
    };
    return new BareModels(runs, sessions);
  }

  /** Measures the time for one frame, in ms: the median of several runs. A frame of 1280 x 720 is scaled to half for the detector. */
  async frameMs({ widthPx, faces }: Scene): Promise<number> {
    const [width, height] = widthPx === 640 ? [640, 480] : [640, 384];
    const times: number[] = [];
    for (let i = -2; i < (faces === 1 ? 30 : 8); i++) {
      const start = performance.now();
      await this.#runs.detector(width, height);
      for (let face = 0; face < faces; face++) {
        await this.#runs.mask(0, 0);
        await this.#runs.liveness(0, 0);
        await this.#runs.embedder(0, 0);
      }
      if (i >= 0) times.push(performance.now() - start);
    }
    return median(times);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }
}

/** Measures how many frames a core analyses in a second, decoding included, with one person who stays before the camera. */
async function framesPerCore(folder: string, modelsDir: string, seconds: number): Promise<Result[]> {
  const results: Result[] = [];
  for (const [id, scene] of [
    ['fps.per.core', SCENES[0]],
    ['fps.per.core.1280x720', SCENES[1]],
  ] as const) {
    const path = `${folder}-${scene!.name}.avi`;
    await renderClip(makeClip(scene!, 2_000, 2_000), path, { addon: loadAddon() });
    const config = camera('bench', path, { maxFps: 240, source: { type: 'file', path, loop: true, realTime: false } });
    const service = await startService({
      folder: `${folder}-${scene!.name}`,
      modelsDir,
      config: { cameras: [config], vision: { workers: 1 } },
    });
    try {
      await enrol(service, 1);
      await delay(3_000);
      const before = [await metric(service, 'lintel_vision_completed_total'), cpuSeconds(service.pid)];
      await delay(seconds * 1_000);
      const after = [await metric(service, 'lintel_vision_completed_total'), cpuSeconds(service.pid)];
      results.push(result(id, (after[0]! - before[0]!) / (after[1]! - before[1]!), 'frames per second of CPU'));
    } finally {
      await service.stop();
    }
  }
  return results;
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
  const cameras = paths.map((path, i) => camera(`soak-${i}`, path, { agree: 3, outOf: 5, absenceMs: 1_000 }));
  const service = await startService({ folder: join(folder, 'soak'), modelsDir, config: { cameras } });
  const listener = new Listener(brokerPort(service));
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
    const frames = await metric(service, 'lintel_camera_frames_total');
    const dropped = await metric(service, 'lintel_camera_dropped_frames_total');
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

/** Reads a metric of the running service, summed over its labels. */
async function metric(service: Service, name: string): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name) && /[ {]/.test(line[name.length] ?? ''));
  if (lines.length === 0) throw new Error(`no metric ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Reads the user and system time of all threads, in seconds; the kernel counts in hundredths. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}
