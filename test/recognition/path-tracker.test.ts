// Paths of faces over frames: scripted movements, checked by the path ids.
import { describe, expect, test } from 'vitest';
import type { Box } from '../../src/domain/face.js';
import { PathTracker } from '../../src/recognition/path-tracker.js';

/** A square face by its centre. */
function face(x: number, y: number, sizePx = 100): Box {
  return { x0: x - sizePx / 2, y0: y - sizePx / 2, x1: x + sizePx / 2, y1: y + sizePx / 2 };
}

interface Step {
  atMs: number;
  faces: Box[];
  /** Expected, in the order of the faces. */
  ids: number[];
  ended?: number[];
}

const paths: { name: string; absenceMs?: number; steps: Step[] }[] = [
  { name: 'an empty picture', steps: [{ atMs: 0, faces: [], ids: [] }] },
  {
    name: 'a face that stands still',
    steps: [0, 100, 200].map((atMs) => ({ atMs, faces: [face(300, 200)], ids: [1] })),
  },
  {
    name: 'two faces side by side, whatever their order',
    steps: [
      { atMs: 0, faces: [face(200, 200), face(420, 200)], ids: [1, 2] },
      { atMs: 100, faces: [face(425, 205), face(204, 203)], ids: [2, 1] },
      { atMs: 200, faces: [face(202, 202), face(430, 204)], ids: [1, 2] },
    ],
  },
  {
    name: 'a face that walks across the picture, nine tenths of its width from frame to frame',
    steps: [0, 1, 2, 3, 4, 5].map((n) => ({ atMs: n * 100, faces: [face(100 + 90 * n, 200)], ids: [1] })),
  },
  {
    name: 'a face that comes nearer',
    steps: [0, 1, 2, 3, 4].map((n) => ({ atMs: n * 100, faces: [face(300, 200 + 5 * n, 60 * 1.2 ** n)], ids: [1] })),
  },
  {
    name: 'a face that is hidden for less than the absence time',
    absenceMs: 2_000,
    steps: [
      { atMs: 0, faces: [face(300, 200)], ids: [1] },
      { atMs: 100, faces: [], ids: [] },
      { atMs: 1_900, faces: [face(310, 205)], ids: [1] },
    ],
  },
  {
    name: 'a face that is gone for the absence time has ended, and comes back as another',
    absenceMs: 2_000,
    steps: [
      { atMs: 0, faces: [face(300, 200)], ids: [1] },
      { atMs: 1_999, faces: [], ids: [] },
      { atMs: 2_000, faces: [face(300, 200)], ids: [2], ended: [1] },
      { atMs: 4_500, faces: [], ids: [], ended: [2] },
    ],
  },
  {
    name: 'a walking face that is hidden for a moment goes on where it was heading',
    steps: [
      ...[0, 1, 2, 3].map((n) => ({ atMs: n * 100, faces: [face(100 + 60 * n, 200)], ids: [1] })),
      { atMs: 400, faces: [], ids: [] },
      { atMs: 500, faces: [], ids: [] },
      { atMs: 600, faces: [face(460, 200)], ids: [1] },
    ],
  },
  {
    name: 'a walking face that stopped while it was hidden',
    steps: [
      ...[0, 1, 2, 3].map((n) => ({ atMs: n * 100, faces: [face(100 + 60 * n, 200)], ids: [1] })),
      { atMs: 800, faces: [face(310, 200)], ids: [1] },
    ],
  },
  {
    name: 'two faces that pass each other keep their course',
    steps: [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({
      atMs: n * 100,
      faces: [face(100 + 50 * n, 200), face(500 - 50 * n, 210)],
      ids: [1, 2],
    })),
  },
  {
    name: 'a face far away from the last one is another',
    steps: [
      { atMs: 0, faces: [face(100, 200)], ids: [1] },
      { atMs: 100, faces: [face(500, 200)], ids: [2] },
    ],
  },
  {
    name: 'a face of quite another size is another',
    steps: [
      { atMs: 0, faces: [face(300, 200, 60)], ids: [1] },
      { atMs: 100, faces: [face(300, 200, 160)], ids: [2] },
    ],
  },
  {
    name: 'the nearer of two new faces continues the path',
    steps: [
      { atMs: 0, faces: [face(300, 200)], ids: [1] },
      { atMs: 100, faces: [face(390, 200), face(305, 200)], ids: [2, 1] },
    ],
  },
  {
    name: 'two frames of one moment',
    steps: [
      { atMs: 0, faces: [face(300, 200)], ids: [1] },
      { atMs: 0, faces: [face(302, 200)], ids: [1] },
      { atMs: 100, faces: [face(304, 200)], ids: [1] },
    ],
  },
  {
    name: 'a face without area has a path of its own and disturbs nobody',
    steps: [
      { atMs: 0, faces: [face(300, 200), face(300, 200, 0)], ids: [1, 2] },
      { atMs: 100, faces: [face(300, 200)], ids: [1] },
    ],
  },
];

