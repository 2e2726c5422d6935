// Viewers of the console without a browser: they hold the same streams and fetch the same pictures as its pages do, and discard them.
import { get, type ClientRequest } from 'node:http';

/** As in src/console/live: the pause between two pictures of a tile, and the size of the pictures. */
const POLL_MS = 2_500;
const LIVE = 'live?tracks=true&fps=5&maxWidth=1280&quality=70';
const TILE = 'frame?maxWidth=480&quality=70';

export interface ViewersOptions {
  /** URL of the service. */
  url: string;
  cameraId: string;
  /** Admin keys; the viewers share them in turns. */
  keys: readonly string[];
}

/** Eight pages: four with a live view, which is as many as a camera has, and four whose tile polls. Each follows status and events. */
export class ConsoleViewers {
  readonly #options: ViewersOptions;
  readonly #requests = new Set<ClientRequest>();
  #timers: NodeJS.Timeout[] = [];
  /** Bytes that the viewers have received. */
  bytes = 0;
  /** Answers that were no success, and streams that ended by themselves. */
  failures = 0;

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  open(): void {
    const { cameraId, keys } = this.#options;
    for (let viewer = 0; viewer < 8; viewer++) {
      const key = keys[viewer % keys.length]!;
      this.#hold('/status/stream?everyMs=2000', key);
      this.#hold('/events/stream', key);
      if (viewer < 4) {
        this.#hold(`/cameras/${cameraId}/${LIVE}`, key);
        continue;
      }
      const poll = (): void => this.#request(`/cameras/${cameraId}/${TILE}`, key, () => undefined);
      poll();
      this.#timers.push(setInterval(poll, POLL_MS));
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    const requests = [...this.#requests];
    this.#requests.clear();
    for (const request of requests) request.destroy();
  }

  /** Keeps a stream open. */
  #hold(path: string, key: string): void {
    this.#request(path, key, () => this.failures++);
  }

  #request(path: string, key: string, onEnd: () => void): void {
    const headers = { authorization: `Bearer ${key}` };
    const request = get(`${this.#options.url}/device/v1${path}`, { headers, agent: false }, (response) => {
      if (response.statusCode !== 200) this.failures++;
      response.on('data', (chunk: Buffer) => (this.bytes += chunk.length));
      response.on('end', () => {
        if (this.#requests.delete(request)) onEnd();
      });
    });
    this.#requests.add(request);
    request.on('error', () => {
      if (this.#requests.delete(request)) this.failures++;
    });
  }
}
