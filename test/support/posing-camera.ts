// A network camera before which a rendered person stands who can be told to turn the head: MJPEG over HTTP.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { HeadSide } from '../../src/domain/challenge.js';
import type { Addon } from '../../src/native/addon.js';
import { renderFrames, type ClipScript, type Keyframe } from '../../tools/rendered-people/clip.js';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';

const FPS = 8;
const BOUNDARY = 'frame';
const AHEAD_MS = 1_000;
const TURN_DEGREES = 30;

/** What the camera shows: nobody, the person who looks ahead, or who turns the head to a side and stays so. */
export type Pose = 'nobody' | 'ahead' | HeadSide;

export class PosingCamera {
  readonly url: string;
  readonly #frames: Readonly<Record<Pose, readonly Buffer[]>>;
  #pose: Pose = 'nobody';
  #at = 0;

  private constructor(port: number, frames: Readonly<Record<Pose, readonly Buffer[]>>) {
    this.url = `http://127.0.0.1:${port}/`;
    this.#frames = frames;
  }

  /** Starts the camera, which ends with the test. @param seed of the rendered person */
  static async start(seed: number, addon: Addon): Promise<PosingCamera> {
    const watchers = new Set<ServerResponse>();
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
      watchers.add(response);
      response.on('close', () => watchers.delete(response));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const camera = new PosingCamera((server.address() as AddressInfo).port, {
      nobody: render({ durationMs: 400, actors: [] }, addon),
      ahead: render(createScript(seed, 0), addon).slice(0, (AHEAD_MS * FPS) / 1_000),
      // The left hand of a person is on the right of the picture.
      left: render(createScript(seed, TURN_DEGREES), addon).slice((AHEAD_MS * FPS) / 1_000),
      right: render(createScript(seed, -TURN_DEGREES), addon).slice((AHEAD_MS * FPS) / 1_000),
    });
    const timer = setInterval(() => {
      const jpeg = camera.#next();
      const head = `--${BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`;
      for (const watcher of watchers) watcher.write(Buffer.concat([Buffer.from(head), jpeg, Buffer.from('\r\n')]));
    }, 1_000 / FPS);
    onTestFinished(() => {
      clearInterval(timer);
      for (const watcher of watchers) watcher.destroy();
      server.close();
    });
    return camera;
  }

  show(pose: Pose): void {
    this.#pose = pose;
    this.#at = 0;
  }

  /** Plays the pictures of the pose once, then the last four of them to and fro: nobody alive stands still. */
  #next(): Buffer {
    const frames = this.#frames[this.#pose];
    const n = this.#at++;
    const last = Math.max(0, frames.length - 4);
    const at = n < frames.length ? n : last + Math.abs(((((n - frames.length) % 6) + 6) % 6) - 3);
    return frames[Math.min(at, frames.length - 1)]!;
  }
}

function createScript(seed: number, yaw: number): Pick<ClipScript, 'durationMs' | 'actors'> {
  const at = (atMs: number, turn: number, x: number): Keyframe => ({
    atMs,
    x,
    y: 0.46,
    sizePx: 110,
    pose: { yaw: turn },
  });
  const keyframes = [at(0, 0, 0.49), at(AHEAD_MS, 0, 0.51), at(2_400, yaw, 0.5), at(3_200, yaw, 0.52)];
  return {
    durationMs: 3_100,
    actors: [{ who: { seed }, keyframes, sway: { yaw: 2, pitch: 2, roll: 2 }, blinks: false }],
  };
}

function render(script: Pick<ClipScript, 'durationMs' | 'actors'>, addon: Addon): Buffer[] {
  const frames = renderFrames({ widthPx: 480, heightPx: 360, fps: FPS, background: 12, samples: 1, ...script });
  return Array.from(frames, ({ picture }) => encodePicture(picture, addon));
}
