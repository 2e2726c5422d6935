// How fit a face is for recognition, from what is known of it and its aligned crop.
import { boxHeight, boxWidth, type Face, type Quality } from '../domain/face.js';

/** Below this `Quality.overall` a face says more about the picture than about the person: it is not fit for recognition. */
export const MIN_SHOT_QUALITY = 0.4;
/** Shorter side of the box at which a face is as large as it need be: the crop is 112 px wide. */
const FULL_SIZE_PX = 112;
const SMALLEST_PX = 24;
/** Laplacian standard deviation, in grey levels of the aligned crop, from which a crop counts as sharp. */
const SHARP_DEVIATION = 12;

/**
 * @param crop aligned crop, widthPx x widthPx RGB interleaved
 * @returns each measure 0..1; `overall` is their geometric mean, so that one bad measure is not made up for by the others
 */
export function measureQuality(
  face: Pick<Face, 'boxPx' | 'pose' | 'detectionScore'>,
  crop: Uint8Array,
  widthPx: number,
): Quality {
  const grey = greyOf(crop);
  const side = Math.min(boxWidth(face.boxPx), boxHeight(face.boxPx));
  const size = unit((side - SMALLEST_PX) / (FULL_SIZE_PX - SMALLEST_PX));
  const sharpness = unit(laplacianDeviation(grey, widthPx) / SHARP_DEVIATION);
  const turn = Math.hypot(face.pose.yaw, face.pose.pitch);
  const pose = unit(1 - turn / 60);
  const exposure = exposureOf(grey);
  const detection = unit((face.detectionScore - 0.5) / 0.4);
  const overall = (size * sharpness * pose * exposure * detection) ** (1 / 5);
  return { size, sharpness, pose, exposure, detection, overall };
}

/** BT.601 luma. */
function greyOf(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0, j = 0; i < grey.length; i++, j += 3) {
    grey[i] = (77 * rgb[j] + 150 * rgb[j + 1] + 29 * rgb[j + 2]) >> 8;
  }
  return grey;
}

/** Of the inner part of the crop, where the face is whatever its outline. */
function laplacianDeviation(grey: Uint8Array, width: number): number {
  const from = Math.floor(width * 0.2);
  const to = width - from;
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let y = from; y < to; y++) {
    for (let i = y * width + from; i < y * width + to; i++) {
      const value = 4 * grey[i] - grey[i - 1] - grey[i + 1] - grey[i - width] - grey[i + width];
      sum += value;
      squares += value * value;
      count++;
    }
  }
  const mean = sum / count;
  return Math.sqrt(Math.max(0, squares / count - mean * mean));
}

/** 1 where mean and spread of the grey levels are ordinary, towards 0 for a crop that is black, burnt out or flat. */
function exposureOf(grey: Uint8Array): number {
  let sum = 0;
  let squares = 0;
  for (const value of grey) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / grey.length;
  const deviation = Math.sqrt(Math.max(0, squares / grey.length - mean * mean));
  const brightness = unit(Math.min(mean / 60, (255 - mean) / 40));
  return brightness * unit(deviation / 20);
}

function unit(value: number): number {
  return Math.max(0, Math.min(1, value));
}
