// All cameras of the configuration, each with its recogniser, as one part of the service; and what others may do with them.
import { Camera, type CameraStats } from './camera.js';
import type { CameraControl, CameraView, FrameJpeg, FrameJpegOptions } from './camera-control.js';
import type { CaptureAddon } from './capture-slot.js';
import { watchedGroupsOf, type CameraConfig } from '../config/schema.js';
import type { Health, HealthStatus } from '../domain/health.js';
import type { Part } from '../domain/part.js';
import { clientError, describeError } from '../errors.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import { Recogniser, type RecogniserParts, type RecogniserStats } from '../recognition/recogniser.js';
import { shownBoxes, type SeenFaces } from './shown-boxes.js';

export interface CamerasParts extends Omit<RecogniserParts, 'config' | 'cameraProblem' | 'vision'> {
  cameras: readonly CameraConfig[];
  /** Of the cameras' users, by the camera's id. */
  passwords: ReadonlyMap<string, string>;
  /** Whether the privacy switch is on from the beginning; off where it is not given. */
  privacy?: boolean;
  addon: CaptureAddon;
  vision: RecogniserParts['vision'] & Pick<Vision, 'analyseFrame' | 'encodeFrame'>;
}

export interface CameraReport {
  id: string;
  health: Health;
  camera: CameraStats;
  recognition: RecogniserStats;
  /** Events since the start, by type and reason. */
  outcomes: ReturnType<Recogniser['outcomes']>;
}

type Watcher = (frame: AnalysedFrame) => void;

interface Door {
  config: CameraConfig;
  camera: Camera;
  recogniser: Recogniser;
  watchers: Set<Watcher>;
  newest: SeenFaces | undefined;
}

export class Cameras implements Part, CameraControl {
  readonly name = 'cameras';
  readonly #parts: CamerasParts;
  readonly #doors: readonly Door[];
  #privacy: boolean;

  constructor(parts: CamerasParts) {
    this.#parts = parts;
    this.#privacy = parts.privacy ?? false;
    this.#doors = parts.cameras.map((config) => this.#newDoor(config));
  }

  /** Resolves when the first attempt of each camera has begun; a camera that is not there does not hold up the service. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#doors.map(({ camera }) => camera.start(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#doors.map(async ({ camera, recogniser }) => {
        await camera.stop();
        await recogniser.stop();
      }),
    );
  }

  /** Resolves when the first attempt of each camera is over, with whatever result, or after the limit. */
  async firstAttempts(limitMs: number): Promise<void> {
    const { timers } = this.#parts;
    let timer: unknown;
    const limit = new Promise<void>((resolve) => (timer = timers.setTimeout(resolve, limitMs)));
    await Promise.race([limit, Promise.all(this.#doors.map(({ camera }) => camera.firstAttempt))]);
    timers.clearTimeout(timer);
  }

  get privacy(): boolean {
    return this.#privacy;
  }

  async setPrivacy(on: boolean): Promise<void> {
    this.#privacy = on;
    await Promise.all(
      this.#doors.map((door) => {
        door.newest = undefined;
        if (on) door.recogniser.forgetAll();
        return door.camera.setPrivate(on);
      }),
    );
  }

  async pause(cameraId: string): Promise<void> {
    const door = this.#door(cameraId);
    door.newest = undefined;
    door.recogniser.forgetAll();
    await door.camera.pause();
  }

  async resume(cameraId: string): Promise<void> {
    await this.#door(cameraId).camera.resume();
  }

  watch(cameraId: string, listener: Watcher): () => void {
    const { watchers } = this.#door(cameraId);
    // A function of its own: the same listener may be given twice.
    const watcher: Watcher = (frame) => listener(frame);
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }

  async frame(cameraId: string, { boxes, ...options }: FrameJpegOptions): Promise<FrameJpeg | undefined> {
    const { camera, recogniser, newest } = this.#door(cameraId);
    const drawn = boxes ? shownBoxes(newest, recogniser, this.#parts.clock()) : [];
    const frame = await camera.encode({ ...options, boxes: drawn });
    if (!frame) return undefined;
    const { buffer, byteOffset, byteLength } = frame.jpeg;
    return { ...frame, jpeg: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength) };
  }

  views(): CameraView[] {
    return this.#doors.map(({ config, camera, recogniser, newest }) => ({
      id: config.id,
      health: worse(camera.health(), recogniser.health()),
      stats: camera.stats(),
      recognition: recogniser.stats(),
      ...(newest === undefined ? {} : { widthPx: newest.widthPx, heightPx: newest.heightPx }),
      groups: watchedGroupsOf(config).map(({ appKey, group }) => ({ appKey, groupId: group })),
    }));
  }

  /** One for each camera, in the order of the configuration. */
  reports(): CameraReport[] {
    return this.#doors.map(({ config, camera, recogniser }) => {
      const stats = camera.stats();
      const { status, fault, fps } = stats;
      const facts = {
        state: status,
        analysedFps: Math.round(fps * 10) / 10,
        ...(fault === undefined ? {} : { fault }),
      };
      const health = { ...worse(camera.health(), recogniser.health()), facts };
      return { id: config.id, health, camera: stats, recognition: recogniser.stats(), outcomes: recogniser.outcomes() };
    });
  }

  /** `failed` when no camera works, `degraded` when one has something to declare. */
  health(): Health {
    const reports = this.reports();
    const facts = Object.fromEntries(reports.map(({ id, health }) => [id, health.status]));
    const troubled = reports.filter(({ health }) => health.status !== 'ok');
    if (troubled.length === 0) return { status: 'ok', facts };
    const isAll = reports.every(({ health }) => health.status === 'failed');
    const detail = troubled.map(({ id, health }) => `${id}: ${health.detail ?? health.status}`).join('; ');
    return { status: isAll ? 'failed' : 'degraded', detail, facts };
  }

  #newDoor(config: CameraConfig): Door {
    const { passwords, log, ...parts } = this.#parts;
    const watchers = new Set<Watcher>();
    const recogniser = new Recogniser({ ...parts, log, config, cameraProblem: () => camera.problem() });
    const camera: Camera = new Camera({
      ...parts,
      log,
      config,
      password: passwords.get(config.id),
      isPrivate: this.#privacy,
      // Whoever watches wants to see every face in full.
      settledBoxes: () => (watchers.size > 0 ? undefined : recogniser.settledBoxes()),
      onFrame: async (frame) => {
        const { capturedAtMs, widthPx, heightPx, faces } = frame;
        door.newest = { capturedAtMs, widthPx, heightPx, boxes: faces.map(({ boxPx }) => boxPx) };
        this.#show(frame, watchers);
        await recogniser.onFrame(frame);
      },
    });
    const door: Door = { config, camera, recogniser, watchers, newest: undefined };
    return door;
  }

  /** Whoever only watches must not stop the recognition. */
  #show(frame: AnalysedFrame, watchers: ReadonlySet<Watcher>): void {
    for (const watcher of [...watchers]) {
      try {
        watcher(frame);
      } catch (error) {
        this.#parts.log.warn({ reason: describeError(error) }, 'a watcher of a camera failed');
      }
    }
  }

  #door(cameraId: string): Door {
    const door = this.#doors.find(({ config }) => config.id === cameraId);
    if (!door) throw clientError('CAMERA_NOT_FOUND', 'no camera of this id is configured');
    return door;
  }
}

const GRAVITY: readonly HealthStatus[] = ['ok', 'degraded', 'failed'];

function worse(a: Health, b: Health): Health {
  return GRAVITY.indexOf(b.status) > GRAVITY.indexOf(a.status) ? b : a;
}
