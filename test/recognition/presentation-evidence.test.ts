// Evidence of a print or a screen over the frames of one face, by scripted movements of landmarks and borders.
import { describe, expect, test } from 'vitest';
import type { Face, Landmarks, Point, PresentationTraces } from '../../src/domain/face.js';
import { fuseLiveness } from '../../src/recognition/liveness.js';
import { PresentationEvidence } from '../../src/recognition/presentation-evidence.js';

interface Scene {
  /** Place of the face's centre in pixels. */
  x?: number;
  y?: number;
  /** Turn of a head with depth, or of a flat picture, in degrees. */
  headYaw?: number;
  flatYaw?: number;
  /** Place of the border's centre, and the coverage of its weakest side. */
  borderX?: number;
  coverage?: number;
  periodicity?: number;
  chroma?: number;
  surroundingChroma?: number;
  /** Grey level of the crop. */
  crop?: number;
}

/** A mean head in units of 20 px: x, y, and depth towards the camera. */
const HEAD = [
  [-1, -0.8, 0],
  [1, -0.8, 0],
  [0, 0.4, 0.92],
  [-0.86, 1.2, 0],
  [0.86, 1.2, 0],
] as const;

function face({ x = 320, y = 240, headYaw = 0, flatYaw = 0, ...rest }: Scene): Face {
  const { borderX = 320, coverage = 0, periodicity = 6, chroma = 40, surroundingChroma = 20, crop } = rest;
  const turn = ((headYaw + flatYaw) * Math.PI) / 180;
  const depth = headYaw === 0 ? 0 : 1;
  const landmarksPx = HEAD.map(([px, py, pz]) => ({
    x: x + 20 * (px * Math.cos(turn) + depth * pz * Math.sin(turn)),
    y: y + 20 * py,
  })) as [Point, Point, Point, Point, Point] satisfies Landmarks;
  const corner = (dx: number, dy: number): Point => ({ x: borderX + dx, y: 240 + dy });
  const presentation: PresentationTraces = {
    periodicity,
    chroma,
    surroundingChroma,
    ...(coverage > 0 && {
      border: {
        coverage: [1, coverage, 1, 1],
        cornersPx: [corner(-90, -110), corner(90, -110), corner(-90, 110), corner(90, 110)],
      },
    }),
  };
  return {
    boxPx: { x0: x - 40, y0: y - 50, x1: x + 40, y1: y + 50 },
    landmarksPx,
    detectionScore: 0.9,
    pose: { yaw: 0, pitch: 0, roll: 0 },
    presentation,
    crop: new Uint8Array(112 * 112 * 3).fill(crop ?? 120),
  };
}

/** Shows frames at 10 per second. */
function watch(count: number, scene: (i: number) => Scene): PresentationEvidence {
  const evidence = new PresentationEvidence();
  for (let i = 0; i < count; i++) evidence.add(face(scene(i)), i * 100);
  return evidence;
}

const swing = (i: number, amplitude: number): number => amplitude * Math.sin(i / 2);
/** A person who sways. */
const alive = (i: number): Scene => ({ x: 320 + swing(i, 3), headYaw: swing(i, 4) });

describe('evidence', () => {
  test.each([
    { name: 'none of a person who sways', scene: alive, attack: [], doubts: [] },
    {
      name: 'a border that moves with the face',
      scene: (i: number) => ({ x: 320 + swing(i, 8), borderX: 320 + swing(i, 8), coverage: 0.9 }),
      attack: ['border'],
      doubts: [],
    },
    {
      name: 'none of a window behind a person who moves',
      scene: (i: number) => ({ x: 320 + swing(i, 8), borderX: 320, coverage: 0.95 }),
      attack: [],
      doubts: [],
    },
    {
      name: 'a doubt while neither the face nor a clear border has moved',
      scene: (i: number) => ({ x: 320 + swing(i, 1), borderX: 320, coverage: 0.95 }),
      attack: [],
      doubts: ['border'],
    },
    {
      name: 'none of unclear edges that have not moved',
      scene: (i: number) => ({ x: 320 + swing(i, 1), borderX: 320, coverage: 0.62 }),
      attack: [],
      doubts: [],
    },
    { name: 'a pattern', scene: (i: number) => ({ ...alive(i), periodicity: 90 }), attack: ['pattern'], doubts: [] },
    {
      name: 'none of a pattern in every fourth frame',
      scene: (i: number) => ({ ...alive(i), periodicity: i % 4 === 0 ? 90 : 6 }),
      attack: [],
      doubts: [],
    },
    { name: 'a grey face', scene: (i: number) => ({ ...alive(i), chroma: 1 }), attack: ['grey'], doubts: [] },
    {
      name: 'none of a grey face in a grey picture: an infrared camera',
      scene: (i: number) => ({ ...alive(i), chroma: 1, surroundingChroma: 1 }),
      attack: [],
      doubts: [],
    },
    {
      name: 'a flat picture that turns',
      scene: (i: number) => ({ x: 320 + swing(i, 4), flatYaw: 2.5 * i }),
      attack: ['flat'],
      doubts: [],
    },
    {
      name: 'none of a head that turns as far',
      scene: (i: number) => ({ x: 320 + swing(i, 4), headYaw: 2.5 * i }),
      attack: [],
      doubts: [],
    },
  ])('$name', ({ scene, attack, doubts }) => {
    expect(watch(16, scene).judge()).toEqual({ attack, doubts });
  });

  test.each([
    { name: 'a face that stands still for three seconds', count: 32, scene: () => ({}), attack: ['still'] },
    { name: 'not one that stands still for two seconds', count: 21, scene: () => ({}), attack: [] },
    {
      name: 'not one that blinks',
      count: 32,
      scene: (i: number) => ({ crop: i === 15 ? 140 : 120 }),
      attack: [],
    },
    { name: 'not one that sways', count: 32, scene: alive, attack: [] },
  ])('a face without any change: $name', ({ count, scene, attack }) => {
    expect(watch(count, scene).judge().attack).toEqual(attack);
  });

  test('needs three frames', () => {
    expect(watch(2, () => ({ periodicity: 90, chroma: 0 })).judge().attack).toEqual([]);
    expect(watch(3, () => ({ periodicity: 90, chroma: 0 })).judge().attack).toEqual(['pattern', 'grey']);
  });

  test('stays once it was found, even after an interruption', () => {
    const evidence = watch(4, () => ({ periodicity: 90 }));
    expect(evidence.judge().attack).toEqual(['pattern']);
    evidence.interrupt();
    for (let i = 0; i < 20; i++) evidence.add(face(alive(i)), 1_000 + i * 100);
    expect(evidence.judge().attack).toEqual(['pattern']);
  });

  test('is not measured in frames without a measurement', () => {
    const evidence = new PresentationEvidence();
    for (let i = 0; i < 8; i++) {
      const bare = face(alive(i));
      delete bare.presentation;
      evidence.add(bare, i * 100);
    }
    expect(evidence.judge()).toEqual({ attack: [], doubts: [] });
  });
});

