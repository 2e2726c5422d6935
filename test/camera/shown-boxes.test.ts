// The boxes that are drawn into a camera picture for a viewer.
import { expect, test } from 'vitest';
import type { Box } from '../../src/domain/face.js';
import { FramePace } from '../../src/camera/frame-pace.js';
import { chooseShownBoxes } from '../../src/camera/shown-boxes.js';
import { cameraConfig } from './test-camera.js';

const box = (x0: number): Box => ({ x0, y0: 100, x1: x0 + 80, y1: 180 });
const seen = { capturedAtMs: 50_000, widthPx: 640, heightPx: 480, boxes: [box(100), box(300), box(500)] };
const pace = new FramePace(cameraConfig({ maxFps: 10 }));
const nobody = { matchedBoxes: () => [] };

test('are green where somebody was matched, who may have moved a little, and red elsewhere', () => {
  const persons = { matchedBoxes: () => [box(310), box(560)] };
  expect(chooseShownBoxes(seen, persons, 50_100, pace)).toEqual([
    { box: box(100), colour: 'red' },
    { box: box(300), colour: 'green' },
    { box: box(500), colour: 'red' },
  ]);
});

test.each([
  ['there was no analysis', undefined, 50_000],
  ['the analysis is old', seen, 51_001],
])('are none where %s', (_, analysis, nowMs) => {
  expect(chooseShownBoxes(analysis, nobody, nowMs, pace)).toEqual([]);
});

test('are all red where nobody was matched', () => {
  expect(chooseShownBoxes(seen, nobody, 51_000, pace).map(({ colour }) => colour)).toEqual(['red', 'red', 'red']);
});

test('are drawn until the next analysis at a slow camera', () => {
  const slow = new FramePace(cameraConfig({ maxFps: 0.5 }));
  expect(chooseShownBoxes(seen, nobody, 54_000, slow)).toHaveLength(3);
  expect(chooseShownBoxes(seen, nobody, 54_001, slow)).toEqual([]);
});
