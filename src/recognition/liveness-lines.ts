// What a trial of liveness is told of a camera: the score of each frame that shows one fit face, as lines of JSON.
import type { CameraControl } from '../camera/camera-control.js';
import type { Timers } from '../domain/time.js';
import type { AnalysedFrame } from '../vision/vision.js';
import { fitShot } from './best-shots.js';

/** Lines that wait for a slow reader; the oldest go first. */
const MAX_WAITING = 50;
/** Without a frame for so long a line says that nobody is seen: a camera that is lost must not keep anybody waiting. */
const QUIET_MS = 1_000;

/** Where the admin socket tells the lines of a camera. */
export function livenessPath(cameraId: string): string {
  return `/cameras/${cameraId}/liveness`;
}

/** Ends when the reader goes away. @throws AppError CAMERA_NOT_FOUND */
export async function* livenessLines(
  cameras: Pick<CameraControl, 'watch'>,
  cameraId: string,
  threshold: number,
  timers: Timers,
): AsyncGenerator<Uint8Array> {
  const waiting: AnalysedFrame[] = [];
  let wake: () => void = () => undefined;
  const stop = cameras.watch(cameraId, (frame) => {
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
          timer = timers.setTimeout(resolve, QUIET_MS);
        });
        timers.clearTimeout(timer);
      }
      const frame = waiting.shift();
      const line = frame ? lineOf(frame, threshold) : { faces: 0, threshold };
      yield Buffer.from(`${JSON.stringify(line)}\n`);
    }
  } finally {
    stop();
  }
}

function lineOf(frame: AnalysedFrame, threshold: number): object {
  const [face, ...others] = frame.faces;
  const shot = face && others.length === 0 ? fitShot(face, frame) : undefined;
  const score = face?.livenessScore;
  const seen = shot && score !== undefined ? { score, quality: shot.quality } : {};
  return { faces: frame.faces.length, threshold, ...seen };
}
