// What the other rooms may do with the cameras: look, hold them, and watch what they see.
import type { Health } from '../domain/health.js';
import type { AnalysedFrame } from '../vision/vision.js';
import type { CameraStats } from './camera.js';

export interface CameraView {
  id: string;
  health: Health;
  stats: CameraStats;
  /** Of its recognition, counters since the start. */
  recognition: Readonly<Record<string, number>>;
  /** Of the newest analysed frame, after rotation and region; absent before the first. */
  widthPx?: number;
  heightPx?: number;
  groups: readonly { appKey: string; groupId: string }[];
}

export interface FrameJpegOptions {
  /** Draws the faces of the newest analysis, green where matched, red otherwise. */
  boxes: boolean;
  /** 1..100 */
  quality: number;
  /** Scaled down to it; 0 leaves the size. */
  maxWidthPx: number;
  /** Only a frame newer than this one; 0 takes any. */
  after: number;
}

export interface FrameJpeg {
  jpeg: Buffer;
  widthPx: number;
  heightPx: number;
  frameNumber: number;
  capturedAtMs: number;
}

/** All methods throw AppError CAMERA_NOT_FOUND for an id that is not configured. */
export interface CameraControl {
  views(): CameraView[];
  /** The newest frame, encoded in a worker. @returns undefined where there is none (newer); also while it is paused or lost */
  frame(cameraId: string, options: FrameJpegOptions): Promise<FrameJpeg | undefined>;
  /** Every analysed frame, faces with crop and quality. @returns the way to stop it */
  watch(cameraId: string, listener: (frame: AnalysedFrame) => void): () => void;
  /** Closes the source until it is resumed. Resolves when it is closed. Pausing twice is harmless. */
  pause(cameraId: string): Promise<void>;
  resume(cameraId: string): Promise<void>;
  /** The privacy switch: closes all sources, whatever their own state, until it is lifted. Resolves when they are closed. */
  setPrivacy(on: boolean): Promise<void>;
  readonly privacy: boolean;
}

/** Tells whether the camera is paused. False for an id that is not configured. */
export function isPaused(cameras: Pick<CameraControl, 'views'>, cameraId: string): boolean {
  return cameras.views().some(({ id, stats }) => id === cameraId && stats.status === 'paused');
}
