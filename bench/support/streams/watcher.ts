// A process of the bench: one real camera with detection, recognition and a gallery of the scene's people. It writes down what it sees.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cameras } from '../../../src/camera/cameras.js';
import { createScales } from '../../../src/compose/models.js';
import type { CameraConfig } from '../../../src/config/camera-schema.js';
import { configSchema } from '../../../src/config/schema.js';
import { silentLog } from '../../../src/domain/log.js';
import { systemTimers } from '../../../src/domain/time.js';
import { alwaysTrusted } from '../../../src/domain/trust.js';
import { describeError } from '../../../src/errors.js';
import { recognitionEventSchema, type EventDraft } from '../../../src/events/event.js';
import { LevelGallery } from '../../../src/gallery/leveldb-gallery.js';
import type { ModelSet } from '../../../src/models/manifest.js';
import { loadAddon, type Addon } from '../../../src/native/addon.js';
import { Recogniser } from '../../../src/recognition/recogniser.js';
import { SealedStore } from '../../../src/store/sealed-store.js';
import { Pipeline } from '../../../src/vision/pipeline.js';
import { builtinModels } from '../../../test/support/model-sets.js';
import { encodePicture } from '../../../tools/rendered-people/clip-file.js';
import { renderPortrait } from '../../../tools/rendered-people/demo-clip.js';
import { PEOPLE, comparePicture, readCells, readNumber } from './scene.js';

const GROUP = { owner: 'bench', groupId: 'staff' };
const LOOK_EVERY_MS = 20;

/** Order for a watcher. */
export interface WatchOrder {
  source: Record<string, unknown>;
  password?: string | undefined;
  /** Further keys of the camera. */
  camera: Record<string, unknown>;
  /** File of the scene's cells. */
  cells: string;
}

/** One delivered picture. Times are wall-clock milliseconds. */
export interface SeenPicture {
  atMs: number;
  capturedAtMs: number;
  /** Number in the scene; absent where it could not be read. */
  number?: number | undefined;
  widthPx: number;
  heightPx: number;
  /** Largest difference from the rendered picture, see comparePicture; absent without a number. */
  difference?: number | undefined;
  /** False while the camera says that its picture cannot be trusted. */
  isTrusted: boolean;
}

export interface WatchReport {
  pictures: SeenPicture[];
  /** Such as `match alice`, with the time of the decision and of the capture. */
  events: { atMs: number; capturedAtMs: number; text: string }[];
  /** Changes of the camera's health. */
  health: { atMs: number; status: string; detail: string }[];
  /** Time from the first picture to the end, and what was used in it. Processor time of reading: of the threads that the stream started. */
  seconds: number;
  cpuMs: number;
  readingMs: number;
  memoryMb: number;
  losses: number;
  reopenings: number;
}

export type WatcherMessage =
  { kind: 'ready' } | { kind: 'report'; report: WatchReport } | { kind: 'error'; error: string };

async function watch(order: WatchOrder): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-streams-'));
  const { models: set, modelsDir } = builtinModels;
  const addon = loadAddon();
  const cells = readCells(order);
  const report: WatchReport = { pictures: [], events: [], health: [], ...NOTHING_USED };
  let takenMs = 0;
  const lookingAddon: Addon = Object.assign(Object.create(addon) as Addon, {
    captureFrame(handle: number, after: number) {
      const beganMs = performance.now();
      const image = addon.captureFrame(handle, after);
      takenMs += performance.now() - beganMs;
      if (!image) return undefined;
      const { widthPx, heightPx, capturedAtMs } = image;
      const number = readNumber(image, addon);
      const known = number === undefined ? undefined : cells[number];
      const difference = known === undefined ? undefined : comparePicture(image, known, addon);
      const isTrusted = findProblem() === undefined;
      report.pictures.push({ atMs: Date.now(), capturedAtMs, number, widthPx, heightPx, difference, isTrusted });
      return image;
    },
  });
  const pipeline = await Pipeline.open({ addon: lookingAddon, set, modelsDir, providers: ['cpu'] });
  const gallery = await openGallery(folder, pipeline, set, addon);
  const config = readConfig(order);
  const passwords = new Map(order.password === undefined ? [] : [['door', order.password]]);
  let findProblem = (): string | undefined => undefined;
  const cameras = new Cameras({
    cameras: [config],
    passwords,
    addon: lookingAddon,
    vision: {
      analyseFrame: (handle, options) => pipeline.analyseFrame(handle, options),
      encodeFrame: async () => undefined,
    },
    createConsumer: (camera, cameraProblem) => {
      findProblem = cameraProblem;
      return createRecogniser({ config: camera, cameraProblem }, { set, pipeline, gallery, report });
    },
    clock: Date.now,
    timers: systemTimers,
    log: silentLog,
  });
  const threads = listThreads();
  const usage = { startMs: 0, cpuMs: 0, oldThreadsMs: 0 };
  const memoryMb = process.memoryUsage.rss() / 1e6;
  process.send?.({ kind: 'ready' } satisfies WatcherMessage);
  await cameras.start(new AbortController().signal);
  const look = setInterval(() => {
    const { health } = cameras.report('door');
    const [status, detail] = [health.status, health.detail ?? ''];
    const last = report.health.at(-1);
    if (last?.status !== status || last.detail !== detail) report.health.push({ atMs: Date.now(), status, detail });
    if (usage.startMs === 0 && report.pictures.length > 0) {
      Object.assign(usage, { startMs: Date.now(), cpuMs: readCpuMs(), oldThreadsMs: readThreadsMs(threads) });
      takenMs = 0;
    }
  }, LOOK_EVERY_MS);
  await new Promise<void>((resolve) => process.once('message', () => resolve()));
  clearInterval(look);
  if (usage.startMs > 0) {
    report.seconds = (Date.now() - usage.startMs) / 1_000;
    report.cpuMs = readCpuMs() - usage.cpuMs;
    report.readingMs = report.cpuMs - (readThreadsMs(threads) - usage.oldThreadsMs) + takenMs;
    report.memoryMb = process.memoryUsage.rss() / 1e6 - memoryMb;
  }
  const { losses, reopenings } = cameras.report('door').camera;
  Object.assign(report, { losses, reopenings });
  await cameras.stop();
  await gallery.stop();
  rmSync(folder, { recursive: true, force: true });
  process.send?.({ kind: 'report', report } satisfies WatcherMessage);
}

