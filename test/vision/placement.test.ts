// Placement of pictures in the detector's tensor: scale, size and margin of each pass.
import { describe, expect, it } from 'vitest';
import {
  findSmallestSidePx,
  missesLargeFaces,
  placeCloseUp,
  placeFrame,
  placeGlance,
  placeStill,
  placeStillCoarsely,
  turnPlacement,
} from '../../src/vision/placement.js';

const size = ([widthPx, heightPx]: readonly [number, number]): { widthPx: number; heightPx: number } => ({
  widthPx,
  heightPx,
});

describe('a whole frame is placed so that the smallest wanted face has 28 tensor px', () => {
  it.each([
    // frame, minFacePx, tensor, px of the smallest face in it
    [[640, 480], 60, [320, 224], 28],
    [[480, 640], 60, [224, 320], 28],
    [[1280, 720], 60, [608, 352], 28],
    [[1920, 1080], 80, [672, 384], 28],
    [[640, 480], 120, [160, 128], 28],
    // A frame of more than 576 px is not enlarged, and a smaller one to at most twice its size or 576 px.
    [[640, 480], 20, [640, 480], 20],
    [[320, 240], 20, [448, 352], 28],
    [[160, 120], 20, [224, 192], 28],
    [[500, 400], 20, [576, 480], 23],
    [[3, 2], 60, [32, 32], 28],
  ] as const)('%j, faces of %i px: %j', (frame, minFacePx, tensor, facePx) => {
    const placement = placeFrame(size(frame), minFacePx, 32);
    expect([placement.widthPx, placement.heightPx]).toEqual(tensor);
    expect(placement.scale * minFacePx).toBeCloseTo(facePx, 0);
    expect(placement).toMatchObject({ offsetX: 0, offsetY: 0 });
  });
});

describe('a glance at a frame', () => {
  it.each([
    // frame, minFacePx, tensor, px of the smallest face that it finds
    [[1280, 720], 60, [256, 160], 140],
    [[1920, 1080], 80, [256, 160], 210],
    [[720, 1280], 60, [160, 256], 140],
  ] as const)('of %j, faces of %i px, has 256 px: %j', (frame, minFacePx, tensor, facePx) => {
    const glance = placeGlance(size(frame), placeFrame(size(frame), minFacePx, 32), 32)!;
    expect([glance.widthPx, glance.heightPx]).toEqual(tensor);
    expect(findSmallestSidePx(glance)).toBeCloseTo(facePx);
  });

  it.each([
    [[640, 480], 60],
    [[1280, 720], 112],
    [[320, 240], 60],
  ] as const)('of %j, faces of %i px, would save too little', (frame, minFacePx) => {
    expect(placeGlance(size(frame), placeFrame(size(frame), minFacePx, 32), 32)).toBeUndefined();
  });
});

describe('a still picture is placed at its own size', () => {
  it.each([
    // picture, tensor, scale, margin
    [[640, 480], [640, 480], 1, 0],
    [[600, 300], [608, 320], 1, 0],
    [[2048, 1536], [960, 736], 28 / 60, 0],
    [[150, 150], [384, 384], 2, 32],
    [[500, 400], [640, 544], 576 / 500, 32],
  ] as const)('%j: %j', (picture, tensor, scale, margin) => {
    const placement = placeStill(size(picture), 60, 32);
    expect([placement.widthPx, placement.heightPx]).toEqual(tensor);
    expect(placement.scale).toBeCloseTo(scale);
    expect(placement).toMatchObject({ offsetX: margin, offsetY: margin });
  });
});

describe('the first pass over a still picture has 36 tensor px for the smallest wanted face', () => {
  it.each([
    // picture, minFacePx, tensor
    [[640, 480], 60, [384, 288]],
    [[1000, 800], 60, undefined],
    [[640, 640], 100, [256, 256]],
    // At most three quarters of the scale of the pass that may follow are worth it.
    [[2048, 1536], 60, undefined],
    [[640, 480], 45, undefined],
    [[150, 150], 60, undefined],
  ] as const)('%j, faces of %i px: %j', (picture, minFacePx, tensor) => {
    const placement = placeStillCoarsely(size(picture), minFacePx, 32);
    expect(placement && [placement.widthPx, placement.heightPx]).toEqual(tensor);
  });
});

describe('the close-up pass', () => {
  it.each([
    // picture, frame of a camera, tensor, longer side of the picture in it
    [[640, 480], false, [320, 288], 160],
    [[640, 480], true, [192, 160], 96],
    [[480, 640], true, [160, 192], 96],
    [[1920, 1080], true, [192, 160], 96],
    [[900, 3], true, [192, 96], 96],
  ] as const)(
    'of %j, %s, has a margin of half the longer side on the left and right: %j',
    (picture, isFrame, tensor, side) => {
      const { widthPx, heightPx, scale, offsetX, offsetY } = placeCloseUp(size(picture), isFrame, 32);
      expect([widthPx, heightPx]).toEqual(tensor);
      expect(scale * Math.max(...picture)).toBeCloseTo(side);
      expect(offsetX * 2 + scale * picture[0]).toBeCloseTo(widthPx, -1);
      expect(offsetY * 2 + scale * picture[1]).toBeCloseTo(heightPx, -1);
    },
  );

  it('is needed for a tensor that may hold faces of more than 300 px', () => {
    expect(missesLargeFaces(placeFrame({ widthPx: 640, heightPx: 480 }, 60, 32))).toBe(false);
    expect(missesLargeFaces(placeFrame({ widthPx: 1920, heightPx: 1080 }, 60, 32))).toBe(true);
  });
});

describe('a turned placement', () => {
  const image = { widthPx: 640, heightPx: 480 };
  const placement = placeFrame(image, 60, 32);

  it('has the sides of the tensor exchanged for a turn by 90 degrees, and the middle of the picture in its middle', () => {
    for (const turn of [90, 270, 180] as const) {
      const turned = turnPlacement(placement, image, turn);
      expect([turned.widthPx, turned.heightPx]).toEqual(turn === 180 ? [320, 224] : [224, 320]);
      const [a, b, c, d, e, f] = turned.matrix!;
      expect(a * 319.5 + b * 239.5 + c).toBeCloseTo((turned.widthPx - 1) / 2);
      expect(d * 319.5 + e * 239.5 + f).toBeCloseTo((turned.heightPx - 1) / 2);
      expect(Math.hypot(a, d)).toBeCloseTo(placement.scale);
    }
  });

  it('is the same for no turn', () => {
    expect(turnPlacement(placement, image, 0)).toBe(placement);
  });
});
