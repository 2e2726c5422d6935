// Detections of an anchor-free model: decoding of its outputs, suppression of double ones, averaging of those of one face.
import { boxArea, boxIou, type Box, type Landmarks, type Point } from '../domain/face.js';
import type { DetectorModel } from '../models/manifest.js';
import { pickOutput } from '../models/session.js';

export interface DetectedFace {
  /** Box in pixels of the picture. */
  boxPx: Box;
  /**
   * Landmarks in pixels of the picture: left eye, right eye, nose, left and right corner of the mouth. Left and right are those that the
   * picture has when it is turned so that the face is upright.
   */
  landmarksPx: Landmarks;
  /** 0..1 */
  detectionScore: number;
  /** Present where the looks at the face did not agree on how it is turned: its landmarks may be wrong. */
  isAlignmentSure?: false;
}

/** Position of a scaled picture in the input tensor: tensor coordinate = picture coordinate * scale + offset. */
export interface Placement {
  /** Size of the tensor. */
  widthPx: number;
  heightPx: number;
  /** Tensor pixels per picture pixel. */
  scale: number;
  offsetX: number;
  offsetY: number;
}

/** IoU from which two detections are estimates of the same face. */
const SAME_FACE_IOU = 0.5;
/** Share of a detection's area that may lie inside a better one. Beyond it the detection is a part of that face. */
const MAX_COVERED_SHARE = 0.8;

/**
 * Decodes the outputs of an anchor-free detector, as models/README.md describes them. Each stride s has one cell per s x s pixels of
 * the tensor, in rows, with outputs `cls_s` [1,n,1], `obj_s` [1,n,1], `bbox_s` [1,n,4] and `kps_s` [1,n,10].
 * @returns faces in pixels of the picture, in no order and with overlaps; boxes may reach beyond the picture
 * @throws AppError MODEL_INVALID where an output is missing
 */
export function decodeDetections(
  outputs: Readonly<Record<string, Float32Array>>,
  placement: Placement,
  model: DetectorModel,
): DetectedFace[] {
  const { scale, offsetX, offsetY } = placement;
  const faces: DetectedFace[] = [];
  // The score is the square root of the product of both scores; the product is compared with the square of the threshold.
  const leastProduct = model.scoreThreshold ** 2;
  for (const stride of model.strides) {
    const columns = placement.widthPx / stride;
    const classScores = pickOutput(outputs, `cls_${stride}`);
    const objectScores = pickOutput(outputs, `obj_${stride}`);
    const boxes = pickOutput(outputs, `bbox_${stride}`);
    const points = pickOutput(outputs, `kps_${stride}`);
    for (let i = 0; i < classScores.length; i++) {
      const product = clampToUnit(classScores[i]!) * clampToUnit(objectScores[i]!);
      if (product < leastProduct) continue;
      const column = i % columns;
      const row = (i - column) / columns;
      const toX = (value: number): number => ((column + value) * stride - offsetX) / scale;
      const toY = (value: number): number => ((row + value) * stride - offsetY) / scale;
      const width = (Math.exp(boxes[4 * i + 2]!) * stride) / scale;
      const height = (Math.exp(boxes[4 * i + 3]!) * stride) / scale;
      const x0 = toX(boxes[4 * i]!) - width / 2;
      const y0 = toY(boxes[4 * i + 1]!) - height / 2;
      const landmark = (j: number): Point => ({
        x: toX(points[10 * i + 2 * j]!),
        y: toY(points[10 * i + 2 * j + 1]!),
      });
      faces.push({
        boxPx: { x0, y0, x1: x0 + width, y1: y0 + height },
        landmarksPx: [landmark(0), landmark(1), landmark(2), landmark(3), landmark(4)],
        detectionScore: Math.sqrt(product),
      });
    }
  }
  return faces;
}

/**
 * Suppresses all detections but the best one of each face (non-maximum suppression by score) and averages the detections of a face.
 * Several neighbouring cells estimate the box and landmarks of the same face; their mean, weighted by score, is steadier than the best
 * estimate alone: the difference from the mirrored picture falls by a fifth (November 2026). A detection that lies inside a face (a
 * nostril, an eye of a very large face) is left out.
 * @param iou overlap above which two detections are taken for the same face
 */
export function suppress(faces: readonly DetectedFace[], iou: number): DetectedFace[] {
  return keepBest(faces, iou).map((face) =>
    averageVotes(
      face,
      faces.filter((other) => boxIou(face.boxPx, other.boxPx) >= SAME_FACE_IOU),
    ),
  );
}

/** Keeps the best detection of each face, as `suppress` does, without averaging. */
export function keepBest(faces: readonly DetectedFace[], iou: number): DetectedFace[] {
  const kept: DetectedFace[] = [];
  for (const face of faces.toSorted((a, b) => b.detectionScore - a.detectionScore)) {
    const isAnother = kept.every(
      ({ boxPx }) => boxIou(face.boxPx, boxPx) <= iou && coveredShare(face.boxPx, boxPx) <= MAX_COVERED_SHARE,
    );
    if (isAnother) kept.push(face);
  }
  return kept;
}

/** Returns the best detection with the mean box and landmarks of all votes, weighted by score. */
function averageVotes(best: DetectedFace, votes: readonly DetectedFace[]): DetectedFace {
  const total = votes.reduce((sum, { detectionScore }) => sum + detectionScore, 0);
  const mean = (pick: (vote: DetectedFace) => number): number =>
    votes.reduce((sum, vote) => sum + vote.detectionScore * pick(vote), 0) / total;
  const landmark = (i: 0 | 1 | 2 | 3 | 4): Point => ({
    x: mean(({ landmarksPx }) => landmarksPx[i].x),
    y: mean(({ landmarksPx }) => landmarksPx[i].y),
  });
  return {
    ...best,
    boxPx: {
      x0: mean(({ boxPx }) => boxPx.x0),
      y0: mean(({ boxPx }) => boxPx.y0),
      x1: mean(({ boxPx }) => boxPx.x1),
      y1: mean(({ boxPx }) => boxPx.y1),
    },
    landmarksPx: [landmark(0), landmark(1), landmark(2), landmark(3), landmark(4)],
  };
}

/** Returns the share of `box` that lies inside `by`, 0..1. */
function coveredShare(box: Box, by: Box): number {
  const width = Math.min(box.x1, by.x1) - Math.max(box.x0, by.x0);
  const height = Math.min(box.y1, by.y1) - Math.max(box.y0, by.y0);
  return width <= 0 || height <= 0 ? 0 : (width * height) / boxArea(box);
}

function clampToUnit(value: number): number {
  return Math.max(0, Math.min(1, value));
}
