// The door of the benches: rendered people who come and go before a camera, their enrolment, and the events as a subscriber gets them.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { encodePicture } from '../../tools/rendered-people/clip-file.js';
import type { ClipScript } from '../../tools/rendered-people/clip.js';
import { renderPortrait } from '../../tools/rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../../tools/rendered-people/distinct-seeds.js';
import { loadAddon } from '../../src/native/addon.js';
import { toImage, type Service } from '../../test/support/service.js';

const GROUP = 'door';
const FPS = 25;
/** Length of a clip: six frames with a face, seven without. It gives two appearances a second, each decided by its first good frame. */
export const CLIP_MS = (13 * 1_000) / FPS;
export const SEEN_MS = (5.5 * 1_000) / FPS;

/** Size of the picture, and number of people in it. */
export interface Scene {
  name: string;
  widthPx: number;
  heightPx: number;
  faces: 1 | 8;
}

/** Makes a clip that shows all faces of the scene in a grid until `seenMs`, and then nobody. */
export function makeClip({ widthPx, heightPx, faces }: Scene, durationMs: number, seenMs: number): ClipScript {
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

const SERVER_BUSY = -50_300;
/** Further attempts of an enrolment that the service was too busy for. */
const MOST_AGAIN = 10;

/** Enrols the first people of a scene. */
export async function enrol(service: Service, faces: number): Promise<void> {
  const addon = loadAddon();
  await service.call('POST', '/groups', { groupId: GROUP });
  for (const seed of DISTINCT_SEEDS.slice(0, faces)) {
    const image = toImage(encodePicture(renderPortrait(seed), addon));
    const body = { image, limit: 1, externalImageId: `p${seed}` };
    let answer = await service.call('POST', `/groups/${GROUP}`, body);
    // On a machine that others use, a camera at full rate may leave no time for a picture.
    for (let again = 0; again < MOST_AGAIN && answer.header.resultCode === SERVER_BUSY; again++) {
      answer = await service.call('POST', `/groups/${GROUP}`, body);
    }
    if (answer.header.resultCode !== 0) {
      throw new Error(`person ${seed} could not be enrolled: ${JSON.stringify(answer)}`);
    }
  }
}

/** Mean part of a millisecond that the time of capture in an event lacks: it has whole ones, and the rest is cut off. */
const CUT_OFF_MS = 0.5;

/** An event that a subscriber got. */
export interface Received {
  type: string;
  /** From the capture of the frame to the arrival of the event. */
  latencyMs: number;
}

/** Runs mosquitto_sub as a process, which prints the time of arrival of each message. */
export class Listener {
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
      const latencyMs = Number(line.slice(0, space)) * 1_000 - (Date.parse(event.capturedAt) + CUT_OFF_MS);
      this.events.push({ type: event.type, latencyMs });
    });
  }

  close(): void {
    this.#child.kill();
  }
}

/** Returns the port of the embedded broker. */
export function findBrokerPort(service: Service): number {
  const line = service.log.find(({ msg }) => msg === 'the embedded MQTT broker listens');
  if (typeof line?.port !== 'number') throw new Error('the embedded broker does not listen');
  return line.port;
}

/** Describes a camera that plays a clip again and again. @param more further keys of its configuration */
export function describeCamera(id: string, path: string, more: object): object {
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

/** Returns a quantile, 0..1, of sorted values. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

/** Reads a metric of the running service, summed over its labels. */
export async function readMetric(service: Service, name: string): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name) && /[ {]/.test(line[name.length] ?? ''));
  if (lines.length === 0) throw new Error(`no metric ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
