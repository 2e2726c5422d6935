// Live views that are open: their number is limited, and they can be ended.
import { isPaused, type CameraControl, type FrameJpeg, type FrameJpegOptions } from '../../camera/camera-control.js';
import type { CameraConfig } from '../../config/camera-schema.js';
import type { Clock, Timers } from '../../domain/time.js';
import { AppError, clientError } from '../../errors.js';
import { LOST_MS, MjpegStream } from './mjpeg.js';
import { TrackTexts } from './track-list.js';

/** Limit of viewers of one camera. */
export const VIEWERS_PER_CAMERA = 4;
/** Limit of viewers of all cameras together. */
export const VIEWERS_IN_ALL = 8;
/** Limit of viewers with the same admin key, so that one key cannot take all places. */
export const VIEWERS_PER_KEY = 6;
/** Frame number that every frame is newer than: the first picture of a view may be any frame. */
const ANY_FRAME = 0;

export interface LiveViewsParts {
  config: readonly Pick<CameraConfig, 'id' | 'readTimeoutMs'>[];
  cameras: Pick<CameraControl, 'frame' | 'privacy' | 'tracks' | 'views'>;
  clock: Clock;
  timers: Timers;
}

export interface LiveViewOptions {
  /** Holder of the admin key, as the audit log names it. */
  actor: string;
  fps: number;
  boxes: boolean;
  /** True: the tracks are sent before each frame, as TrackList. */
  tracks: boolean;
  /** Quality of the JPEG frames, 1..100. */
  quality: number;
  /** Wider frames are scaled down; 0 keeps their size. */
  maxWidthPx: number;
  /** Called before each frame; the view ends when it returns false. */
  isAllowed: () => boolean;
}

interface View {
  cameraId: string;
  actor: string;
  isAllowed: () => boolean;
  /** Absent until its first frame is encoded. */
  stream?: MjpegStream;
}

export class LiveViews {
  readonly #parts: LiveViewsParts;
  readonly #views = new Set<View>();
  readonly #texts = new TrackTexts();
  #closed = false;

  constructor(parts: LiveViewsParts) {
    this.#parts = parts;
  }

  /**
   * Opens a view. It counts against the limits until its stream is closed, so the caller must destroy the stream.
   * @throws AppError CAMERA_NOT_FOUND, CAMERA_UNAVAILABLE, PRIVACY_ON, SERVER_BUSY: too many viewers; STOPPED
   */
  async open(cameraId: string, { actor, fps, tracks, isAllowed, ...picture }: LiveViewOptions): Promise<MjpegStream> {
    const { cameras, config, clock, timers } = this.#parts;
    if (this.#closed) throw new AppError('STOPPED', 'the service is stopping');
    if (this.count(cameraId) >= VIEWERS_PER_CAMERA || this.#views.size >= VIEWERS_IN_ALL) {
      throw clientError('SERVER_BUSY', 'There are too many live views.');
    }
    if ([...this.#views].filter((view) => view.actor === actor).length >= VIEWERS_PER_KEY) {
      throw clientError('SERVER_BUSY', 'There are too many live views with this admin key.');
    }
    const view: View = { cameraId, actor, isAllowed };
    this.#views.add(view);
    try {
      const first = await requireFrame(cameras, cameraId, { ...picture, after: ANY_FRAME });
      if (this.#closed) throw new AppError('STOPPED', 'the service is stopping');
      const stream = new MjpegStream({
        first,
        next: (after) => cameras.frame(cameraId, { ...picture, after }),
        ...(tracks && { describe: () => this.#texts.write(cameraId, cameras.tracks(cameraId)) }),
        isOver: () => !isAllowed() || cameras.privacy || isPaused(cameras, cameraId),
        intervalMs: 1_000 / fps,
        // A camera may take up to readTimeoutMs for a frame, and is lost after that.
        lostMs: Math.max(LOST_MS, 2 * (config.find(({ id }) => id === cameraId)?.readTimeoutMs ?? 0)),
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

  /** Returns the number of views of one camera. */
  count(cameraId: string): number {
    return [...this.#views].filter((view) => view.cameraId === cameraId).length;
  }

  /** Ends the views of one camera, or all views. */
  end(cameraId?: string): void {
    for (const view of this.#views) {
      if (cameraId === undefined || view.cameraId === cameraId) view.stream?.finish();
    }
  }

  /** Ends the views whose key or session is not valid any more. */
  endRefused(): void {
    for (const { isAllowed, stream } of this.#views) if (!isAllowed()) stream?.finish();
  }

  /** Ends all views; no view can be opened after this. */
  close(): void {
    this.#closed = true;
    this.end();
  }
}

/** Returns the newest frame of a camera. @throws AppError CAMERA_NOT_FOUND, PRIVACY_ON, CAMERA_UNAVAILABLE: there is no frame */
export async function requireFrame(
  cameras: Pick<CameraControl, 'frame' | 'privacy'>,
  cameraId: string,
  options: FrameJpegOptions,
): Promise<FrameJpeg> {
  const frame = await cameras.frame(cameraId, options);
  // Checked after the frame is encoded: privacy may have been switched on meanwhile.
  if (cameras.privacy) throw new AppError('PRIVACY_ON', 'privacy is on');
  if (!frame) throw new AppError('CAMERA_UNAVAILABLE', 'there is no frame');
  return frame;
}
