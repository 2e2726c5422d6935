// A real camera without models, for the runs with faults: it only reports when its newest frame was taken.
import { Camera } from '../../src/camera/camera.js';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { systemTimers, type Timers } from '../../src/domain/time.js';
import { loadAddon } from '../../src/native/addon.js';
import type { AnalysedFrame, FrameOptions } from '../../src/vision/vision.js';

export interface WatchedCamera {
  camera: Camera;
  /** Returns the capture time of the newest delivered frame; epoch, ms. */
  newestMs(): number;
}

/** Creates a camera for a stream. @param keys further keys of its configuration */
export function createWatchedCamera(url: string, keys: object, timers: Timers = systemTimers): WatchedCamera {
  const addon = loadAddon();
  const camera = { id: 'door', group: 'staff', source: { type: 'url', url }, maxFps: 25, ...keys };
  let newestMs = 0;
  const analyseFrame = async (handle: number, options: FrameOptions): Promise<AnalysedFrame | undefined> => {
    const frame = addon.captureFrame(handle, options.after);
    if (!frame) return undefined;
    const { frameNumber, capturedAtMs, widthPx, heightPx, streamChanges } = frame;
    frame.release();
    return { frameNumber, capturedAtMs, widthPx, heightPx, streamChanges, faces: [] };
  };
  return {
    camera: new Camera({
      config: configSchema.parse({ cameras: [camera] }).cameras[0]!,
      addon,
      vision: { analyseFrame, encodeFrame: () => Promise.resolve(undefined) },
      onFrame: async (frame) => void (newestMs = frame.capturedAtMs),
      clock: Date.now,
      timers,
      log: silentLog,
    }),
    newestMs: () => newestMs,
  };
}
