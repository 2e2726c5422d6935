// Which boxes are drawn into a picture that somebody looks at.
import { boxIou, type Box } from '../domain/face.js';
import type { DrawnBox } from '../vision/vision.js';

/** Faces of an older analysis are not where they were. */
const OLDEST_MS = 1_000;
/** A box of somebody who was matched covers their face by so much. */
const SAME_PERSON_IOU = 0.3;

/** What is kept of the newest analysis of a camera: no pixels. */
export interface SeenFaces {
  capturedAtMs: number;
  widthPx: number;
  heightPx: number;
  boxes: readonly Box[];
}

/** A recogniser, as far as it knows where the matched persons are. */
export interface MatchedPersons {
  matchedBoxes(): readonly Box[];
}

/** Green where matched, red otherwise; none where the analysis is too old to say. */
export function shownBoxes(seen: SeenFaces | undefined, persons: MatchedPersons, nowMs: number): DrawnBox[] {
  if (seen === undefined || nowMs - seen.capturedAtMs > OLDEST_MS) return [];
  const matched = persons.matchedBoxes();
  return seen.boxes.map((box) => ({
    box,
    colour: matched.some((other) => boxIou(other, box) >= SAME_PERSON_IOU) ? 'green' : 'red',
  }));
}
