// All cameras of the configuration as one part of the service, and the operations that other rooms may call on them.
import { listWatchedGroups, type CameraConfig } from '../config/camera-schema.js';
import type { Health, HealthStatus } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock, Timers } from '../domain/time.js';
import { clientError, describeError } from '../errors.js';
import { waitAtMost } from '../platform/waiting.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import { Camera, type CameraStats } from './camera.js';
import type { CameraControl, CameraView, FrameJpeg, FrameJpegOptions } from './camera-control.js';
import type { CaptureAddon } from './capture-slot.js';
import type { Counters, EventCount, FrameConsumer } from './frame-consumer.js';
import { PictureShare } from './picture-share.js';
import type { SeenTracks } from './seen-tracks.js';
import { chooseShownBoxes, isRecent, type SeenFaces } from './shown-boxes.js';
import { StateWatch } from './state-watch.js';

export interface CamerasParts<Stats extends Counters = Counters> {
  cameras: readonly CameraConfig[];
  /** Password of each source that has a user, by camera id. */
  passwords: ReadonlyMap<string, string>;
  /** State of the privacy switch at construction; off by default. */
  privacy?: boolean;
  addon: CaptureAddon;
  /** `forCamera` returns the same with the lane of one camera. Default: all cameras share a lane. */
  vision: Pick<Vision, 'analyseFrame' | 'encodeFrame'> & {
    forCamera?: (cameraId: string) => Pick<Vision, 'analyseFrame' | 'encodeFrame'>;
  };
  /**
   * Makes the consumer of one camera's frames.
   * @param cameraProblem returns why the picture cannot be trusted now, in words; undefined while it can
   */
  createConsumer: (config: CameraConfig, cameraProblem: () => string | undefined) => FrameConsumer<Stats>;
  clock: Clock;
  timers: Timers;
  log: Log;
}

export interface CameraReport<Stats extends Counters = Counters> {
  id: string;
  health: Health;
  camera: CameraStats;
  recognition: Stats;
  eventCounts: readonly EventCount[];
}

type FrameWatcher = (frame: AnalysedFrame) => void;

interface CameraEntry<Stats extends Counters> {
  config: CameraConfig;
  camera: Camera;
  consumer: FrameConsumer<Stats>;
  watchers: Set<FrameWatcher>;
  /** Faces of the newest analysed frame. */
  newest: SeenFaces | undefined;
  /** Tracks of the newest analysed frame, where a viewer has asked for them since. */
  tracks: SeenTracks | undefined;
  pictures: PictureShare;
}

export class Cameras<Stats extends Counters = Counters> implements Part, CameraControl {
  readonly name = 'cameras';
  readonly #parts: CamerasParts<Stats>;
  readonly #entries: readonly CameraEntry<Stats>[];
  readonly #states = new StateWatch();
  #privacy: boolean;

  constructor(parts: CamerasParts<Stats>) {
    this.#parts = parts;
    this.#privacy = parts.privacy ?? false;
    this.#entries = parts.cameras.map((config) => this.#createEntry(config));
  }

