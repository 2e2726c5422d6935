// Quality of a face: measures of how well its picture suits recognition.
import { boxHeight, boxWidth, type Face, type FaceFlaw, type Quality } from '../domain/face.js';

/**
 * Least `Quality.overall` of a face that is embedded at a camera. It spares embeddings and is no judgement of the face: of faces of LFW that
 * were blurred by 5 px, nine in ten reach it (November 2026). Whether an embedding means anything is decided by its recognisability.
 */
export const MIN_SHOT_QUALITY = 0.4;
/** Shorter side of the box from which a face is as large as it needs to be: the crop is 112 px wide. */
const FULL_SIZE_PX = 112;
/** Shorter side of the box up to which the size counts as 0. */
const SMALLEST_PX = 24;
/** Standard deviation of the Laplacian, in grey levels of the aligned crop, from which a crop counts as sharp. */
const SHARP_DEVIATION = 12;
/** Turn of the head, as the root of the summed squares of yaw and pitch, from which the pose counts as 0. */
const FULL_TURN_DEGREES = 60;
/**
 * Limits beyond which a measure of a crop counts as a flaw. Of 40 faces of LFW each, composed into portraits and found by the standard detector
 * (November 2026): a tenth or less of the clear ones, of those with a JPEG quality of 5 and of those covered above or below has a sharpness
 * below the limit, and nearly all that are blurred by 3 px or enlarged from 20 px have; an exposure below the limit have those with 15 % of
 * the light and no others; more saturated pixels have those with a spot of glare.
 */
const FLAWED_SHARPNESS = 0.35;
const FLAWED_EXPOSURE = 0.5;
const FLAWED_SATURATED_SHARE = 0.15;
const FLAWED_TURN_DEGREES = 30;
/** Mean grey level of a crop below which a badly lit face counts as too dark, otherwise as too bright. */
const MEDIUM_GREY = 118;
/** Grey level from which a pixel counts as saturated. */
const SATURATED_GREY = 250;

/**
 * Measures the quality of a face.
 * @param crop the aligned crop: widthPx * widthPx * 3 bytes, interleaved 8-bit RGB
 * @param widthPx width and height of the crop
 * @returns each measure 0..1 (1 is best); `overall` is their geometric mean, so that the others cannot make up for one bad measure
 */
export function measureQuality(
  face: Pick<Face, 'boxPx' | 'pose' | 'detectionScore' | 'isAlignmentSure'>,
  crop: Uint8Array,
  widthPx: number,
): Quality {
  const grey = convertToGrey(crop);
  const side = Math.min(boxWidth(face.boxPx), boxHeight(face.boxPx));
  const size = clampToUnit((side - SMALLEST_PX) / (FULL_SIZE_PX - SMALLEST_PX));
  const sharpness = clampToUnit(measureDetail(grey, widthPx) / SHARP_DEVIATION);
  const turn = Math.hypot(face.pose.yaw, face.pose.pitch);
  // A crop that may be aligned wrongly shows nothing of the person: no other measure makes up for it.
  const pose = face.isAlignmentSure === false ? 0 : clampToUnit(1 - turn / FULL_TURN_DEGREES);
  const exposure = measureExposure(grey);
  const detection = clampToUnit((face.detectionScore - 0.5) / 0.4);
  const overall = (size * sharpness * pose * exposure * detection) ** (1 / 5);
  return { size, sharpness, pose, exposure, detection, overall };
}

/**
 * Returns what spoils a face most likely, or undefined where no measure is bad.
 * @param crop as for measureQuality, of any size
 */
export function findFlaw(
  { pose, masked, condition }: Pick<Face, 'pose' | 'masked' | 'condition'>,
  { exposure, sharpness }: Pick<Quality, 'exposure' | 'sharpness'>,
  crop: Uint8Array,
): FaceFlaw | undefined {
  const grey = convertToGrey(crop);
  if (exposure < FLAWED_EXPOSURE) return computeMean(grey) < MEDIUM_GREY ? 'dark' : 'bright';
  const saturated = grey.reduce((count, value) => count + (value >= SATURATED_GREY ? 1 : 0), 0);
  if (saturated > FLAWED_SATURATED_SHARE * grey.length) return 'bright';
  if (sharpness < FLAWED_SHARPNESS) return 'blurred';
  if (masked === true || condition?.masked === true) return 'covered';
  return Math.hypot(pose.yaw, pose.pitch) > FLAWED_TURN_DEGREES ? 'turned' : undefined;
}

function computeMean(grey: Uint8Array): number {
  return grey.reduce((sum, value) => sum + value, 0) / grey.length;
}

/** Computes the luma of ITU-R BT.601 in whole numbers. */
function convertToGrey(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0, j = 0; i < grey.length; i++, j += 3) {
    grey[i] = (77 * rgb[j]! + 150 * rgb[j + 1]! + 29 * rgb[j + 2]!) >> 8;
  }
  return grey;
}

/**
 * Computes the standard deviation of the Laplacian, in grey levels. Only the inner 60 % of the crop count, which show the face whatever
 * its outline is.
 */
function measureDetail(grey: Uint8Array, width: number): number {
  const from = Math.floor(width * 0.2);
  const to = width - from;
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let y = from; y < to; y++) {
    for (let i = y * width + from; i < y * width + to; i++) {
      const value = 4 * grey[i]! - grey[i - 1]! - grey[i + 1]! - grey[i - width]! - grey[i + width]!;
      sum += value;
      squares += value * value;
      count++;
    }
  }
  const mean = sum / count;
  return Math.sqrt(Math.max(0, squares / count - mean * mean));
}

/** Returns 1 where mean and deviation of the grey levels are ordinary, and less for a crop that is dark, overexposed or flat. */
function measureExposure(grey: Uint8Array): number {
  let sum = 0;
  let squares = 0;
  for (const value of grey) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / grey.length;
  const deviation = Math.sqrt(Math.max(0, squares / grey.length - mean * mean));
  const brightness = clampToUnit(Math.min(mean / 60, (255 - mean) / 40));
  return brightness * clampToUnit(deviation / 20);
}

function clampToUnit(value: number): number {
  return Math.max(0, Math.min(1, value));
}
