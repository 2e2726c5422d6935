// The service as a whole: starts and stops its parts, tells systemd about it, and says where the service is reached.
import type { ApiServer } from '../api/core/server.js';
import type { Events } from '../events/events.js';
import type { KeyRegistries } from '../keys/key-registries.js';
import type { Lifecycle } from '../platform/lifecycle.js';
import type { SealedStore } from '../store/sealed-store.js';
import type { RecognisingCameras } from './recognition.js';
import type { ServiceModels } from './models.js';
import type { Supervision } from './ops.js';

/** Longest time that READY waits for the first connection of the cameras. */
const FIRST_ATTEMPTS_MS = 15_000;

/** The whole service. */
export interface Service {
  /** Starts every part. @throws the error of the part that could not start; the parts before it are stopped again */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** URL of the REST API, such as `http://127.0.0.1:8080`; known once the service is started. */
  readonly url: string;
  /** URL of the MQTT broker in use; undefined while the embedded broker is not started. */
  readonly brokerUrl: string | undefined;
  /** File that holds the appKey of the first start. */
  readonly firstAppKeyFile: string;
  /** Reason why the built-in models run in place of the configured ones; undefined where they do not. */
  readonly modelsFallback: string | undefined;
}

export interface RunningServiceParts {
  lifecycle: Lifecycle;
  supervision: Supervision;
  api: ApiServer;
  events: Events;
  cameras: RecognisingCameras;
  keys: Pick<KeyRegistries, 'removeOldFiles'>;
  store: Pick<SealedStore, 'finishUpgrade'>;
  firstAppKeyFile: string;
  models: Pick<ServiceModels, 'fallback'>;
}

export class RunningService implements Service {
  readonly #parts: RunningServiceParts;

  constructor(parts: RunningServiceParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { lifecycle, cameras, keys, store, supervision } = this.#parts;
    const { watchdog, notifier, status } = supervision;
    watchdog.starting();
    try {
      await lifecycle.start();
      await cameras.firstAttempts(FIRST_ATTEMPTS_MS);
    } catch (error) {
      watchdog.stop();
      throw error;
    }
    // The service may have been stopped in the meantime.
    if (lifecycle.state !== 'running') return;
    await store.finishUpgrade();
    await keys.removeOldFiles();
    notifier.ready(status());
    watchdog.running();
  }

  async stop(): Promise<void> {
    const { lifecycle, supervision } = this.#parts;
    supervision.watchdog.stop();
    supervision.notifier.stopping();
    await lifecycle.stop();
  }

  get url(): string {
    const { address: where, scheme } = this.#parts.api;
    const { address, family, port } = where;
    return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  get brokerUrl(): string | undefined {
    return this.#parts.events.brokerUrl;
  }

  get firstAppKeyFile(): string {
    return this.#parts.firstAppKeyFile;
  }

  get modelsFallback(): string | undefined {
    return this.#parts.models.fallback;
  }
}
