// The live views that are under way: how many there may be, and when they end.
import { isPaused, type CameraControl } from '../../camera/camera-control.js';
import type { Clock, Timers } from '../../domain/time.js';
import { AppError, clientError } from '../../errors.js';
import { MjpegStream } from './mjpeg.js';

/** Viewers of one camera, and of all together. */
export const VIEWERS_PER_CAMERA = 4;
export const VIEWERS_IN_ALL = 8;
/** Of the first picture: until then nobody knows whether there is anything to see. */
const FIRST_AFTER = 0;

export interface LiveViewsParts {
  cameras: Pick<CameraControl, 'frame' | 'privacy' | 'views'>;
  clock: Clock;
  timers: Timers;
}

export interface LiveViewOptions {
  fps: number;
  boxes: boolean;
  quality: number;
  maxWidthPx: number;
  /** Asked before each frame: the view ends when it is no more. */
  isAllowed: () => boolean;
}

interface View {
  cameraId: string;
  /** Absent while its first frame is made. */
  stream?: MjpegStream;
}

export class LiveViews {
  readonly #parts: LiveViewsParts;
  readonly #views = new Set<View>();
  #closed = false;

  constructor(parts: LiveViewsParts) {
    this.#parts = parts;
  }

  /**
   * Its place is free again when the stream is closed, so whoever takes it destroys it.
   * @throws AppError CAMERA_NOT_FOUND, CAMERA_UNAVAILABLE, PRIVACY_ON, SERVER_BUSY: too many viewers; STOPPED
   */
  async open(cameraId: string, { fps, isAllowed, ...picture }: LiveViewOptions): Promise<MjpegStream> {
    const { cameras, clock, timers } = this.#parts;
    if (this.#closed) throw new AppError('STOPPED', 'the service is stopping');
    if (this.count(cameraId) >= VIEWERS_PER_CAMERA || this.#views.size >= VIEWERS_IN_ALL) {
      throw clientError('SERVER_BUSY', 'There are too many live views.');
    }
    const view: View = { cameraId };
    this.#views.add(view);
    try {
      const first = await newestFrame(cameras, cameraId, { ...picture, after: FIRST_AFTER });
      if (this.#closed) throw new AppError('STOPPED', 'the service is stopping');
      const stream = new MjpegStream({
        first,
        next: (after) => cameras.frame(cameraId, { ...picture, after }),
        isOver: () => !isAllowed() || cameras.privacy || isPaused(cameras, cameraId),
        intervalMs: 1_000 / fps,
        clock,
        timers,
      });
      view.stream = stream;
      stream.once('close', () => this.#views.delete(view));
      return stream;
    } catch (error) {
      this.#views.delete(view);
      throw error;
    }
  }

  /** Of one camera. */
  count(cameraId: string): number {
    return [...this.#views].filter((view) => view.cameraId === cameraId).length;
  }

  /** Of one camera, or all. */
  end(cameraId?: string): void {
    for (const view of this.#views) {
      if (cameraId === undefined || view.cameraId === cameraId) view.stream?.finish();
    }
  }

  /** None is opened after this, and those under way end. */
  close(): void {
    this.#closed = true;
    this.end();
  }
}

/** @throws AppError CAMERA_NOT_FOUND, PRIVACY_ON, CAMERA_UNAVAILABLE: there is no picture to show */
export async function newestFrame(
  cameras: Pick<CameraControl, 'frame' | 'privacy'>,
  cameraId: string,
  options: Parameters<CameraControl['frame']>[1],
): Promise<NonNullable<Awaited<ReturnType<CameraControl['frame']>>>> {
  const frame = await cameras.frame(cameraId, options);
  // Looked at after the frame was made: privacy may have come in between.
  if (cameras.privacy) throw new AppError('PRIVACY_ON', 'privacy is on');
  if (!frame) throw new AppError('CAMERA_UNAVAILABLE', 'there is no frame');
  return frame;
}