describe('the fused decision with evidence', () => {
  const live = [5, 5, 5].map((score) => ({ score, quality: 0.9 }));
  const options = { threshold: 0, isSuspect: false };

  test('evidence of an attack beats scores that look alive', () => {
    const evidence = { attack: ['border'], doubts: [] } as const;
    const fused = fuseLiveness(live, { ...options, evidence });
    expect(fused).toEqual({ verdict: 'spoof', score: 5, evidence: ['border'] });
  });

  test('a doubt holds back the verdict live, and no other', () => {
    const evidence = { attack: [], doubts: ['border'] } as const;
    expect(fuseLiveness(live, { ...options, evidence })).toMatchObject({ verdict: 'unsure', evidence: ['border'] });
    const dead = live.map((sample) => ({ ...sample, score: -5 }));
    expect(fuseLiveness(dead, { ...options, evidence }).verdict).toBe('spoof');
    expect(fuseLiveness(live, { ...options, evidence: { attack: [], doubts: [] } })).toEqual({
      verdict: 'live',
      score: 5,
    });
  });
});

describe('at any rate', () => {
  /** Shows a face that does not move, for a time. */
  const watchStill = (fps: number, durationMs: number): PresentationEvidence => {
    const evidence = new PresentationEvidence();
    for (let atMs = 0; atMs <= durationMs; atMs += 1_000 / fps) evidence.add(face({}), atMs);
    return evidence;
  };

  test.each([10, 25, 30, 60, 240])(
    'a picture that stands still for three seconds is found at %s frames per second',
    (fps) => {
      expect(watchStill(fps, 2_900).judge().attack).toEqual([]);
      expect(watchStill(fps, 3_200).judge().attack).toEqual(['still']);
    },
  );

  test.each([1, 0.2])('no sooner than after twelve frames at %s per second', (fps) => {
    expect(watchStill(fps, 10_900 / fps).judge().attack).toEqual([]);
    expect(watchStill(fps, 11_100 / fps).judge().attack).toEqual(['still']);
  });

  test('a viewer sees the evidence, and what only a viewer saw is not kept', () => {
    const evidence = watchStill(10, 3_200);
    expect(evidence.peek().attack).toEqual(['still']);
    for (let n = 0; n < 64; n++) evidence.add(face({ ...alive(n), x: 320 + 40 * (n % 2) }), 3_300 + n * 100);
    expect(evidence.judge().attack).toEqual([]);
  });

  test('frames in doubt count when a shot confirms them, and not otherwise', () => {
    const show = (isConfirmed: boolean): readonly string[] => {
      const evidence = new PresentationEvidence();
      for (let n = 0; n < 3; n++) {
        evidence.hold();
        evidence.add(face({ periodicity: 100 }), n * 1_000);
        if (isConfirmed) evidence.confirm();
      }
      return evidence.judge().attack;
    };
    expect(show(true)).toEqual(['pattern']);
    expect(show(false)).toEqual([]);
  });

  test('an interruption forgets the frames in doubt as well', () => {
    const evidence = new PresentationEvidence();
    evidence.hold();
    for (let n = 0; n < 5; n++) evidence.add(face({ periodicity: 100 }), n * 100);
    evidence.interrupt();
    evidence.confirm();
    expect(evidence.judge().attack).toEqual([]);
  });
});
