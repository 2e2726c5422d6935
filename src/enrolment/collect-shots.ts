// Watches a camera until the shots of one guided enrolment are collected, or until its deadline.
import { isPaused, type CameraControl } from '../camera/camera-control.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, clientError } from '../errors.js';
import type { EnrolmentCall, EnrolmentProgress } from './enrolment.types.js';
import type { ShotCollector } from './shot-collector.js';

/** Interval of the checks of the deadline, the caller and the camera. */
const CHECK_INTERVAL_MS = 250;

export interface CollectShotsParts {
  cameras: Pick<CameraControl, 'views' | 'watch' | 'privacy'>;
  cameraId: string;
  collector: ShotCollector;
  /** Epoch, ms. */
  deadlineMs: number;
  call: EnrolmentCall;
  /** Rejects when the enrolment is cancelled; has a handler. */
  cancelled: Promise<never>;
  clock: Clock;
  timers: Timers;
}

/**
 * Resolves when the collector is complete, or has enough at the deadline.
 * @throws AppError STOPPED, UNAUTHORIZED_ADMIN_KEY, PRIVACY_ON, CAMERA_UNAVAILABLE, what cancelled it; EnrolmentRefused
 */
export async function collectShots(parts: CollectShotsParts): Promise<void> {
  const { cameras, cameraId, collector, deadlineMs, call, cancelled, clock, timers } = parts;
  let timer: unknown;
  let unwatch: (() => void) | undefined;
  let onAbort: (() => void) | undefined;
  let last: EnrolmentProgress = { collected: collector.shots.length, wanted: collector.wanted };
  try {
    const collected = new Promise<void>((resolve, reject) => {
      unwatch = cameras.watch(cameraId, (frame) => {
        const reason = collector.take(frame);
        const progress = { collected: collector.shots.length, wanted: collector.wanted, ...(reason && { reason }) };
        const isNew = progress.collected !== last.collected || progress.reason !== last.reason;
        if (isNew) call.onProgress(progress);
        last = progress;
        if (collector.isComplete) resolve();
      });
      const check = (): void => {
        const problem = findProblem(call, cameras) ?? findPause(cameras, cameraId);
        if (problem) return reject(problem);
        if (clock() < deadlineMs) {
          timer = timers.setTimeout(check, CHECK_INTERVAL_MS);
          return;
        }
        if (collector.isEnough) resolve();
        else if (collector.seen > 0) reject(collector.refusal());
        else reject(clientError('CAMERA_UNAVAILABLE', 'The camera showed no picture in that time.'));
      };
      onAbort = () => reject(clientGone());
      call.signal.addEventListener('abort', onAbort);
      check();
    });
    await Promise.race([collected, cancelled]);
  } finally {
    unwatch?.();
    if (onAbort) call.signal.removeEventListener('abort', onAbort);
    timers.clearTimeout(timer);
  }
}

/** Returns why nobody may be enrolled for this caller now: the client is gone, its key was revoked, or privacy is on. */
export function findProblem(
  { signal, isAllowed }: Pick<EnrolmentCall, 'signal' | 'isAllowed'>,
  cameras: Pick<CameraControl, 'privacy'>,
): AppError | undefined {
  if (signal.aborted) return clientGone();
  if (!isAllowed()) return clientError('UNAUTHORIZED_ADMIN_KEY', 'The admin key was revoked meanwhile.');
  if (cameras.privacy) return new AppError('PRIVACY_ON', 'privacy is on');
  return undefined;
}

function findPause(cameras: Pick<CameraControl, 'views'>, cameraId: string): AppError | undefined {
  return isPaused(cameras, cameraId) ? new AppError('CAMERA_UNAVAILABLE', 'the camera is paused') : undefined;
}

function clientGone(): AppError {
  return new AppError('STOPPED', 'the client went away');
}
