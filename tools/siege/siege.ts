// A siege: a whole service with a camera that recognises, the witness who measures it, and one attack after the other.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadAddon } from '../../src/native/addon.js';
import { startService, toImage, type Service } from '../../test/support/service.js';
import { encodePicture } from '../rendered-people/clip-file.js';
import { renderFrames, type ClipScript } from '../rendered-people/clip.js';
import { renderPortrait } from '../rendered-people/demo-clip.js';
import { DISTINCT_SEEDS } from '../rendered-people/distinct-seeds.js';
import type { Target } from './attack.js';
import { Attackers } from './attackers.js';
import type { AttackName } from './attacks.js';
import { forkScript } from './fork-script.js';
import type { Appearance, Sample, WatchOrder, WitnessMessage, WitnessSetup } from './witness.js';

export interface SiegeOptions {
  /** Empty folder for the service and the frames. */
  folder: string;
  modelsDir: string;
  set: string;
  /** Attacks that run one after the other, one of them more than once where it is named more than once; then all of them run at once. */
  attacks: readonly AttackName[];
  /** True puts a quiet time before each attack, so that each is compared with the same state of the machine. */
  isInterleaved?: boolean;
  /** Seconds of each attack (0: none runs alone), of the quiet times before and after, and of all attacks at once. */
  attackSeconds: number;
  quietSeconds: number;
  allSeconds: number;
  /** Soft limit of open files of the service; default: that of this process. */
  openFiles?: number;
  onPhase?: (phase: Phase) => void;
}

/** What was seen while one attack ran, or none (`quiet`), or all (`all`). */
export interface Phase {
  name: AttackName | 'quiet' | 'all';
  expected: number;
  /** Latencies of the matches that arrived, in ms. */
  latenciesMs: readonly number[];
  memoryMb: number;
  lagMs: number;
  lagP99Ms: number;
  /** Share of the seconds in which /metrics did not answer. */
  unanswered: number;
  /** What became of the attackers' attempts. */
  attempts: Readonly<Record<string, number>>;
}

export interface SiegeResult {
  phases: Phase[];
  /** Seconds from SIGTERM, under all attacks, to the end of the process, and its exit code. */
  stopSeconds: number;
  exitCode: number | null;
}

const FPS = 10;
const SEEN_MS = 1_200;
/**
 * The person is away for 1.8 s. An appearance ends after three frame intervals out of sight, and under all attacks frames come further
 * apart: with 0.8 s, 2 of 9 and 3 of 9 appearances had no match of their own; with 1.8 s, none of 30 in two runs (November 2026).
 */
const CYCLE_MS = 3_000;
const GROUP = 'siege';
const PERSON = DISTINCT_SEEDS[0];
/** After an attack the service gets this time before the next one begins. */
const PAUSE_MS = 2_000;

/** @throws Error where the service does not recognise anybody before any attack has begun */
export async function runSiege(options: SiegeOptions): Promise<SiegeResult> {
  const { folder, attacks, isInterleaved = false, attackSeconds, quietSeconds, allSeconds, onPhase } = options;
  const framesDir = renderCycle(join(folder, 'frames'));
  const witness = await Witness.start({ framesDir, fps: FPS });
  let service: Service | undefined;
  let attackers: Attackers | undefined;
  try {
    service = await startBesieged(options, witness.cameraUrl);
    const target = describeTarget(service);
    await enrol(service);
    await witness.watch({ brokerPort: target.brokerPort, apiPort: target.port, pid: service.pid });
    await witness.waitForMatch(60_000);
    const phases: Phase[] = [];
    const observe = async (seconds: number): Promise<ReturnType<Witness['summarise']>> => {
      witness.clear();
      await delay(seconds * 1_000);
      return witness.summarise();
    };
    const note = (phase: Phase): void => {
      phases.push(phase);
      onPhase?.(phase);
    };
    const rest = async (): Promise<void> => {
      note({ name: 'quiet', ...(await observe(quietSeconds)), attempts: {} });
    };
    if (!isInterleaved) await rest();
    for (const name of attackSeconds > 0 ? attacks : []) {
      if (isInterleaved) await rest();
      attackers = await Attackers.start([name], target);
      const seen = await observe(attackSeconds);
      note({ name, ...seen, attempts: await attackers.end() });
      await delay(PAUSE_MS);
    }
    if (attackSeconds > 0) await rest();
    attackers = await Attackers.start([...new Set(attacks)], target);
    const seen = await observe(allSeconds);
    const beganMs = performance.now();
    const exitCode = await service.stop();
    const stopSeconds = (performance.now() - beganMs) / 1_000;
    service = undefined;
    note({ name: 'all', ...seen, attempts: await attackers.end() });
    return { phases, stopSeconds, exitCode };
  } finally {
    attackers?.kill();
    witness.end();
    await service?.kill();
  }
}

