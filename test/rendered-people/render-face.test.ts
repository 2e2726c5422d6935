import { describe, expect, it } from 'vitest';
import type { Landmarks, Point } from '../../src/domain/face.js';
import { boxHeight, boxWidth } from '../../src/domain/face.js';
import { buildHead, type Picture } from '../../tools/rendered-people/head.js';
import {
  renderFace,
  renderScene,
  type FaceOptions,
  type HeadPlacement,
  type RenderedFace,
  type SceneOptions,
} from '../../tools/rendered-people/render-face.js';

/** Computes the mean brightness of a small square, 0..255. */
function brightness(picture: Picture, centre: Point, reach = 2): number {
  let sum = 0;
  let count = 0;
  for (let y = Math.round(centre.y) - reach; y <= Math.round(centre.y) + reach; y++) {
    for (let x = Math.round(centre.x) - reach; x <= Math.round(centre.x) + reach; x++) {
      const at = (y * picture.widthPx + x) * 3;
      sum += (picture.rgb[at]! + picture.rgb[at + 1]! + picture.rgb[at + 2]!) / 3;
      count++;
    }
  }
  return sum / count;
}

/** Returns the brightness of the darkest pixel within 3 px. */
function darkest(picture: Picture, { x, y }: Point): number {
  const around = [-3, -2, -1, 0, 1, 2, 3];
  return Math.min(...around.flatMap((dy) => around.map((dx) => brightness(picture, { x: x + dx, y: y + dy }, 0))));
}

/** Compares the pixels of two pictures. Vitest's own comparison takes half a second for a picture. */
function samePixels(a: Picture, b: Picture): boolean {
  return Buffer.compare(a.rgb, b.rgb) === 0;
}

function between(a: Point, b: Point, t: number): Point {
  return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
}

/** Computes the position of the nose between the eyes: 0 at the left eye, 1 at the right one. */
function noseAcross([left, right, nose]: Landmarks): number {
  return (nose.x - left.x) / (right.x - left.x);
}

/** Seed of a pale, young and clean-shaven person without glasses, freckles and moles. */
const PLAIN = 81;

const seeds = Array.from({ length: 30 }, (_, i) => i + 1);

