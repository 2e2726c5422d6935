// Watches one kind of stream: sets its camera up, has a process watch it, and judges what that process saw.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeError } from '../../../src/errors.js';
import { createFailure, judge, type StreamResult } from './judge.js';
import type { Stage, StreamKind } from './kind.js';
import { makeScene } from './scene.js';
import type { WatcherMessage, WatchOrder, WatchReport } from './watcher.js';

const WATCHER = fileURLToPath(new URL('./watcher.ts', import.meta.url));
const DEFAULT_MAX_FPS = 10;
/** Time after the end of a timeline in which the last events may come. */
const TAIL_MS = 1_300;
/** Longest time until the first client of a camera plays. */
const BEGIN_MS = 15_000;
/** Time beyond that of the timeline after which a watcher is killed. */
const LATE_MS = 60_000;

export interface WatchOptions {
  /** Streams that are watched at the same time. Default: 2. */
  lanes?: number;
  /** See judge. Default: 1. */
  patience?: number;
  /** Keys of the camera's configuration, beneath those of a kind. */
  camera?: Record<string, unknown>;
  onResult?: (result: StreamResult) => void;
  /** Called with what a watcher saw, and with the time at which the timeline began. */
  onReport?: (kind: StreamKind, report: WatchReport, startedAtMs: number | undefined) => void;
}

/** Watches kinds of stream, some at a time, in the order given. @returns their results in this order */
export async function watchKinds(kinds: readonly StreamKind[], options: WatchOptions = {}): Promise<StreamResult[]> {
  const results: StreamResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < kinds.length; index = next++) {
      const result = await watchKind(kinds[index]!, options);
      results[index] = result;
      options.onResult?.(result);
    }
  };
  await makeScene();
  await Promise.all(Array.from({ length: options.lanes ?? 2 }, work));
  return results;
}

async function watchKind(kind: StreamKind, options: WatchOptions): Promise<StreamResult> {
  const { name, expected } = kind;
  const { patience = 1, onReport } = options;
  const camera: Record<string, unknown> = { ...options.camera, ...kind.camera };
  let stage: Stage | undefined;
  try {
    stage = await kind.open();
    const report = await watchStage(stage, camera);
    onReport?.(kind, report, stage.startedAtMs?.());
    const maxFps = typeof camera.maxFps === 'number' ? camera.maxFps : DEFAULT_MAX_FPS;
    return judge(name, { expected, stage, report, maxFps, patience });
  } catch (error) {
    return createFailure(name, expected, describeError(error));
  } finally {
    await stage?.stop();
  }
}

async function watchStage(stage: Stage, camera: Record<string, unknown>): Promise<WatchReport> {
  const { source, password } = stage;
  const { cells } = await makeScene();
  const child = fork(WATCHER, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  const timer = setTimeout(() => child.kill('SIGKILL'), stage.durationMs + LATE_MS);
  try {
    const messages = receive(child);
    child.send({ source, password, camera, cells } satisfies WatchOrder);
    await messages.ready;
    await waitForEnd(stage, child);
    if (child.connected) child.send('stop');
    return await messages.report;
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}

interface Messages {
  ready: Promise<void>;
  report: Promise<WatchReport>;
}

function receive(child: ChildProcess): Messages {
  const exited = once(child, 'exit').then(([code, signal]: unknown[]) => {
    throw new Error(`the watcher ended early (${String(code ?? signal)})`);
  });
  const listen = <T>(pick: (message: WatcherMessage) => T | undefined): Promise<T> =>
    Promise.race([
      exited,
      new Promise<T>((resolve, reject) => {
        child.on('message', (message: WatcherMessage) => {
          if (message.kind === 'error') reject(new Error(message.error));
          const picked = pick(message);
          if (picked !== undefined) resolve(picked);
        });
      }),
    ]);
  const ready = listen((message) => (message.kind === 'ready' ? true : undefined)).then(() => undefined);
  const report = listen((message) => (message.kind === 'report' ? message.report : undefined));
  // Whoever waits for one of them sees the failure of both.
  report.catch(() => undefined);
  return { ready, report };
}

async function waitForEnd({ startedAtMs, durationMs }: Stage, child: ChildProcess): Promise<void> {
  const beganMs = Date.now();
  const isOver = (): boolean => {
    const startMs = startedAtMs ? startedAtMs() : beganMs;
    if (startMs === undefined) return Date.now() - beganMs > BEGIN_MS;
    return Date.now() - startMs > durationMs + TAIL_MS;
  };
  while (!isOver() && child.exitCode === null && child.signalCode === null) await sleep(20);
}
