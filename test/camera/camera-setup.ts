// A camera with fake hardware, scripted models and manual time.
import { onTestFinished } from 'vitest';
import { Camera, type CameraParts } from '../../src/camera/camera.js';
import type { PictureState } from '../../src/native/addon.js';
import type { AnalysedFrame } from '../../src/vision/vision.js';
import { FakeCaptures } from './fake-capture.js';
import { ManualTimers, settle } from './manual-timers.js';
import { ScriptedVision } from './scripted-vision.js';
import { cameraConfig, RecordedLog } from './test-camera.js';

export const live = new AbortController().signal;

/** @param keys keys of the camera's configuration */
export function setUp(keys: object = {}, { password, ...more }: Partial<CameraParts> = {}) {
  const timers = new ManualTimers();
  const addon = new FakeCaptures();
  const vision = new ScriptedVision(addon);
  const log = new RecordedLog();
  const frames: AnalysedFrame[] = [];
  const listener = { work: (): Promise<void> => Promise.resolve() };
  const camera = new Camera({
    config: cameraConfig(keys),
    password,
    addon,
    vision,
    onFrame: (frame) => {
      frames.push(frame);
      return listener.work();
    },
    clock: timers.clock,
    timers,
    log,
    ...more,
  });
  onTestFinished(() => camera.stop());
  /** Gives one frame. @param picture measures that differ from the usual ones */
  const shoot = async (picture: Partial<PictureState> = {}) => {
    addon.last.frame(timers.nowMs, picture);
    await settle();
  };
  /** Gives frames every 200 ms. */
  const shootFor = async (durationMs: number, pictureAt: (atMs: number) => Partial<PictureState> = () => ({})) => {
    for (let atMs = 0; atMs < durationMs; atMs += 200) {
      await shoot(pictureAt(atMs));
      await timers.advance(200);
    }
  };
  return {
    timers,
    addon,
    vision,
    log,
    frames,
    listener,
    camera,
    shoot,
    shootFor,
    numbers: () => frames.map((f) => f.frameNumber),
  };
}

/** Creates a promise, and the function that resolves it. */
export function held() {
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => (release = resolve));
  return { promise, release };
}