describe('a rendered face', () => {
  it('is the same for the same seed and options', () => {
    const options: FaceOptions = { pose: { yaw: 12 }, camera: { noise: 4, blurPx: 0.7 }, expression: { smile: 0.4 } };
    const [{ rgb, ...truth }, { rgb: sameRgb, ...sameTruth }] = [renderFace(7, options), renderFace(7, options)];
    expect(Buffer.compare(rgb, sameRgb)).toBe(0);
    expect(truth).toEqual(sameTruth);
  });

  it('does not depend on earlier drawings of the same head', () => {
    const head = buildHead(9);
    renderFace(head, { pose: { yaw: 40 }, facePx: 200, expression: { mouthOpen: 1, blink: 1 }, centreX: 20 });
    expect(samePixels(renderFace(head), renderFace(9))).toBe(true);
  });

  it('differs visibly from every other seed', () => {
    const pictures = seeds.slice(0, 10).map((seed) => renderFace(seed, { samples: 1 }).rgb);
    pictures.forEach((a, i) => {
      for (const b of pictures.slice(0, i)) {
        const changed = a.reduce((count, value, at) => count + (Math.abs(value - b[at]!) > 12 ? 1 : 0), 0);
        expect(changed / a.length).toBeGreaterThan(0.05);
      }
    });
  });

  it('has its landmarks in the order of the contract, inside a box of the requested width', () => {
    for (const seed of seeds) {
      const { landmarksPx, boxPx } = renderFace(seed, { facePx: 100, samples: 1 });
      const [leftEye, rightEye, nose, leftLip, rightLip] = landmarksPx;
      expect(leftEye.x, `seed ${seed}`).toBeLessThan(nose.x);
      expect(nose.x).toBeLessThan(rightEye.x);
      expect(leftLip.x).toBeLessThan(rightLip.x);
      expect(Math.max(leftEye.y, rightEye.y)).toBeLessThan(nose.y);
      expect(nose.y).toBeLessThan(Math.min(leftLip.y, rightLip.y));
      expect(Math.abs(boxWidth(boxPx) - 100)).toBeLessThan(8);
      expect(boxHeight(boxPx) / boxWidth(boxPx)).toBeGreaterThan(1.05);
      expect(boxHeight(boxPx) / boxWidth(boxPx)).toBeLessThan(1.8);
      expect(Math.abs((boxPx.x0 + boxPx.x1) / 2 - 160)).toBeLessThan(3);
      expect(Math.abs((boxPx.y0 + boxPx.y1) / 2 - 160)).toBeLessThan(8);
      for (const { x, y } of landmarksPx) {
        expect(x > boxPx.x0 && x < boxPx.x1 && y > boxPx.y0 && y < boxPx.y1).toBe(true);
      }
    }
  });

  it.each([{}, { yaw: 25 }, { yaw: -25, roll: 15 }, { pitch: 15 }, { pitch: -15, roll: -20 }])(
    'shows eyes, nose and mouth where its landmarks say, at %j',
    (pose) => {
      const picture = renderFace(PLAIN, { widthPx: 400, heightPx: 400, facePx: 200, pose, light: { azimuth: 0 } });
      const [leftEye, rightEye, nose, leftLip, rightLip] = picture.landmarksPx;
      const cheek = brightness(picture, between(between(leftEye, leftLip, 0.5), nose, 0.3), 3);
      const otherCheek = brightness(picture, between(between(rightEye, rightLip, 0.5), nose, 0.3), 3);
      const skin = Math.min(cheek, otherCheek);
      expect(brightness(picture, leftEye, 3)).toBeLessThan(0.8 * skin);
      expect(brightness(picture, rightEye, 3)).toBeLessThan(0.8 * skin);
      expect(darkest(picture, leftLip)).toBeLessThan(0.8 * skin);
      expect(darkest(picture, rightLip)).toBeLessThan(0.8 * skin);
      expect(darkest(picture, between(leftLip, leftEye, 0.35))).toBeGreaterThan(0.8 * skin);
      expect(brightness(picture, nose, 3)).toBeGreaterThan(0.85 * skin);
    },
  );

  it('turns with the signs of the contract: yaw to the right, pitch up, roll clockwise', () => {
    for (const seed of [3, PLAIN, 28]) {
      const head = buildHead(seed);
      const at = (pose: FaceOptions['pose']): Landmarks => renderFace(head, { pose, samples: 1 }).landmarksPx;
      const ahead = at({});
      expect(noseAcross(at({ yaw: 20 }))).toBeGreaterThan(noseAcross(ahead) + 0.15);
      expect(noseAcross(at({ yaw: -20 }))).toBeLessThan(noseAcross(ahead) - 0.15);
      const drop = ([left, right, nose]: Landmarks): number => nose.y - (left.y + right.y) / 2;
      expect(drop(at({ pitch: 15 }))).toBeLessThan(drop(ahead) - 4);
      expect(drop(at({ pitch: -15 }))).toBeGreaterThan(drop(ahead) + 4);
      const [left, right] = at({ roll: 20 });
      const [levelLeft, levelRight] = ahead;
      const angle = Math.atan2(right.y - left.y, right.x - left.x);
      const level = Math.atan2(levelRight.y - levelLeft.y, levelRight.x - levelLeft.x);
      expect(((angle - level) * 180) / Math.PI).toBeCloseTo(20, 0);
    }
  });

  it('has mirrored landmarks at the mirrored yaw and roll, apart from the asymmetry of the person', () => {
    for (const seed of seeds.slice(0, 10)) {
      const head = buildHead(seed);
      const right = renderFace(head, { pose: { yaw: 25, roll: 8 }, samples: 1 }).landmarksPx;
      const left = renderFace(head, { pose: { yaw: -25, roll: -8 }, samples: 1 }).landmarksPx;
      const mirrored = [left[1], left[0], left[2], left[4], left[3]].map(({ x, y }) => ({ x: 320 - x, y }));
      right.forEach((point, i) => {
        expect(Math.hypot(point.x - mirrored[i]!.x, point.y - mirrored[i]!.y), `seed ${seed}`).toBeLessThan(8);
      });
    }
  });

  it('closes its eyes and opens its mouth', () => {
    const draw = (expression: FaceOptions['expression']): RenderedFace =>
      renderFace(PLAIN, { facePx: 180, widthPx: 360, heightPx: 360, expression });
    const calm = draw({});
    const [eye, , , leftLip, rightLip] = calm.landmarksPx;
    expect(brightness(draw({ blink: 1 }), eye, 3)).toBeGreaterThan(brightness(calm, eye, 3) + 15);
    const mouth = between(leftLip, rightLip, 0.5);
    mouth.y += 13;
    expect(brightness(draw({ mouthOpen: 1 }), mouth, 1)).toBeLessThan(brightness(calm, mouth, 1) - 30);
    expect(draw({ smile: 1 }).landmarksPx[3].y).toBeLessThan(leftLip.y - 2);
    expect(samePixels(draw({ gazeX: 1 }), calm)).toBe(false);
  });

  it('is lit from the side of the lamp', () => {
    const cheeks = (azimuth: number): number => {
      const picture = renderFace(PLAIN, { light: { azimuth } });
      const [leftEye, rightEye, nose, leftLip, rightLip] = picture.landmarksPx;
      return (
        brightness(picture, between(between(rightEye, rightLip, 0.5), nose, -0.3)) -
        brightness(picture, between(between(leftEye, leftLip, 0.5), nose, -0.3))
      );
    };
    expect(cheeks(60)).toBeGreaterThan(20);
    expect(cheeks(-60)).toBeLessThan(-20);
  });

  it('has the noise and the blur of the camera', () => {
    const clean = renderFace(5);
    const noisy = renderFace(5, { camera: { noise: 6 } });
    const differences = noisy.rgb.map((value, i) => Math.abs(value - clean.rgb[i]!));
    const mean = differences.reduce((a, b) => a + b, 0) / differences.length;
    // For a normal distribution of deviation 6, the mean of |x| is 4.8.
    expect(mean).toBeGreaterThan(4);
    expect(mean).toBeLessThan(5.5);
    expect(samePixels(renderFace(5, { camera: { noise: 6, noiseSeed: 2 } }), noisy)).toBe(false);
    const steps = ({ rgb }: Picture): number =>
      rgb.reduce((sum, value, i) => (i < 3 ? 0 : sum + Math.abs(value - rgb[i - 3]!)), 0);
    expect(steps(renderFace(5, { camera: { blurPx: 1.5 } }))).toBeLessThan(0.75 * steps(clean));
  });
});

