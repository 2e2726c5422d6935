// Guided enrolment before a camera that is set to few frames per second: it is refused at once where they cannot suffice.
import { expect, test } from 'vitest';
import { Enrolments } from '../../src/enrolment/enrolments.js';
import { EnrolmentRefused } from '../../src/enrolment/enrolment-refused.js';
import { ManualTimers } from '../camera/manual-timers.js';
import { cameraConfig } from '../camera/test-camera.js';
import { CropReader, openGallery, scales, staff } from '../recognition/door.js';

test.each([
  { maxFps: 0.1, frames: 10, timeoutMs: 29_000, isRefused: true },
  { maxFps: 0.1, frames: 10, timeoutMs: 30_000, isRefused: false },
  { maxFps: 0.1, frames: 1, timeoutMs: 10_000, isRefused: false },
  { maxFps: 0.1, frames: 1, timeoutMs: 9_000, isRefused: true },
  // Liveness takes three frames, however few are asked for.
  { maxFps: 0.1, frames: 1, timeoutMs: 29_000, liveness: 'required', isRefused: true },
  { maxFps: 10, frames: 30, timeoutMs: 1_000, isRefused: false },
])('$frames frames in $timeoutMs ms at $maxFps per second: refused $isRefused', async (one) => {
  const { maxFps, liveness = 'observe', frames, timeoutMs, isRefused } = one;
  const gallery = await openGallery();
  await gallery.createGroup(staff, 'model-1');
  const timers = new ManualTimers();
  const enrolments = new Enrolments({
    cameras: { views: () => [], watch: () => () => undefined, privacy: false },
    config: [cameraConfig({ maxFps, liveness })],
    vision: new CropReader(),
    gallery,
    findOwner: () => staff.owner,
    scales,
    clock: timers.clock,
    timers,
  });
  const { signal } = new AbortController();
  const call = { actor: 'admin', signal, isAllowed: () => true, onProgress: () => undefined };
  const wish = { group: 'staff', externalImageId: 'anna', minQuality: 0.5, duplicateThreshold: 80, faces: 1 };
  const begin = () => enrolments.begin('front', { ...wish, enrolment: 'open', frames, timeoutMs }, call);
  if (isRefused) {
    expect(begin).toThrow(EnrolmentRefused);
    expect(begin).toThrow('set timeoutMs higher, or maxFps of the camera');
    expect(enrolments.isRunning('front')).toBe(false);
    return;
  }
  const ended = expect(begin()).rejects.toThrow('The camera showed no picture in that time.');
  await timers.advance(timeoutMs + 250);
  await ended;
});
