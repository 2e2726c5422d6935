// What must hold for any bytes that claim to be a picture.
import { AppError } from '../../src/errors.js';
import type { Addon } from '../../src/native/addon.js';
import { decodePicture } from '../../src/vision/decode.js';

const CODES: readonly string[] = ['INVALID_IMAGE_FORMAT', 'INVALID_IMAGE_FILE', 'IMAGE_TOO_LARGE'];
/** Longest time for one picture: the slowest legal one takes 1.3 s, and the machine may be busy. */
const MAX_MS = 20_000;

export interface Checked {
  /** `decoded`, or the code of the refusal. */
  outcome: string;
  /** What is wrong with the program; absent where all is well. */
  failure?: string;
}

/**
 * Decodes the bytes as the service does, and checks the result: an image of 80 to 2048 px a side, or an error of the contract with a sentence for
 * the client; in bounded time, without leaving an image behind, and without changing the bytes.
 */
export async function checkPicture(bytes: Buffer, addon: Addon): Promise<Checked> {
  const before = Buffer.from(bytes);
  const first = await judgeInTime(bytes, addon);
  // A picture that was slow once is tried again: other programs may have held the processor.
  const { result, tookMs } = first.tookMs > MAX_MS ? await judgeInTime(bytes, addon) : first;
  if (result.failure !== undefined) return result;
  if (tookMs > MAX_MS) return { ...result, failure: `it took ${Math.round(tookMs)} ms, and as long before` };
  if (addon.liveImageCount() !== 0) return { ...result, failure: 'an image was not released' };
  if (!bytes.equals(before)) return { ...result, failure: 'the bytes were changed' };
  return result;
}

async function judge(bytes: Buffer, addon: Addon): Promise<Checked> {
  try {
    const image = await decodePicture(bytes, addon);
    const { widthPx, heightPx } = image;
    // A long and narrow picture may be lower than 80 px after scaling, and has at least one pixel.
    const isInRange = Math.max(widthPx, heightPx) <= 2_048 && Math.min(widthPx, heightPx) >= 1;
    const rgb = new Uint8Array(64 * 64 * 3);
    addon.warp(image, rgb, { widthPx: 64, heightPx: 64, matrix: [0.5, 0, 0, 0, 0.5, 0], border: 'constant' });
    image.release();
    return { outcome: 'decoded', ...(!isInRange && { failure: `the image has ${widthPx} x ${heightPx} px` }) };
  } catch (error) {
    if (!(error instanceof AppError)) return { outcome: 'thrown', failure: `it threw ${String(error)}` };
    const { code, detail = '' } = error;
    if (!CODES.includes(code) || !/^[A-Z].*\.$/.test(detail)) return { outcome: code, failure: `${code}: ${detail}` };
    return { outcome: code };
  }
}

async function judgeInTime(bytes: Buffer, addon: Addon): Promise<{ result: Checked; tookMs: number }> {
  const startedMs = performance.now();
  const result = await judge(bytes, addon);
  return { result, tookMs: performance.now() - startedMs };
}