/** Renders one cycle: the person stands there for 1.2 s, then nobody for 1.8 s. @returns the folder */
function renderCycle(framesDir: string): string {
  mkdirSync(framesDir, { recursive: true });
  const place = { x: 0.5, y: 0.5, sizePx: 130 };
  const script: ClipScript = {
    widthPx: 640,
    heightPx: 480,
    fps: FPS,
    durationMs: CYCLE_MS,
    background: 12,
    actors: [
      {
        who: { seed: PERSON },
        blinks: false,
        sway: { yaw: 3, pitch: 2 },
        keyframes: [
          { ...place, atMs: 0 },
          { ...place, x: 0.52, atMs: SEEN_MS - 50 },
        ],
      },
    ],
  };
  const addon = loadAddon();
  for (const { index, picture } of renderFrames(script)) {
    writeFileSync(join(framesDir, `${String(index).padStart(3, '0')}.jpg`), encodePicture(picture, addon));
  }
  return framesDir;
}

function startBesieged({ folder, modelsDir, set, openFiles }: SiegeOptions, cameraUrl: string): Promise<Service> {
  const camera = {
    id: 'door',
    group: GROUP,
    source: { type: 'url', url: cameraUrl },
    maxFps: FPS,
    absenceMs: 400,
  };
  return startService({
    folder: join(folder, 'service'),
    modelsDir,
    set,
    precision: 'auto',
    config: { cameras: [camera] },
    ...(openFiles === undefined ? {} : { openFiles }),
  });
}

async function enrol(service: Service): Promise<void> {
  await service.call('POST', '/groups', { groupId: GROUP });
  const image = toImage(encodePicture(renderPortrait(PERSON), loadAddon()));
  const answer = await service.call('POST', `/groups/${GROUP}`, { image, limit: 1, externalImageId: 'resident' });
  if (answer.header.resultCode !== 0) throw new Error(`the person could not be enrolled: ${JSON.stringify(answer)}`);
}

function describeTarget(service: Service): Target {
  const { port, pathname } = new URL(service.base);
  const line = service.log.find(({ msg }) => msg === 'the embedded MQTT broker listens');
  if (typeof line?.port !== 'number') throw new Error('the embedded broker does not listen');
  return { port: Number(port), basePath: pathname, brokerPort: line.port };
}

class Witness {
  readonly #child: ChildProcess;
  readonly cameraUrl: string;
  #appearances: Appearance[] = [];
  #samples: Sample[] = [];
  /** Time from which appearances count. */
  #sinceMs = 0;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.cameraUrl = `http://127.0.0.1:${port}/door`;
    child.on('message', (message: WitnessMessage) => {
      if (message.kind === 'appearance') this.#appearances.push(message);
      if (message.kind === 'sample') this.#samples.push(message);
    });
  }

  static async start(setup: WitnessSetup): Promise<Witness> {
    const child = forkScript('witness.ts', [JSON.stringify(setup)]);
    const [first] = (await once(child, 'message')) as [WitnessMessage];
    if (first.kind !== 'camera') throw new TypeError('the witness has no camera');
    return new Witness(child, first.port);
  }

  async watch(order: WatchOrder): Promise<void> {
    const watching = new Promise<void>((resolve) => {
      this.#child.on('message', (message: WitnessMessage) => message.kind === 'watching' && resolve());
    });
    this.#child.send(order);
    await watching;
  }

  /** Waits until three appearances in a row gave a match. */
  async waitForMatch(timeoutMs: number): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    const isSettled = (): boolean =>
      this.#appearances.length >= 3 && this.#appearances.slice(-3).every(({ latencyMs }) => latencyMs !== undefined);
    while (!isSettled()) {
      if (performance.now() > endMs) throw new Error('nobody was recognised before any attack began');
      await delay(100);
    }
  }

  /** Forgets what was seen so far, the appearance that is under way included. */
  clear(): void {
    this.#appearances = [];
    this.#samples = [];
    this.#sinceMs = Date.now();
  }

  summarise(): Omit<Phase, 'name' | 'attempts'> {
    const appearances = this.#appearances.filter(({ startedMs }) => startedMs >= this.#sinceMs);
    const seconds = (Date.now() - this.#sinceMs) / 1_000;
    const lags = this.#samples.filter(({ lagMs }) => lagMs !== undefined);
    return {
      expected: appearances.length,
      latenciesMs: appearances.flatMap(({ latencyMs }) => latencyMs ?? []),
      memoryMb: Math.max(0, ...this.#samples.map(({ memoryMb }) => memoryMb)),
      // The first sample also covers the time before this phase.
      lagMs: Math.max(0, ...lags.slice(1).map(({ lagMs }) => lagMs ?? 0)),
      lagP99Ms: Math.max(0, ...lags.slice(1).map(({ lagP99Ms }) => lagP99Ms ?? 0)),
      unanswered: Math.max(0, 1 - lags.length / Math.max(1, Math.floor(seconds))),
    };
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}
