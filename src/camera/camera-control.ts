// The operations that other rooms may call on the cameras: list them, take a picture, watch frames, pause and resume.
import type { HeadChallenge } from '../domain/challenge.js';
import type { Health } from '../domain/health.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { CameraStats } from './camera.js';
import type { Counters } from './frame-consumer.js';
import type { SeenTracks } from './seen-tracks.js';

export interface CameraView {
  id: string;
  health: Health;
  stats: CameraStats;
  /** Counters of its recognition since the start. */
  recognition: Counters;
  /** Size of the newest analysed frame, after rotation and region; absent before the first one. */
  widthPx?: number;
  heightPx?: number;
  groups: readonly { appKey: string; groupId: string }[];
  /** Challenges that can still be answered, the oldest first. */
  challenges: readonly HeadChallenge[];
}

export interface FrameJpegOptions {
  /** True: draws a box around each face of the newest analysis, green where matched, red otherwise. */
  boxes: boolean;
  /** JPEG quality, 1..100. */
  quality: number;
  /** A wider picture is scaled down to this width; 0 keeps the size. */
  maxWidthPx: number;
  /** Only a frame with a higher number is returned; 0 accepts any. */
  after: number;
}

export interface FrameJpeg {
  jpeg: Buffer;
  widthPx: number;
  heightPx: number;
  frameNumber: number;
  /** Epoch, ms. */
  capturedAtMs: number;
  /** Time at which the encoding began, epoch, ms; earlier than the request where viewers share the JPEG. Default: now. */
  encodedAtMs?: number;
}

/** All methods with a camera id throw AppError CAMERA_NOT_FOUND for an id that is not configured. */
export interface CameraControl {
  views(): CameraView[];
  /** Returns the newest frame, encoded in a worker; undefined when there is none (newer), also while the camera is paused or lost. */
  frame(cameraId: string, options: FrameJpegOptions): Promise<FrameJpeg | undefined>;
  /**
   * Returns the tracks in the newest analysed frame, the same object for all callers until there is a newer one; undefined when there is
   * none, or it is so old that the faces have moved since.
   */
  tracks(cameraId: string): SeenTracks | undefined;
  /** Calls the listener after a change of the privacy switch, or of the status or the fault of a camera. @returns a function that stops it */
  watchStates(listener: () => void): () => void;
  /** Calls the listener for every analysed frame, with crop and quality of all faces. @returns a function that stops it */
  watch(cameraId: string, listener: (frame: AnalysedFrame) => void): () => void;
  /** Closes the source until `resume`. Resolves when it is closed. Pausing twice is harmless. */
  pause(cameraId: string): Promise<void>;
  resume(cameraId: string): Promise<void>;
  /** Sets the privacy switch. On: closes all sources, paused or not, until it is off. Resolves when they are closed. */
  setPrivacy(on: boolean): Promise<void>;
  readonly privacy: boolean;
}

/** Returns whether the camera is paused; false for an id that is not configured. */
export function isPaused(cameras: Pick<CameraControl, 'views'>, cameraId: string): boolean {
  return cameras.views().some(({ id, stats }) => id === cameraId && stats.status === 'paused');
}
