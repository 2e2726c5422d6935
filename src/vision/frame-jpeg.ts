// JPEGs of camera frames: the newest frame of a capture, scaled down, with boxes drawn around faces.
import type { Addon } from '../native/addon.js';
import type { EncodedFrame, EncodeOptions } from './vision.js';

/**
 * Does the work of Vision.encodeFrame on the calling thread. The pixels of the frame are not changed: boxes are drawn on a copy.
 * @returns undefined when the capture has no frame newer than `after`
 */
export function encodeFrame(
  addon: Pick<Addon, 'captureFrame' | 'encodeJpeg'>,
  captureHandle: number,
  { after, quality, maxWidthPx, boxes }: EncodeOptions,
): EncodedFrame | undefined {
  const frame = addon.captureFrame(captureHandle, after);
  if (!frame) return undefined;
  try {
    const { frameNumber, capturedAtMs } = frame;
    const scale = maxWidthPx > 0 ? Math.min(1, maxWidthPx / frame.widthPx) : 1;
    const widthPx = Math.max(1, Math.round(frame.widthPx * scale));
    const heightPx = Math.max(1, Math.round(frame.heightPx * scale));
    const drawn = boxes.map(({ box, colour }) => ({ ...box, colour }));
    const jpeg = addon.encodeJpeg(frame, quality, { widthPx, heightPx, boxes: drawn });
    return { jpeg, widthPx, heightPx, frameNumber, capturedAtMs };
  } finally {
    frame.release();
  }
}
