// The boxes that are drawn into a camera picture for a viewer.
import { boxIou, type Box } from '../domain/face.js';
import type { DrawnBox } from '../vision/vision.js';
import type { FrameConsumer } from './frame-consumer.js';
import type { FramePace } from './frame-pace.js';

/** Boxes of an older analysis are not drawn, because the faces have moved since; at a slow camera the newest analysis is always drawn. */
const MAX_AGE_MS = 1_000;
const MAX_AGE_FRAMES = 2;
/** Overlap from which a box of a matched person marks a face as matched. */
const SAME_FACE_IOU = 0.3;

/** Sizes and boxes of the newest analysed frame of a camera, without pixels. Boxes are in pixels of the frame. */
export interface SeenFaces {
  capturedAtMs: number;
  widthPx: number;
  heightPx: number;
  boxes: readonly Box[];
}

/** Returns whether the faces are where the analysis saw them. */
export function isRecent(
  { capturedAtMs }: Pick<SeenFaces, 'capturedAtMs'>,
  nowMs: number,
  pace: Pick<FramePace, 'spanMs'>,
): boolean {
  return nowMs - capturedAtMs <= pace.spanMs(MAX_AGE_FRAMES, MAX_AGE_MS);
}

/** Returns a green box for each matched face and a red one for each other face; none when the analysis is too old. */
export function chooseShownBoxes(
  seen: SeenFaces | undefined,
  consumer: Pick<FrameConsumer, 'matchedBoxes'>,
  nowMs: number,
  pace: Pick<FramePace, 'spanMs'>,
): DrawnBox[] {
  if (seen === undefined || !isRecent(seen, nowMs, pace)) return [];
  const matched = consumer.matchedBoxes();
  return seen.boxes.map((box) => ({
    box,
    colour: matched.some((other) => boxIou(other, box) >= SAME_FACE_IOU) ? 'green' : 'red',
  }));
}
