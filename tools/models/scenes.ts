// Composed scenes for measuring a detector: faces of a labelled set and rendered heads, of all sizes, before rendered backgrounds.
import { between, pick, seededRandom } from '../rendered-people/random.js';
import { applyCamera, drawHeads } from '../rendered-people/render-face.js';
import { renderBackground } from '../rendered-people/background.js';
import { drawSprite } from '../rendered-people/sprite.js';
import type { Picture } from '../rendered-people/head.js';
import type { Box } from '../../src/domain/face.js';

export interface ComposedScene extends Picture {
  /** Boxes of the rendered heads and of the pasted faces, in pixels. */
  boxes: Box[];
}

/** Box of the face in an aligned crop, in fractions of its sides: about what a detector's box encloses. */
const FACE_IN_CROP = { x0: 0.12, y0: 0.1, x1: 0.88, y1: 0.98 };

/**
 * Composes a scene of up to four faces that do not overlap. The same seed and crops give the same scene.
 * @param crops aligned faces to paste; with an empty list all heads are rendered
 */
export function composeScene(
  seed: number,
  widthPx: number,
  heightPx: number,
  crops: readonly Picture[],
): ComposedScene {
  const random = seededRandom(seed, 21);
  const picture: Picture = { widthPx, heightPx, rgb: renderBackground(seed, widthPx, heightPx) };
  const boxes: Box[] = [];
  const columns = pick(random, [1, 2, 2, 3, 4]);
  const cell = widthPx / columns;
  for (let column = 0; column < columns; column++) {
    // Sizes range from the smallest face that should be found to the largest one that fits into the cell.
    const facePx = Math.exp(between(random, Math.log(28), Math.log(Math.min(cell, heightPx) * 0.55)));
    const centreX = cell * (column + 0.5) + between(random, -0.5, 0.5) * (cell - 1.6 * facePx);
    const centreY = between(random, facePx, heightPx - facePx);
    const roll = between(random, -20, 20);
    if (crops.length > 0 && random() < 0.6) {
      boxes.push(pasteFace(picture, pick(random, crops), { centreX, centreY, facePx, roll }));
    } else {
      const [face] = drawHeads(
        picture,
        [
          {
            head: 1_000 + Math.floor(random() * 200),
            centreX,
            centreY,
            facePx,
            pose: { yaw: between(random, -40, 40), pitch: between(random, -15, 15), roll },
          },
        ],
        { azimuth: between(random, -60, 60), elevation: between(random, 10, 60), strength: between(random, 0.5, 1.3) },
      );
      boxes.push(face!.boxPx);
    }
  }
  applyCamera(picture, { noise: between(random, 0, 6), blurPx: between(random, 0, 1), noiseSeed: seed });
  return { ...picture, boxes };
}

function pasteFace(
  onto: Picture,
  crop: Picture,
  { centreX, centreY, facePx, roll }: { centreX: number; centreY: number; facePx: number; roll: number },
): Box {
  const widthPx = facePx / (FACE_IN_CROP.x1 - FACE_IN_CROP.x0);
  drawSprite(onto, crop, { centreX, centreY, widthPx, roll, edge: 'soft' });
  const at = (share: number): number => (share - 0.5) * widthPx;
  return {
    x0: centreX + at(FACE_IN_CROP.x0),
    y0: centreY + at(FACE_IN_CROP.y0),
    x1: centreX + at(FACE_IN_CROP.x1),
    y1: centreY + at(FACE_IN_CROP.y1),
  };
}
