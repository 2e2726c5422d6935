// Streams the liveness scores and the evidence of a camera's frames as lines of JSON, for a liveness trial on the command line.
import type { CameraControl } from '../camera/camera-control.js';
import { FramePace } from '../camera/frame-pace.js';
import type { CameraConfig } from '../config/camera-schema.js';
import type { Timers } from '../domain/time.js';
import type { AnalysedFrame } from '../vision/vision.js';
import { PresentationEvidence } from './presentation-evidence.js';
import { createShot } from './shot.js';

/** Limit of frames that wait for a slow reader; the oldest are dropped. */
const MAX_WAITING = 50;
/** After this time without a frame, or this number of frames, a line reports no face, so that a trial at a lost camera ends. */
const QUIET_MS = 1_000;
const QUIET_FRAMES = 3;

/** Returns the path of the admin socket that streams the lines of a camera. */
export function makeLivenessPath(cameraId: string): string {
  return `/cameras/${cameraId}/liveness`;
}

/**
 * Streams lines until the reader goes away. Evidence is collected over all frames of one stream, as over a track.
 * @param threshold of the camera, which each line repeats
 * @throws AppError CAMERA_NOT_FOUND
 */
export async function* streamLivenessLines(
  cameras: Pick<CameraControl, 'watch'>,
  camera: Pick<CameraConfig, 'id' | 'maxFps' | 'source' | 'readTimeoutMs'>,
  threshold: number,
  timers: Timers,
): AsyncGenerator<Uint8Array> {
  const pace = new FramePace(camera);
  const waiting: AnalysedFrame[] = [];
  const evidence = new PresentationEvidence();
  let nowMs: number | undefined;
  let wake: () => void = () => undefined;
  const unwatch = cameras.watch(camera.id, (frame) => {
    waiting.push(frame);
    if (waiting.length > MAX_WAITING) waiting.shift();
    wake();
  });
  try {
    for (;;) {
      if (waiting.length === 0) {
        let timer: unknown;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = timers.setTimeout(resolve, pace.spanMs(QUIET_FRAMES, QUIET_MS));
        });
        timers.clearTimeout(timer);
      }
      const frame = waiting.shift();
      if (!frame) {
        yield encodeLine({ faces: 0, threshold });
        continue;
      }
      const { capturedAtMs } = frame;
      // The clock of the frames can be set back.
      const atMs = Math.max(nowMs ?? capturedAtMs, capturedAtMs);
      pace.observe(atMs - (nowMs ?? atMs));
      nowMs = atMs;
      yield encodeLine(describeFrame(frame, threshold, evidence, atMs));
    }
  } finally {
    unwatch();
  }
}

function encodeLine(line: object): Uint8Array {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

/**
 * Returns the number of faces; the evidence so far where there is one face; and its score and quality where it is fit.
 * @param evidence takes the face; forgets its frames where there is no face, or another one
 */
function describeFrame(frame: AnalysedFrame, threshold: number, evidence: PresentationEvidence, nowMs: number): object {
  const [face, ...others] = frame.faces;
  const line = { faces: frame.faces.length, threshold };
  if (!face || others.length > 0) {
    evidence.interrupt();
    return line;
  }
  evidence.add(face, nowMs);
  const shot = createShot(face, frame);
  const score = face.livenessScore;
  const measured = shot && score !== undefined ? { score, quality: shot.quality } : {};
  return { ...line, evidence: evidence.judge(), ...measured };
}