/** @throws Error for a configuration that this version does not know */
function readConfig({ source, camera }: WatchOrder): CameraConfig {
  const parsed = configSchema.safeParse({ cameras: [{ id: 'door', group: GROUP.groupId, source, ...camera }] });
  if (parsed.success) return parsed.data.cameras[0]!;
  const [issue] = parsed.error.issues;
  throw new Error(`the configuration refuses ${issue?.path.join('.')}: ${issue?.message}`);
}

const NOTHING_USED = { seconds: 0, cpuMs: 0, readingMs: 0, memoryMb: 0, losses: 0, reopenings: 0 };

async function openGallery(folder: string, pipeline: Pipeline, set: ModelSet, addon: Addon): Promise<LevelGallery> {
  const store = new SealedStore({ directory: join(folder, 'data'), masterKey: randomBytes(32), log: silentLog });
  const limits = { maxGroups: 1, maxFacesPerGroup: 10 };
  const gallery = new LevelGallery({ store, limits, clock: Date.now, log: silentLog });
  const { signal } = new AbortController();
  await store.start(signal);
  await gallery.start(signal);
  await gallery.createGroup(GROUP, set.modelVersion);
  for (const { name, seed } of PEOPLE) {
    const portrait = encodePicture(renderPortrait(seed), addon);
    const { faces } = await pipeline.analyseImage(portrait, { embed: 1, mask: false, liveness: false });
    const face = faces[0];
    if (!face?.embedding) throw new Error(`the portrait of ${name} shows no face`);
    const { embedding, detectionScore } = face;
    const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
    await gallery.enrol(GROUP, [{ externalImageId: name, bbox, detectionScore, embedding }]);
  }
  return gallery;
}

interface RecogniserNeeds {
  set: ModelSet;
  pipeline: Pipeline;
  gallery: LevelGallery;
  report: WatchReport;
}

function createRecogniser(
  camera: { config: CameraConfig; cameraProblem: () => string | undefined },
  { set, pipeline, gallery, report }: RecogniserNeeds,
): Recogniser {
  return new Recogniser({
    ...camera,
    vision: {
      modelVersion: set.modelVersion,
      hasLiveness: set.liveness !== undefined,
      embedCrops: (crops) => pipeline.embedCrops(crops),
    },
    gallery,
    findOwner: () => GROUP.owner,
    events: {
      async emit(draft: EventDraft) {
        const sequence = report.events.length + 1;
        const eventId = `00000000-0000-4000-8000-${String(sequence).padStart(12, '0')}`;
        const event = recognitionEventSchema.parse({ version: 2, eventId, sequence, deviceId: 'lintel', ...draft });
        const text = [event.type, event.externalImageId ?? event.reason].join(' ');
        report.events.push({ atMs: Date.now(), capturedAtMs: Date.parse(event.capturedAt), text });
        return event;
      },
    },
    challenges: { publishChallenge: () => undefined },
    chooseSide: () => 'left',
    scales: createScales(set.embedder).scales,
    livenessThresholds: set.liveness?.thresholds,
    trust: alwaysTrusted,
    clock: Date.now,
    monotonic: () => performance.now(),
    timers: systemTimers,
    log: silentLog,
  });
}

function readCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function listThreads(): string[] {
  return readdirSync('/proc/self/task');
}

/** Reads the processor time of threads; the kernel counts in hundredths of a second. */
function readThreadsMs(threads: readonly string[]): number {
  let ticks = 0;
  for (const thread of threads) {
    try {
      const fields = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // The thread has ended.
    }
  }
  return ticks * 10;
}

process.once('message', (order) => {
  watch(order as WatchOrder).then(
    () => process.disconnect(),
    (error: unknown) => {
      process.send?.({ kind: 'error', error: describeError(error) } satisfies WatcherMessage);
      process.disconnect();
    },
  );
});