describe('paths', () => {
  test.each(paths)('$name', ({ absenceMs = 2_000, steps }) => {
    const tracker = new PathTracker({ absenceMs });
    for (const { atMs, faces, ids, ended = [] } of steps) {
      const { steps, ended: over } = tracker.update(atMs, faces);
      expect({ atMs, ids: steps.map(({ pathId }) => pathId), over }).toEqual({ atMs, ids, over: ended });
    }
  });

  test('all end at once on request', () => {
    const tracker = new PathTracker({ absenceMs: 2_000 });
    tracker.update(0, [face(100, 200), face(500, 200)]);
    expect(tracker.endAll()).toEqual([1, 2]);
    expect(tracker.size).toBe(0);
    expect(tracker.update(100, [face(100, 200)]).steps[0]?.pathId).toBe(3);
  });

  test('are bounded in number: those unseen the longest end early', () => {
    const tracker = new PathTracker({ absenceMs: 1_000_000 });
    const ended: number[] = [];
    for (let n = 0; n < 20; n++) {
      const row = Array.from({ length: 8 }, (_, i) => face(200 * i, 1_000 * n));
      ended.push(...tracker.update(n * 100, row).ended);
    }
    expect(tracker.size).toBe(128);
    expect(ended.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
  });

  // Frames every 100 ms; the first face of the last one is checked.
  test.each<{ name: string; before: Box[][]; now: Box[]; isDoubtful: boolean; isTouching?: boolean }>([
    { name: 'stands', before: [[face(300, 200)]], now: [face(302, 200)], isDoubtful: false },
    {
      name: 'walks steadily',
      before: [[face(100, 200)], [face(140, 200)], [face(180, 200)]],
      now: [face(220, 200)],
      isDoubtful: false,
    },
    { name: 'is new', before: [[]], now: [face(300, 200)], isDoubtful: false },
    { name: 'was hidden for a frame', before: [[face(300, 200)], []], now: [face(300, 200)], isDoubtful: true },
    { name: 'leaps', before: [[face(300, 200)], [face(300, 200)]], now: [face(370, 200)], isDoubtful: true },
    { name: 'is much larger all at once', before: [[face(300, 200)]], now: [face(300, 200, 140)], isDoubtful: true },
    {
      name: 'stands apart from another one',
      before: [[face(200, 200), face(420, 200)]],
      now: [face(200, 200), face(420, 200)],
      isDoubtful: false,
    },
    {
      name: 'touches another one',
      before: [[face(200, 200), face(420, 200)]],
      now: [face(210, 200), face(290, 200)],
      isDoubtful: true,
      isTouching: true,
    },
    {
      name: 'hides where another one was',
      before: [[face(200, 200), face(310, 200)], [face(230, 200), face(300, 200)]],
      now: [face(260, 200)],
      isDoubtful: true,
    },
    {
      name: 'could be either of two',
      before: [[face(200, 200), face(340, 200)]],
      now: [face(255, 200), face(410, 200)],
      isDoubtful: true,
    },
  ])('a face that $name is doubtful: $isDoubtful', ({ before, now, isDoubtful, isTouching = false }) => {
    const tracker = new PathTracker({ absenceMs: 2_000 });
    before.forEach((faces, n) => tracker.update(n * 100, faces));
    const [step] = tracker.update(before.length * 100, now).steps;
    expect(step).toMatchObject({ isDoubtful, isTouching });
  }); // prettier-ignore

  test('at a slow camera every step is doubtful', () => {
    const tracker = new PathTracker({ absenceMs: 2_000 });
    tracker.update(0, [face(300, 200)]);
    expect(tracker.update(301, [face(300, 200)]).steps[0]?.isDoubtful).toBe(true);
  });

  test('predict where a face in sight will be, and nothing for one out of sight', () => {
    const tracker = new PathTracker({ absenceMs: 2_000 });
    for (let n = 0; n < 6; n++) tracker.update(n * 100, [face(100 + 20 * n, 200)]);
    const box = tracker.expectedAt(1, 600);
    expect(((box?.x0 ?? 0) + (box?.x1 ?? 0)) / 2).toBeCloseTo(220, -1);
    expect(tracker.expectedAt(2, 600)).toBeUndefined();
    tracker.update(600, []);
    expect(tracker.expectedAt(1, 700)).toBeUndefined();
  });
});
