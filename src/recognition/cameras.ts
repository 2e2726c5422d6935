// All cameras of the configuration, each with its recogniser, as one part of the service.
import type { CameraConfig } from '../config/schema.js';
import { Camera, type CameraStats, type CaptureAddon } from '../camera/camera.js';
import type { Health, HealthStatus } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { SimilarityScale } from '../domain/similarity.js';
import type { Clock, Timers } from '../domain/time.js';
import type { EventSink } from '../events/event.js';
import type { Gallery } from '../gallery/gallery.types.js';
import type { Vision } from '../vision/vision.js';
import { Recogniser, type RecogniserStats } from './recogniser.js';

export interface CamerasParts {
  cameras: readonly CameraConfig[];
  /** Of the cameras' users, by the camera's id. */
  passwords: ReadonlyMap<string, string>;
  /** The id of an appKey by its name; undefined where there is none. */
  ownerOf: (name: string) => string | undefined;
  addon: CaptureAddon;
  vision: Pick<Vision, 'modelVersion' | 'analyseFrame' | 'embedCrops'>;
  gallery: Pick<Gallery, 'group' | 'searchByEmbedding'>;
  events: EventSink;
  /** Of the loaded model set. */
  scale: SimilarityScale;
  clock: Clock;
  timers: Timers;
  log: Log;
}

export interface CameraReport {
  id: string;
  health: Health;
  camera: CameraStats;
  recognition: RecogniserStats;
}

interface Watch {
  id: string;
  camera: Camera;
  recogniser: Recogniser;
}

export class Cameras implements Part {
  readonly name = 'cameras';
  readonly #watches: readonly Watch[];

  constructor(parts: CamerasParts) {
    this.#watches = parts.cameras.map((config) => {
      const recogniser = new Recogniser({ ...parts, config });
      const password = parts.passwords.get(config.id);
      const camera = new Camera({ ...parts, config, password, onFrame: (frame) => recogniser.onFrame(frame) });
      return { id: config.id, camera, recogniser };
    });
  }

  /** Resolves when the first attempt of each camera has begun; a camera that is not there does not hold up the service. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#watches.map(({ camera }) => camera.start(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#watches.map(async ({ camera, recogniser }) => {
        await camera.stop();
        await recogniser.stop();
      }),
    );
  }

  /** One for each camera, in the order of the configuration. */
  reports(): CameraReport[] {
    return this.#watches.map(({ id, camera, recogniser }) => {
      const stats = camera.stats();
      const facts = { state: stats.status, analysedFps: Math.round(stats.fps * 10) / 10 };
      const health = { ...worse(camera.health(), recogniser.health()), facts };
      return { id, health, camera: stats, recognition: recogniser.stats() };
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
}

const GRAVITY: readonly HealthStatus[] = ['ok', 'degraded', 'failed'];

function worse(a: Health, b: Health): Health {
  return GRAVITY.indexOf(b.status) > GRAVITY.indexOf(a.status) ? b : a;
}
