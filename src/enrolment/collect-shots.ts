// Watches a camera until the shots of one guided enrolment are collected, or until its deadline.
import { isPaused, type CameraControl } from '../camera/camera-control.js';
import { toFractionBox } from '../domain/face.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, clientError } from '../errors.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { EnrolmentCall, EnrolmentProgress } from './enrolment.types.js';
import type { FrameReason } from './enrolment-refused.js';
import type { ShotCollector } from './shot-collector.js';

/** Movement of the face that is worth a progress message of its own: degrees of yaw or pitch, and the share of the frame. */
const MOVED_DEGREES = 2;
const MOVED_SHARE = 0.02;
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
  let last: EnrolmentProgress = describeProgress(collector);
  try {
    const collected = new Promise<void>((resolve, reject) => {
      unwatch = cameras.watch(cameraId, (frame) => {
        const reason = collector.take(frame);
        const progress = describeProgress(collector, frame, reason);
        if (isNews(progress, last)) {
          call.onProgress(progress);
          last = progress;
        }
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

/** Describes how far the collector is. @param frame newest frame; its only face is described */
export function describeProgress(
  collector: Pick<ShotCollector, 'shots' | 'wanted' | 'poses' | 'posesWanted'>,
  frame?: Pick<AnalysedFrame, 'faces' | 'widthPx' | 'heightPx'>,
  reason?: FrameReason,
): EnrolmentProgress {
  const { shots, wanted, poses, posesWanted } = collector;
  const [face, ...others] = frame?.faces ?? [];
  const seen =
    frame && face && others.length === 0
      ? { bbox: toFractionBox(face.boxPx, frame), pose: face.pose, ...(face.quality && { quality: face.quality }) }
      : undefined;
  const collected = shots.length;
  return { collected, wanted, poses, posesWanted, ...(reason && { reason }), ...(seen && { face: seen }) };
}

/** Tells whether a person should learn of the progress: of another count or reason, or of a face that moved. */
function isNews(now: EnrolmentProgress, last: EnrolmentProgress): boolean {
  if (now.collected !== last.collected || now.reason !== last.reason || now.poses.length !== last.poses.length)
    return true;
  if (!now.face || !last.face) return now.face !== last.face;
  const [one, other] = [now.face, last.face];
  const turned = Math.max(Math.abs(one.pose.yaw - other.pose.yaw), Math.abs(one.pose.pitch - other.pose.pitch));
  const sides = ['x0', 'y0', 'x1', 'y1'] as const;
  return turned >= MOVED_DEGREES || sides.some((side) => Math.abs(one.bbox[side] - other.bbox[side]) >= MOVED_SHARE);
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
