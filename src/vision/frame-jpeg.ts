// A capture's newest frame as JPEG, scaled down and with the faces that are to be shown.
import type { Addon } from '../native/addon.js';
import type { EncodedFrame, EncodeOptions } from './vision.js';

/** As Vision.encodeFrame, on this thread. The frame that others look at stays as it is. */
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
