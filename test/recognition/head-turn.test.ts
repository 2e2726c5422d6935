// When a face has turned as a head in space does: from the landmarks of heads and flat sheets that a model of five points gives.
import { describe, expect, test } from 'vitest';
import type { Face, Landmarks } from '../../src/domain/face.js';
import { HeadTurn } from '../../src/recognition/head-turn.js';
import { estimatePose } from '../../src/vision/pose.js';

/** Five points of a head in px: x to the right of the picture, y down, z towards the camera. */
const HEAD = [
  [-30, 0, 0],
  [30, 0, 0],
  [0, 36, 28],
  [-26, 60, -2],
  [26, 60, -2],
] as const;

type Turned = Pick<Face, 'landmarksPx' | 'pose'>;

/** Turns points in space about the vertical axis, and projects them. @param depth 1 for a head, 0 for its picture on a sheet */
function turn(degrees: number, { depth = 1, own = 0 } = {}): Turned {
  const rotate = (points: readonly (readonly [number, number, number])[], angle: number) => {
    const [sin, cos] = [Math.sin((angle * Math.PI) / 180), Math.cos((angle * Math.PI) / 180)];
    return points.map(([x, y, z]) => [x * cos + z * sin, y, z * cos - x * sin] as [number, number, number]);
  };
  const shown = rotate(HEAD, own).map(([x, y, z]) => [x, y, depth * z] as [number, number, number]);
  const points = rotate(shown, degrees).map(([x, y]) => ({ x: 320 + x, y: 200 + y }));
  const landmarksPx = points as unknown as Landmarks;
  return { landmarksPx, pose: estimatePose(landmarksPx) };
}

function measure(ahead: Turned, then: Turned, isMirrored = false) {
  const turned = new HeadTurn(isMirrored);
  for (let n = 0; n < 4; n++) turned.add(ahead, n * 100);
  if (!turned.begin(300)) return 'not begun';
  for (const share of [0.3, 0.5, 0.6]) turned.add(between(ahead, then, share), 400);
  return turned.add(then, 500);
}

/** Returns a face whose points are between those of two others. @param share 0 for the first, 1 for the second */
function between(from: Turned, to: Turned, share: number): Turned {
  const points = from.landmarksPx.map(({ x, y }, i) => {
    const end = to.landmarksPx[i]!;
    return { x: x + share * (end.x - x), y: y + share * (end.y - y) };
  });
  const landmarksPx = points as unknown as Landmarks;
  return { landmarksPx, pose: estimatePose(landmarksPx) };
}

describe('a head', () => {
  test.each([
    [25, 'left'],
    [30, 'left'],
    [40, 'left'],
    [-25, 'right'],
    [-40, 'right'],
    [10, undefined],
    [-10, undefined],
    [0, undefined],
  ] as const)('that turns by %i degrees in the picture is turned to: %s', (degrees, side) => {
    expect(measure(turn(0), turn(degrees))).toBe(side);
    expect(measure(turn(4), turn(degrees))).toBe(side);
  });

  test('that is seen in a mirror turns to the other side', () => {
    expect(measure(turn(0), turn(30), true)).toBe('right');
    expect(measure(turn(0), turn(-30), true)).toBe('left');
  });
});

describe('a flat picture', () => {
  test.each([-60, -45, -25, 25, 45, 60])('that is tilted by %i degrees has not turned', (degrees) => {
    expect(measure(turn(0, { depth: 0 }), turn(degrees, { depth: 0 }))).toBeUndefined();
  });

  test.each([-60, -30, 30, 60])('of a face that is turned by 8 degrees itself has not turned at %i', (degrees) => {
    expect(measure(turn(0, { depth: 0, own: 8 }), turn(degrees, { depth: 0, own: 8 }))).toBeUndefined();
  });

  test('of a turned face does not look ahead, so that no turn is measured from it', () => {
    expect(measure(turn(0, { depth: 0, own: 20 }), turn(30, { depth: 0, own: 20 }))).toBe('not begun');
  });

  test('of a turned face that looked ahead while it was tilted far has not turned when it is held straight', () => {
    const { landmarksPx } = turn(60, { depth: 0 });
    // The points that a detector puts on a picture at such an angle are not those of the face.
    const ahead = { landmarksPx, pose: { yaw: 5, pitch: 0, roll: 0 } };
    expect(measure(ahead, turn(0, { depth: 0, own: 25 }))).toBeUndefined();
  });
});

describe('no turn is measured', () => {
  test('before the face looked ahead in three frames', () => {
    const turned = new HeadTurn(false);
    turned.add(turn(0), 0);
    turned.add(turn(0), 100);
    expect(turned.begin(200)).toBe(false);
    turned.add(turn(0), 200);
    expect(turned.begin(200)).toBe(true);
  });

  test('where the face looks aside now', () => {
    const turned = new HeadTurn(false);
    for (let n = 0; n < 4; n++) turned.add(turn(0), n * 100);
    for (let n = 4; n < 10; n++) turned.add(turn(25), n * 100);
    expect(turned.begin(900)).toBe(false);
  });

  test('from frames whose landmarks are not sure', () => {
    const turned = new HeadTurn(false);
    for (let n = 0; n < 4; n++) turned.add({ ...turn(0), isAlignmentSure: false }, n * 100);
    expect(turned.begin(300)).toBe(false);
    for (let n = 4; n < 8; n++) turned.add(turn(0), n * 100);
    expect(turned.begin(700)).toBe(true);
    turned.add(turn(10), 800);
    expect(turned.add({ ...turn(30), isAlignmentSure: false }, 900)).toBeUndefined();
    expect(turned.add(turn(30), 1_000)).toBe('left');
  });

  test('where the face is turned at once, as when a picture takes the place of another one', () => {
    const turned = new HeadTurn(false);
    for (let n = 0; n < 4; n++) turned.add(turn(0), n * 100);
    turned.begin(300);
    for (let n = 4; n < 14; n++) expect(turned.add(turn(25), n * 100)).toBeUndefined();
    // Who turns back and once more is seen on the way.
    turned.add(turn(0), 1_400);
    turned.add(turn(10), 1_500);
    expect(turned.add(turn(25), 1_600)).toBe('left');
  });

  test('where the way led to the other side, or is long past', () => {
    const turned = new HeadTurn(false);
    for (let n = 0; n < 4; n++) turned.add(turn(0), n * 100);
    turned.begin(300);
    turned.add(turn(-10), 400);
    expect(turned.add(turn(25), 500)).toBeUndefined();
    turned.add(turn(10), 600);
    expect(turned.add(turn(25), 1_700)).toBeUndefined();
  });

  test('on a way that began before the face may have become another one', () => {
    const turned = new HeadTurn(false);
    for (let n = 0; n < 4; n++) turned.add(turn(0), n * 100);
    turned.begin(300);
    turned.add(turn(10), 400);
    turned.interrupt();
    expect(turned.add(turn(30), 500)).toBeUndefined();
    turned.add(turn(10), 600);
    expect(turned.add(turn(30), 700)).toBe('left');
  });

  test('after its end', () => {
    const turned = new HeadTurn(false);
    for (let n = 0; n < 4; n++) turned.add(turn(0), n * 100);
    turned.begin(300);
    turned.add(turn(10), 400);
    turned.reset();
    expect(turned.add(turn(30), 500)).toBeUndefined();
    expect(turned.begin(600)).toBe(false);
  });
});
