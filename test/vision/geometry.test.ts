import { describe, expect, it } from 'vitest';
import type { Landmarks, Point } from '../../src/domain/face.js';
import { fitSimilarity } from '../../src/vision/align.js';
import { fitSquare } from '../../src/vision/attributes.js';
import { estimatePose } from '../../src/vision/pose.js';

const apply = (m: readonly number[], { x, y }: Point): Point => ({
  x: m[0]! * x + m[1]! * y + m[2]!,
  y: m[3]! * x + m[4]! * y + m[5]!,
});

const frontal: Landmarks = [
  { x: 38.3, y: 51.7 },
  { x: 73.5, y: 51.5 },
  { x: 56, y: 71.7 },
  { x: 41.5, y: 92.4 },
  { x: 70.7, y: 92.2 },
];

describe('fitSimilarity', () => {
  it.each([0, 15, 90, 179, -120])('recovers a turn of %d degrees, a scale and a shift exactly', (degrees) => {
    const angle = (degrees / 180) * Math.PI;
    const move = ({ x, y }: Point): Point => ({
      x: 2.5 * (x * Math.cos(angle) - y * Math.sin(angle)) - 7,
      y: 2.5 * (x * Math.sin(angle) + y * Math.cos(angle)) + 30,
    });
    const matrix = fitSimilarity(frontal, frontal.map(move));
    for (const point of frontal) {
      expect(apply(matrix, point).x).toBeCloseTo(move(point).x, 6);
      expect(apply(matrix, point).y).toBeCloseTo(move(point).y, 6);
    }
  });

  it('is the least-squares fit: no nearby similarity is better', () => {
    const noisy = frontal.map((point, i) => ({
      x: point.x + [2, -1, 3, 0, -2][i]!,
      y: point.y + [1, 2, -2, -1, 0][i]!,
    }));
    const matrix = fitSimilarity(noisy, frontal);
    const error = (m: readonly number[]): number =>
      noisy.reduce((sum, point, i) => {
        const moved = apply(m, point);
        return sum + (moved.x - frontal[i]!.x) ** 2 + (moved.y - frontal[i]!.y) ** 2;
      }, 0);
    const best = error(matrix);
    const [a, b, tx, , , ty] = matrix;
    for (const [da, db, dx, dy] of [
      [0.01, 0, 0, 0],
      [-0.01, 0, 0, 0],
      [0, 0.01, 0, 0],
      [0, -0.01, 0, 0],
      [0, 0, 0.5, 0],
      [0, 0, 0, -0.5],
    ]) {
      expect(error([a + da!, b - db!, tx + dx!, -(b - db!), a + da!, ty + dy!])).toBeGreaterThan(best);
    }
  });

  it('refuses landmarks that coincide', () => {
    const point = { x: 5, y: 5 };
    expect(() => fitSimilarity([point, point, point, point, point], frontal)).toThrow(RangeError);
  });
});

describe('estimatePose', () => {
  it('gives angles near 0 for a frontal face', () => {
    const pose = estimatePose(frontal);
    expect(Math.abs(pose.yaw)).toBeLessThan(5);
    expect(Math.abs(pose.pitch)).toBeLessThan(12);
    expect(Math.abs(pose.roll)).toBeLessThan(2);
  });

  const moved = (dx: number, dy: number): Landmarks =>
    frontal.map((point, i) => (i === 2 ? { x: point.x + dx, y: point.y + dy } : point)) as unknown as Landmarks;

  it('has positive yaw when the nose moves to the right of the picture, negative to the left', () => {
    expect(estimatePose(moved(9, 0)).yaw).toBeGreaterThan(15);
    expect(estimatePose(moved(-9, 0)).yaw).toBeLessThan(-15);
  });

  it('has greater pitch when the nose moves up', () => {
    expect(estimatePose(moved(0, -6)).pitch).toBeGreaterThan(estimatePose(frontal).pitch + 8);
    expect(estimatePose(moved(0, 6)).pitch).toBeLessThan(estimatePose(frontal).pitch - 8);
  });

  it.each([-150, -90, -30, 10, 45, 120])('has roll %d for a face that is turned clockwise by that angle', (degrees) => {
    const angle = (degrees / 180) * Math.PI;
    const turned = frontal.map(({ x, y }) => ({
      x: x * Math.cos(angle) - y * Math.sin(angle),
      y: x * Math.sin(angle) + y * Math.cos(angle),
    })) as unknown as Landmarks;
    expect(estimatePose(turned).roll).toBeCloseTo(degrees + estimatePose(frontal).roll, 3);
  });

  it.each([
    [0, 0],
    [8, -5],
    [-12, 4],
    [3, 9],
  ])('gives mirrored yaw and roll, and the same pitch, for a mirrored face (nose moved by %d, %d)', (dx, dy) => {
    const face = moved(dx, dy).map(({ x, y }) => ({ x: x + 0.2 * y, y: y - 0.2 * x })) as unknown as Landmarks;
    const mirror = ({ x, y }: Point): Point => ({ x: 200 - x, y });
    const mirrored: Landmarks = [mirror(face[1]), mirror(face[0]), mirror(face[2]), mirror(face[4]), mirror(face[3])];
    const pose = estimatePose(face);
    const other = estimatePose(mirrored);
    expect(other.yaw).toBeCloseTo(-pose.yaw, 4);
    expect(other.roll).toBeCloseTo(-pose.roll, 4);
    expect(other.pitch).toBeCloseTo(pose.pitch, 4);
  });

  it('stays finite for landmarks that form no face', () => {
    const point = { x: 5, y: 5 };
    for (const value of Object.values(estimatePose([point, point, point, point, point]))) {
      expect(Number.isFinite(value)).toBe(true);
    }
  });
});

describe('fitSquare', () => {
  it('centres the box and fits the square into the shorter side', () => {
    const matrix = fitSquare({ x0: 100, y0: 50, x1: 140, y1: 130 }, { factor: 1.5, widthPx: 640, heightPx: 480 });
    expect(apply(matrix, { x: 120, y: 90 })).toEqual({ x: 320, y: 240 });
    expect(matrix[0]).toBeCloseTo(480 / 120);
  });
});