describe('a rendered scene', () => {
  const empty = renderScene({ widthPx: 320, heightPx: 240, heads: [], background: 4 });
  const place = (changes: Partial<HeadPlacement>): HeadPlacement => ({
    head: 3,
    centreX: 160,
    centreY: 120,
    facePx: 60,
    ...changes,
  });
  const scene = (...heads: HeadPlacement[]): ReturnType<typeof renderScene> =>
    renderScene({ widthPx: 320, heightPx: 240, heads, background: 4 });

  it('has a different textured background for each seed', () => {
    const other = renderScene({ widthPx: 320, heightPx: 240, heads: [], background: 5 });
    expect(samePixels(empty, other)).toBe(false);
    expect(new Set(empty.rgb).size).toBeGreaterThan(40);
  });

  it('draws each head at its place and does not change the rest of the background', () => {
    const { faces, ...picture } = scene(
      place({ centreX: 80, centreY: 100 }),
      place({ head: 8, centreX: 240, facePx: 70 }),
    );
    expect(faces.map(({ seed }) => seed)).toEqual([3, 8]);
    expect((faces[0]!.boxPx.x0 + faces[0]!.boxPx.x1) / 2).toBeCloseTo(80, -1);
    expect((faces[1]!.boxPx.x0 + faces[1]!.boxPx.x1) / 2).toBeCloseTo(240, -1);
    expect(boxWidth(faces[1]!.boxPx)).toBeGreaterThan(boxWidth(faces[0]!.boxPx));
    expect(picture.rgb.subarray(0, 320 * 3 * 8)).toEqual(empty.rgb.subarray(0, 320 * 3 * 8));
    expect(samePixels(picture, empty)).toBe(false);
  });

  it('puts the later head in front of the earlier one', () => {
    const [a, b] = [place({}), place({ head: 8, centreX: 165 })];
    const { rgb, faces } = scene(a, b);
    const middle = faces[1]!.landmarksPx[2];
    const at = (Math.round(middle.y) * 320 + Math.round(middle.x)) * 3;
    expect(rgb.subarray(at, at + 3)).toEqual(scene(b).rgb.subarray(at, at + 3));
  });

  it.each([
    ['left', { centreX: -10 }],
    ['right', { centreX: 330 }],
    ['top', { centreY: -10 }],
    ['bottom', { centreY: 250 }],
  ])('cuts a head off at the %s edge', (_, changes) => {
    const { faces, ...picture } = scene(place(changes));
    expect(picture.rgb).toHaveLength(320 * 240 * 3);
    expect(samePixels(picture, empty)).toBe(false);
    const { boxPx } = faces[0]!;
    expect(boxPx.x0 < 0 || boxPx.x1 > 320 || boxPx.y0 < 0 || boxPx.y1 > 240).toBe(true);
  });

  it('draws nothing for a head that is out of sight', () => {
    expect(samePixels(scene(place({ centreX: -900 })), empty)).toBe(true);
  });

  it.each<[string, Partial<SceneOptions>, Partial<HeadPlacement>]>([
    ['a narrow picture', { widthPx: 8 }, {}],
    ['half a pixel', { heightPx: 100.5 }, {}],
    ['an immense picture', { widthPx: 10_000 }, {}],
    ['no samples', { samples: 0 }, {}],
    ['too many samples', { samples: 5 }, {}],
    ['negative noise', { camera: { noise: -1 } }, {}],
    ['an immense blur', { camera: { blurPx: 50 } }, {}],
    ['a tiny face', {}, { facePx: 3 }],
    ['a face of no size', {}, { facePx: NaN }],
    ['a face nowhere', {}, { centreX: NaN }],
    ['a face nowhere upright', {}, { centreY: Infinity }],
    ['a head turned round', {}, { pose: { yaw: 120 } }],
    ['a pitch that is no number', {}, { pose: { pitch: NaN } }],
  ])('refuses %s', (_, changes, head) => {
    const options: SceneOptions = { widthPx: 100, heightPx: 100, heads: [place(head)], ...changes };
    expect(() => renderScene(options)).toThrow(RangeError);
  });

  it.each([1.5, NaN, Infinity])('refuses %s as a seed', (seed) => {
    expect(() => renderFace(seed)).toThrow(TypeError);
  });
});
