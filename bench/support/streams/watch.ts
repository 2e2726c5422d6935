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

/** @param onReport called with what the watcher saw, and with the time at which the timeline began */
export async function watchKind(
  kind: StreamKind,
  onReport: (report: WatchReport, startedAtMs: number | undefined) => void = () => undefined,
): Promise<StreamResult> {
  let stage: Stage | undefined;
  try {
    stage = await kind.open();
    const report = await watchStage(stage, kind.camera ?? {});
    onReport(report, stage.startedAtMs?.());
    const maxFps = typeof kind.camera?.maxFps === 'number' ? kind.camera.maxFps : DEFAULT_MAX_FPS;
    return judge(kind.name, { expected: kind.expected, stage, report, maxFps });
  } catch (error) {
    return createFailure(kind.name, kind.expected, describeError(error));
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
