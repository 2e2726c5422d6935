// Measures how well a detector finds faces: against known boxes, and against another detector's faces.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { composeScene, type ComposedScene } from '../../tools/models/scenes.js';
import type { Picture } from '../../tools/rendered-people/head.js';
import { boxHeight, boxIou, boxWidth, type Box, type Landmarks, type Point } from '../../src/domain/face.js';
import type { Addon, NativeImage } from '../../src/native/addon.js';
import { decodePicture } from '../../src/vision/decode.js';
import type { Detector } from '../../src/vision/detect.js';
import type { DetectedFace } from '../../src/vision/detections.js';
import type { LondonPhoto } from '../../test/support/london.js';
import { landmarkError as measureLandmarkError } from '../../test/support/turned.js';

/** Overlap from which two detections count as the same face. */
const SAME_IOU = 0.5;
/** Overlap from which a detection counts as a known face: known boxes are drawn in another way than those of detectors. */
const KNOWN_IOU = 0.35;
const MIN_FACE_PX = 60;

export interface DetectionCounts {
  wanted: number;
  found: number;
  /** Number of detections that match no wanted face. */
  falseOnes: number;
  /** For each found face, the mean error of its landmarks, as a fraction of the eye distance. */
  landmarkErrors: number[];
}

/** Lists the photos of ../shared/faces: portraits with one face each, and scenes. */
export function listPhotoFiles(facesDir: string): string[] {
  const under = (folder: string): string[] =>
    readdirSync(join(facesDir, folder), { recursive: true })
      .map((file) => join(facesDir, folder, String(file)))
      .filter((file) => /\.(png|jpe?g)$/.test(file))
      .sort();
  return [...under('people'), ...under('groups')];
}

export async function detectInFile(detector: Detector, file: string, addon: Addon): Promise<DetectedFace[]> {
  return detectIn(detector, await decodePicture(readFileSync(file), addon));
}

/** Detects faces in the mirrored picture and returns them in pixels of the original one. */
export async function detectInMirror(detector: Detector, file: string, addon: Addon): Promise<DetectedFace[]> {
  const image = await decodePicture(await sharp(file).flop().png().toBuffer(), addon);
  const { widthPx } = image;
  const mirrored = ({ x, y }: Point): Point => ({ x: widthPx - x, y });
  const faces = await detectIn(detector, image);
  return faces.map(({ boxPx: { x0, x1, y0, y1 }, landmarksPx: [left, right, nose, leftLip, rightLip], ...rest }) => ({
    ...rest,
    boxPx: { x0: widthPx - x1, x1: widthPx - x0, y0, y1 },
    landmarksPx: [mirrored(right), mirrored(left), mirrored(nose), mirrored(rightLip), mirrored(leftLip)],
  }));
}

async function detectIn(detector: Detector, image: NativeImage): Promise<DetectedFace[]> {
  try {
    return await detector.detect(image, { minFacePx: MIN_FACE_PX / 2 });
  } finally {
    image.release();
  }
}

/** Returns the faces with the mean of their landmarks in both detections. */
export function averageLandmarks(faces: readonly DetectedFace[], others: readonly DetectedFace[]): DetectedFace[] {
  return faces.map((face) => {
    const other = others.find(({ boxPx }) => boxIou(boxPx, face.boxPx) >= SAME_IOU);
    if (!other) return face;
    const landmarksPx = face.landmarksPx.map(({ x, y }, i) => ({
      x: (x + other.landmarksPx[i]!.x) / 2,
      y: (y + other.landmarksPx[i]!.y) / 2,
    })) as unknown as Landmarks;
    return { ...face, landmarksPx };
  });
}

/** Compares detected faces with the faces of at least 60 px that a reference detector found. */
export function countAgainst(reference: readonly DetectedFace[], faces: readonly DetectedFace[]): DetectionCounts {
  const wanted = reference.filter(({ boxPx }) => Math.min(boxWidth(boxPx), boxHeight(boxPx)) >= MIN_FACE_PX);
  const counts: DetectionCounts = { wanted: wanted.length, found: 0, falseOnes: 0, landmarkErrors: [] };
  for (const face of wanted) {
    const match = faces.find(({ boxPx }) => boxIou(boxPx, face.boxPx) >= SAME_IOU);
    if (!match) continue;
    counts.found++;
    counts.landmarkErrors.push(landmarkError(face, match));
  }
  counts.falseOnes = faces.filter(
    ({ boxPx }) =>
      Math.min(boxWidth(boxPx), boxHeight(boxPx)) >= MIN_FACE_PX &&
      !reference.some((face) => boxIou(boxPx, face.boxPx) >= SAME_IOU),
  ).length;
  return counts;
}

export function composeScenes(count: number, crops: readonly Picture[]): ComposedScene[] {
  // These seeds differ from those of the pictures on which ranges are recorded.
  return Array.from({ length: count }, (_, i) => composeScene(100_000 + i, 640, 480, crops));
}

