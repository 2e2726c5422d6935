// HTTP cameras: parts of JPEG (multipart), one JPEG on each request, a transport stream, and HLS.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Clip } from './clips.js';
import type { Unit } from './timeline.js';

const BOUNDARY = 'door';

/** Common to the cameras over HTTP: the server, and the time at which the timeline began. */
export abstract class HttpCamera {
  readonly #server: Server;
  startedAtMs: number | undefined;
  /** Number of requests. */
  requests = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests++;
      this.answer(request, response);
    });
  }

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Milliseconds of the timeline; it begins with the first call. */
  protected now(): number {
    this.startedAtMs ??= Date.now();
    return Date.now() - this.startedAtMs;
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse): void;
}

/** Sends the JPEGs of a timeline as parts of one answer. */
export class MultipartCamera extends HttpCamera {
  readonly #units: readonly Unit[];
  readonly #partHeaders: (jpeg: Buffer) => string;

  /** @param partHeaders headers of a part, each with its line end. Default: type and length */
  constructor(
    units: readonly Unit[],
    partHeaders = (jpeg: Buffer): string => `Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n`,
  ) {
    super();
    this.#units = units;
    this.#partHeaders = partHeaders;
  }

  protected answer(_: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
    const startMs = this.now();
    let timer: NodeJS.Timeout | undefined;
    const next = (index: number): void => {
      const unit = this.#units[index];
      if (!unit) return;
      const send = (): void => {
        const head = `--${BOUNDARY}\r\n${this.#partHeaders(unit.data)}\r\n`;
        response.write(Buffer.concat([Buffer.from(head), unit.data, Buffer.from('\r\n')]));
        next(index + 1);
      };
      timer = setTimeout(send, Math.max(0, unit.atMs - this.now()));
    };
    response.once('close', () => clearTimeout(timer));
    next(this.#units.findIndex(({ atMs }) => atMs >= startMs));
  }
}

/** Answers each request with the JPEG of the moment. */
export class SnapshotCamera extends HttpCamera {
  readonly #units: readonly Unit[];

  constructor(units: readonly Unit[]) {
    super();
    this.#units = units;
  }

  protected answer(_: IncomingMessage, response: ServerResponse): void {
    const atMs = this.now();
    const unit = this.#units.findLast((one) => one.atMs <= atMs) ?? this.#units[0];
    if (!unit) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': unit.data.length });
    response.end(unit.data);
  }
}

/** Sends a transport stream; ffmpeg gives it its rate. */
export class TransportStreamCamera extends HttpCamera {
  readonly #clip: Clip;

  constructor(clip: Clip) {
    super();
    this.#clip = clip;
  }

  protected answer(_: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'video/mp2t' });
    const child = spawnPacer(this.#clip, ['-f', 'mpegts', '-']);
    child.stdout?.pipe(response, { end: false });
    child.stdout?.once('data', () => void this.now());
    response.once('close', () => child.kill('SIGKILL'));
  }
}

/** Serves a live playlist and its segments of one second, which ffmpeg writes. */
export class HlsCamera extends HttpCamera {
  readonly #clip: Clip;
  readonly #folder = mkdtempSync(join(tmpdir(), 'lintel-hls-'));
  #child: ChildProcess | undefined;

  constructor(clip: Clip) {
    super();
    this.#clip = clip;
  }

  /** Resolves when the playlist has its first segments. */
  override async start(): Promise<number> {
    const port = await super.start();
    const options = ['-f', 'hls', '-hls_time', '1', '-hls_list_size', '4', '-hls_flags', 'omit_endlist'];
    this.#child = spawnPacer(this.#clip, [...options, join(this.#folder, 'live.m3u8')]);
    this.now();
    while (!existsSync(join(this.#folder, 'live.m3u8'))) await new Promise((resolve) => setTimeout(resolve, 50));
    return port;
  }

  override async stop(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await super.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  protected answer(request: IncomingMessage, response: ServerResponse): void {
    const path = join(this.#folder, basename(request.url ?? ''));
    if (!existsSync(path)) return void response.writeHead(404).end();
    const type = path.endsWith('.m3u8') ? 'application/vnd.apple.mpegurl' : 'video/mp2t';
    response.writeHead(200, { 'content-type': type }).end(readFileSync(path));
  }
}

function spawnPacer(clip: Clip, output: readonly string[]): ChildProcess {
  const input = ['-v', 'error', '-re', '-i', clip.transportStream, '-c', 'copy'];
  return spawn('ffmpeg', [...input, ...output], { stdio: ['ignore', 'pipe', 'ignore'] });
}
