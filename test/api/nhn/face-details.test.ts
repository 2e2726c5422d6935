// Faces and similarities as the contract writes them.
import { describe, expect, test } from 'vitest';
import { describeEnrolledFace, describeFace } from '../../../src/api/nhn/face-details.js';
import { toFractionBox } from '../../../src/domain/face.js';
import { cosineFloor, reportedSimilarity } from '../../../src/domain/reported-similarity.js';
import type { Face } from '../../../src/domain/face.js';
import { SimilarityScale } from '../../../src/domain/similarity.js';

const image = { widthPx: 300, heightPx: 200 };
const points = [
  { x: 50, y: 40 },
  { x: 100, y: 40 },
  { x: -1, y: 60 },
  { x: 60, y: 201 },
  { x: 301, y: 80 },
] as const;
const face: Face = {
  boxPx: { x0: -3, y0: 20, x1: 100, y1: 230 },
  landmarksPx: points,
  detectionScore: 0.87654321,
  pose: { yaw: 12.345678, pitch: -0.00001, roll: 0 },
  quality: { size: 1, sharpness: 1, pose: 1, exposure: 1, detection: 1, overall: 1 },
  masked: true,
  livenessScore: 0.5,
};

describe('a face', () => {
  test('is written in fractions clamped to the picture, degrees and percent', () => {
    expect(describeFace(face, image, { orientation: true, mask: true, livenessThreshold: 1 })).toEqual({
      bbox: { x0: 0, y0: 0.1, x1: 0.333333, y1: 1 },
      landmarks: [
        { type: 'leftEye', x: 0.166667, y: 0.2 },
        { type: 'rightEye', x: 0.333333, y: 0.2 },
        { type: 'nose', x: 0, y: 0.3 },
        { type: 'leftLip', x: 0.2, y: 1 },
        { type: 'rightLip', x: 1, y: 0.4 },
      ],
      orientation: { x: 12.3457, y: 0, z: 0 },
      mask: true,
      spoofing: true,
      confidence: 87.6543,
    });
  });

  test('has only the fields that are wanted and known', () => {
    const { masked, ...unmasked } = face;
    expect(masked).toBeDefined();
    const bare = describeFace(unmasked, image, { orientation: false, mask: true });
    expect(Object.keys(bare)).toEqual(['bbox', 'landmarks', 'confidence']);
  });

  test('that could not be scored is an attack', () => {
    const { livenessScore, ...unscored } = face;
    expect(livenessScore).toBeDefined();
    for (const score of [{}, { livenessScore: NaN }]) {
      const fields = { orientation: false, mask: false, livenessThreshold: -100 };
      expect(describeFace({ ...unscored, ...score }, image, fields).spoofing).toBe(true);
    }
  });

  test('has the same box when it is detected, enrolled and read back in single precision', () => {
    const bbox = toFractionBox({ x0: 1 / 3, y0: 2 / 3, x1: 100.1, y1: 77.7 }, image);
    const { x0, y0, x1, y1 } = bbox;
    const single = { x0: Math.fround(x0), y0: Math.fround(y0), x1: Math.fround(x1), y1: Math.fround(y1) };
    const enrolled = { faceId: 'f', imageId: 'i', bbox: single, detectionScore: Math.fround(0.87654321) };
    expect(describeEnrolledFace(enrolled)).toEqual({ bbox, faceId: 'f', imageId: 'i', confidence: 87.6543 });
  });
});

describe('similarity and threshold', () => {
  const scale = new SimilarityScale([
    { cosine: 0.2013, similarity: 70 },
    { cosine: 0.2517, similarity: 80 },
    { cosine: 0.3011, similarity: 90 },
  ]);

  test('agree: whatever is reported at the threshold or above is found by its cosine floor', () => {
    const disagreeing: string[] = [];
    for (const threshold of [1, 33.3333, 70, 79.99995, 80, 89.9999, 90, 90.00001, 99.9, 100]) {
      const at = scale.toCosine(threshold);
      for (let step = -2_000; step <= 2_000; step++) {
        const cosine = Math.min(1, at + step * 1e-9);
        const matches = reportedSimilarity(scale, cosine) >= threshold;
        if (matches && cosine < cosineFloor(scale, threshold)) disagreeing.push(`${threshold} ${cosine}`);
      }
    }
    expect(disagreeing).toEqual([]);
  });

  test('are of four decimals, 0 to 100', () => {
    expect(reportedSimilarity(scale, -0.5)).toBe(0);
    expect(reportedSimilarity(scale, 1)).toBe(100);
    expect(reportedSimilarity(scale, 0.3011)).toBe(90);
    expect(reportedSimilarity(scale, 0.1)).toBe(34.774);
    expect(cosineFloor(scale, 90)).toBeLessThan(0.3011);
    expect(cosineFloor(scale, 90)).toBeGreaterThan(0.301);
  });
});