  /** Resolves when the first attempt of each camera has begun; an absent camera does not delay the service. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#entries.map(({ camera }) => camera.start(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#entries.map(async ({ camera, consumer }) => {
        await camera.stop();
        await consumer.stop();
      }),
    );
  }

  /** Resolves when the first attempt of each camera has succeeded or failed, or after the limit. */
  async firstAttempts(limitMs: number): Promise<void> {
    const attempts = this.#entries.map(({ camera }) => camera.firstAttempt);
    await waitAtMost(limitMs, Promise.all(attempts), this.#parts.timers);
  }

  get privacy(): boolean {
    return this.#privacy;
  }

  async setPrivacy(on: boolean): Promise<void> {
    this.#privacy = on;
    const changes = this.#entries.map((entry) => {
      forgetPictures(entry);
      if (on) entry.consumer.forgetAll();
      return entry.camera.setPrivate(on);
    });
    this.#states.changed();
    await Promise.all(changes);
  }

  async pause(cameraId: string): Promise<void> {
    const entry = this.#find(cameraId);
    forgetPictures(entry);
    entry.consumer.forgetAll();
    await entry.camera.pause();
  }

  async resume(cameraId: string): Promise<void> {
    await this.#find(cameraId).camera.resume();
  }

  watch(cameraId: string, listener: FrameWatcher): () => void {
    const { watchers } = this.#find(cameraId);
    // A function of its own for each call: the same listener may be passed twice.
    const watcher: FrameWatcher = (frame) => listener(frame);
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }

  async frame(cameraId: string, { boxes, ...options }: FrameJpegOptions): Promise<FrameJpeg | undefined> {
    const { camera, consumer, newest, pictures } = this.#find(cameraId);
    const drawn = boxes ? chooseShownBoxes(newest, consumer, this.#parts.clock(), camera.pace) : [];
    const frame = await pictures.take({ ...options, boxes: drawn });
    // A picture that is shared may be older than the loss of the camera.
    if (camera.status !== 'running') pictures.forget();
    if (!frame || camera.status !== 'running') return undefined;
    const { buffer, byteOffset, byteLength } = frame.jpeg;
    return { ...frame, jpeg: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength) };
  }

  tracks(cameraId: string): SeenTracks | undefined {
    const entry = this.#find(cameraId);
    const { newest, camera, consumer } = entry;
    if (!newest || !isRecent(newest, this.#parts.clock(), camera.pace)) return undefined;
    const { capturedAtMs, widthPx, heightPx } = newest;
    entry.tracks ??= { capturedAtMs, widthPx, heightPx, tracks: consumer.seenTracks() };
    return entry.tracks;
  }

  watchStates(listener: () => void): () => void {
    return this.#states.watch(listener);
  }

  views(): CameraView[] {
    return this.#entries.map(({ config, camera, consumer, newest }) => ({
      id: config.id,
      health: chooseWorse(camera.health(), consumer.health()),
      stats: camera.stats(),
      recognition: consumer.stats(),
      ...(newest === undefined ? {} : { widthPx: newest.widthPx, heightPx: newest.heightPx }),
      groups: listWatchedGroups(config).map(({ appKey, group }) => ({ appKey, groupId: group })),
      challenges: consumer.openChallenges(),
    }));
  }

  /** Returns one report for each camera, in the order of the configuration. */
  reports(): CameraReport<Stats>[] {
    return this.#entries.map((entry) => createReport(entry));
  }

  /** Returns the report of one camera. @throws AppError CAMERA_NOT_FOUND */
  report(cameraId: string): CameraReport<Stats> {
    return createReport(this.#find(cameraId));
  }

  /** `failed` when every camera failed, `degraded` when at least one has a problem. */
  health(): Health {
    const reports = this.reports();
    const facts = Object.fromEntries(reports.map(({ id, health }) => [id, health.status]));
    const troubled = reports.filter(({ health }) => health.status !== 'ok');
    if (troubled.length === 0) return { status: 'ok', facts };
    const isAll = reports.every(({ health }) => health.status === 'failed');
    const detail = troubled.map(({ id, health }) => `${id}: ${health.detail ?? health.status}`).join('; ');
    return { status: isAll ? 'failed' : 'degraded', detail, facts };
  }

  #createEntry(config: CameraConfig): CameraEntry<Stats> {
    const { passwords, addon, vision, createConsumer, clock, timers, log } = this.#parts;
    const password = passwords.get(config.id);
    const watchers = new Set<FrameWatcher>();
    const consumer = createConsumer(config, () => camera.problem());
    const camera: Camera = new Camera({
      config,
      ...(password === undefined ? {} : { password }),
      isPrivate: this.#privacy,
      addon,
      vision: vision.forCamera?.(config.id) ?? vision,
      // A watcher needs crop and quality of every face.
      settledBoxes: () => (watchers.size > 0 ? undefined : consumer.settledBoxes()),
      restingBoxes: () => consumer.restingBoxes(),
      knownBoxes: () => (watchers.size > 0 ? undefined : consumer.knownBoxes()),
      onFrame: async (frame) => {
        const { capturedAtMs, widthPx, heightPx, faces } = frame;
        entry.newest = { capturedAtMs, widthPx, heightPx, boxes: faces.map(({ boxPx }) => boxPx) };
        this.#notify(watchers, frame);
        const done = consumer.onFrame(frame);
        // The consumer has taken the boxes by now, and has the decisions at the end.
        entry.tracks = undefined;
        await done;
        entry.tracks = undefined;
      },
      // No decision may rest on shots from both sides of the change.
      onStreamChange: () => {
        forgetPictures(entry);
        consumer.forgetAll();
      },
      onStateChange: () => this.#states.changed(),
      clock,
      timers,
      log,
    });
    const pictures = new PictureShare({ encode: (options) => camera.encode(options), clock });
    const newest = undefined;
    const entry: CameraEntry<Stats> = { config, camera, consumer, watchers, newest, tracks: undefined, pictures };
    return entry;
  }

  /** Calls every watcher. One that throws is logged: it must not stop the recognition. */
  #notify(watchers: ReadonlySet<FrameWatcher>, frame: AnalysedFrame): void {
    for (const watcher of [...watchers]) {
      try {
        watcher(frame);
      } catch (error) {
        this.#parts.log.warn({ reason: describeError(error) }, 'a watcher of a camera failed');
      }
    }
  }

  #find(cameraId: string): CameraEntry<Stats> {
    const entry = this.#entries.find(({ config }) => config.id === cameraId);
    if (!entry) throw clientError('CAMERA_NOT_FOUND', 'No camera of this id is configured.');
    return entry;
  }
}

/** Forgets everything that a viewer could be shown of the pictures so far. */
function forgetPictures(entry: Pick<CameraEntry<Counters>, 'newest' | 'tracks' | 'pictures'>): void {
  entry.newest = undefined;
  entry.tracks = undefined;
  entry.pictures.forget();
}

function createReport<Stats extends Counters>({ config, camera, consumer }: CameraEntry<Stats>): CameraReport<Stats> {
  const stats = camera.stats();
  const { status, fault, fps } = stats;
  const facts = { state: status, analysedFps: Math.round(fps * 10) / 10, ...(fault === undefined ? {} : { fault }) };
  const health = { ...chooseWorse(camera.health(), consumer.health()), facts };
  const recognition = consumer.stats();
  return { id: config.id, health, camera: stats, recognition, eventCounts: consumer.eventCounts() };
}

const SEVERITY: readonly HealthStatus[] = ['ok', 'degraded', 'failed'];

function chooseWorse(a: Health, b: Health): Health {
  return SEVERITY.indexOf(b.status) > SEVERITY.indexOf(a.status) ? b : a;
}