/** Returns the share of the scenes' faces that the detector finds, 0..1. */
export async function measureSceneRecall(
  detector: Detector,
  scenes: readonly ComposedScene[],
  addon: Addon,
): Promise<number> {
  let wanted = 0;
  let found = 0;
  for (const { rgb, widthPx, heightPx, boxes } of scenes) {
    const image: NativeImage = addon.wrapRgb(rgb, widthPx, heightPx);
    const faces = await detector.detect(image, { minFacePx: 12 });
    const has = (box: Box): boolean => faces.some(({ boxPx }) => boxIou(boxPx, box) >= KNOWN_IOU);
    wanted += boxes.length;
    found += boxes.filter(has).length;
  }
  return found / wanted;
}

/** Recall of known faces of one range of sizes, 0..1, in frames at the scale of a camera and at the frame's own size. */
export interface FrameRecall {
  /** Shorter side of the known boxes. */
  fromPx: number;
  toPx: number;
  wanted: number;
  coarse: number;
  full: number;
  /** Faces that were found at the coarse scale where none is known. */
  falseOnes: number;
}

/** Ranges of sizes. Faces of less than 66 px may be found as smaller than the 60 px that a camera wants. */
const FRAME_SIZES_PX = [66, 90, 150, Infinity] as const;
/** Smallest face at which a frame of 640 x 480 px is searched at its own size. */
const FULL_SCALE_FACE_PX = 28;

/** Measures which known faces a camera finds in the scenes, by their size. */
export async function measureFrameRecall(
  detector: Detector,
  scenes: readonly ComposedScene[],
  addon: Addon,
): Promise<FrameRecall[]> {
  const ranges = FRAME_SIZES_PX.slice(1).map((toPx, i): FrameRecall => {
    return { fromPx: FRAME_SIZES_PX[i]!, toPx, wanted: 0, coarse: 0, full: 0, falseOnes: 0 };
  });
  for (const [i, { rgb, widthPx, heightPx, boxes }] of scenes.entries()) {
    const image = addon.wrapRgb(rgb, widthPx, heightPx);
    const coarse = await detector.detect(image, { minFacePx: MIN_FACE_PX, frameNumber: i + 1 });
    const all = await detector.detect(image, { minFacePx: FULL_SCALE_FACE_PX, frameNumber: i + 1 });
    // At both scales, a face of exactly the smallest wanted size may be found a pixel too small.
    const full = all.filter(({ boxPx }) => Math.min(boxWidth(boxPx), boxHeight(boxPx)) >= MIN_FACE_PX);
    image.release();
    const has = (faces: readonly DetectedFace[], box: Box): boolean =>
      faces.some(({ boxPx }) => boxIou(boxPx, box) >= KNOWN_IOU);
    for (const box of boxes) {
      const sidePx = Math.min(boxWidth(box), boxHeight(box));
      const range = ranges.find(({ fromPx, toPx }) => sidePx >= fromPx && sidePx < toPx);
      if (!range) continue;
      range.wanted++;
      range.coarse += Number(has(coarse, box));
      range.full += Number(has(full, box));
    }
    ranges[0]!.falseOnes += coarse.filter(({ boxPx }) => boxes.every((box) => boxIou(boxPx, box) < 0.2)).length;
  }
  return ranges;
}

/** Mean distance of the landmarks from those that people set by hand, in % of the eye distance. */
export interface HumanErrors {
  still: number;
  frame: number;
  /** Number of people who were found in neither. */
  missed: number;
}

/** Compares the landmarks in the photos of ../shared/london with those that people set. Both define some points a little differently. */
export async function measureHumanErrors(
  detector: Detector,
  photos: readonly LondonPhoto[],
  addon: Addon,
): Promise<HumanErrors> {
  const errors = { still: [] as number[], frame: [] as number[] };
  let missed = 0;
  for (const [i, { path, landmarksPx }] of photos.entries()) {
    const image = await decodePicture(readFileSync(path), addon);
    const [still] = await detector.detect(image, { minFacePx: MIN_FACE_PX });
    const [frame] = await detector.detect(image, { minFacePx: MIN_FACE_PX, frameNumber: i + 1 });
    image.release();
    if (still) errors.still.push(measureLandmarkError(landmarksPx, still.landmarksPx));
    if (frame) errors.frame.push(measureLandmarkError(landmarksPx, frame.landmarksPx));
    if (!still || !frame) missed++;
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { still: mean(errors.still), frame: mean(errors.frame), missed };
}

function landmarkError(reference: DetectedFace, face: DetectedFace): number {
  const [left, right] = reference.landmarksPx;
  const eyes = Math.hypot(left.x - right.x, left.y - right.y);
  const distances = reference.landmarksPx.map(({ x, y }, i) =>
    Math.hypot(x - face.landmarksPx[i]!.x, y - face.landmarksPx[i]!.y),
  );
  return distances.reduce((sum, value) => sum + value, 0) / distances.length / eyes;
}
