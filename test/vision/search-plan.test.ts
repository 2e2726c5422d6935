// The plan of a search around the faces in sight: what its squares hold, and when the whole picture is searched in their place.
import { describe, expect, test } from 'vitest';
import { boxHeight, boxWidth, type Box } from '../../src/domain/face.js';
import { placeFrame } from '../../src/vision/placement.js';
import { areAllFound, planSearch, SQUARE_TENSOR_PX, type SearchPlanInput } from '../../src/vision/search-plan.js';
import { seededRandom } from '../../tools/rendered-people/random.js';

const box = (x: number, y: number, widthPx: number, heightPx = widthPx): Box => ({
  x0: x - widthPx / 2,
  y0: y - heightPx / 2,
  x1: x + widthPx / 2,
  y1: y + heightPx / 2,
});
const plan = (input: Partial<SearchPlanInput>) =>
  planSearch({ widthPx: 640, heightPx: 480, minFacePx: 60, around: [box(320, 240, 100, 130)], ...input });

test('a face gets a square around it, in a tensor of one size', () => {
  expect(plan({})).toEqual([{ boxPx: { x0: 157.5, y0: 77.5, x1: 482.5, y1: 402.5 }, scale: SQUARE_TENSOR_PX / 325 }]);
});

test.each([
  { name: 'no face', input: { around: [] } },
  { name: 'a face that is expected left of the picture', input: { around: [box(-60, 240, 100)] } },
  { name: 'a face that is expected below the picture', input: { around: [box(320, 560, 100)] } },
  { name: 'one face of two outside the picture', input: { around: [box(320, 240, 100), box(800, 240, 100)] } },
  { name: 'a box without area', input: { around: [box(320, 240, 0)] } },
  { name: 'a box with its edges exchanged', input: { around: [{ x0: 200, y0: 100, x1: 100, y1: 200 }] } },
  { name: 'a box that is no number', input: { around: [box(NaN, 240, 100)] } },
  { name: 'a box without end', input: { around: [{ x0: 0, y0: 0, x1: Infinity, y1: 100 }] } },
  { name: 'six faces in a small picture', input: { around: [1, 2, 3, 4, 5, 6].map((n) => box(n * 90, 240, 70)) } },
  { name: 'a picture whose whole search costs no more', input: { minFacePx: 240 } },
])('the whole picture is searched for $name', ({ input }) => {
  expect(plan(input)).toBeUndefined();
});

test('a face that is partly outside the picture gets a square', () => {
  expect(plan({ around: [box(0, 240, 100)] })).toHaveLength(1);
});

test('every square holds its face and its surroundings, also after a move by half its size, at a scale that the detector knows', () => {
  const random = seededRandom(16);
  let squares = 0;
  for (let n = 0; n < 5_000; n++) {
    const widthPx = Math.round(320 + 1_600 * random());
    const heightPx = Math.round(320 + 1_600 * random());
    const minFacePx = Math.round(20 + 100 * random());
    const around = Array.from({ length: 1 + Math.floor(6 * random()) }, () => {
      const facePx = minFacePx + random() ** 2 * (Math.min(widthPx, heightPx) - minFacePx);
      return box(widthPx * random(), heightPx * random(), facePx, facePx * (0.7 + 0.8 * random()));
    });
    const planned = planSearch({ widthPx, heightPx, minFacePx, around });
    if (!planned) continue;
    expect(planned).toHaveLength(around.length);
    const whole = placeFrame({ widthPx, heightPx }, minFacePx, 32);
    expect(planned.length * SQUARE_TENSOR_PX ** 2).toBeLessThan(whole.widthPx * whole.heightPx);
    for (const [i, face] of around.entries()) {
      const { boxPx, scale } = planned[i]!;
      squares++;
      const longerPx = Math.max(boxWidth(face), boxHeight(face));
      expect(longerPx * scale).toBeGreaterThanOrEqual(28);
      expect(longerPx * scale).toBeLessThanOrEqual(64);
      expect(boxWidth(boxPx) * scale).toBeCloseTo(SQUARE_TENSOR_PX, 6);
      expect(boxHeight(boxPx)).toBeCloseTo(boxWidth(boxPx), 6);
      const roomPx = 0.7 * longerPx;
      expect(boxPx.x0).toBeLessThanOrEqual(face.x0 - roomPx);
      expect(boxPx.y0).toBeLessThanOrEqual(face.y0 - roomPx);
      expect(boxPx.x1).toBeGreaterThanOrEqual(face.x1 + roomPx);
      expect(boxPx.y1).toBeGreaterThanOrEqual(face.y1 + roomPx);
    }
  }
  expect(squares).toBeGreaterThan(5_000);
});

describe('the faces in sight', () => {
  const [left, right] = [box(100, 100, 80), box(300, 100, 80)];

  test.each([
    { name: 'in their places', found: [right, left], is: true },
    { name: 'moved by a third of their size', found: [box(126, 100, 80), box(300, 126, 80)], is: true },
    { name: 'with further faces', found: [left, box(500, 300, 90), right], is: true },
    { name: 'with one missing', found: [right], is: false },
    { name: 'with none', found: [], is: false },
    { name: 'moved by more than half their size', found: [box(145, 100, 80), right], is: false },
    { name: 'much smaller than expected', found: [box(100, 100, 40), right], is: false },
  ])('$name are all found: $is', ({ found, is }) => {
    expect(areAllFound([left, right], found)).toBe(is);
  });

  test('are not all found where one face stands for two', () => {
    const near = box(110, 100, 80);
    expect(areAllFound([left, near], [left])).toBe(false);
    expect(areAllFound([left, near], [near, left])).toBe(true);
  });

  test('are found where nobody is expected', () => {
    expect(areAllFound([], [])).toBe(true);
  });
});
