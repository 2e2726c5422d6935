// A door whose camera has a pace of its own: frames come at the source's rate, early, late or not at all, and at most maxFps are analysed.
import { boxIou } from '../../src/domain/face.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { face, openDoor, type SceneFace } from './door.js';

/** IoU from which the vision workers take a face for a settled one, and spare its crop. */
const SETTLED_IOU = 0.4;

/** Creates numbers from 0 to 1 that depend on the seed alone (a multiplicative congruential generator). */
export function createRandom(seed: number): () => number {
  let state = (seed * 7_919 + 104_729) % 2_147_483_647;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

export interface Pace {
  maxFps: number;
  sourceFps: number;
  /** Share of the interval by which a frame of the source may be early or late. */
  jitter: number;
  /** Probability that a frame is not analysed, or that its face is not found; never twice in a row. */
  loss: number;
}

/** Somebody before the camera, or nobody, for a time. */
export interface Scene {
  person: number | undefined;
  durationMs: number;
}

export interface PacedDoorParts {
  /** Gallery with its group. */
  gallery: LevelGallery;
  keys: object;
  /** Read for each frame. */
  pace: Pace;
  random: () => number;
}

export async function openPacedDoor({ gallery, keys, pace, random }: PacedDoorParts) {
  const door = await openDoor({ keys: { ...keys, maxFps: pace.maxFps }, shared: gallery });
  const { recogniser, timers } = door;
  let frameNumber = 0;
  let sourceAtMs = timers.nowMs;
  let gateAtMs = timers.nowMs;
  let wasLost = false;

  const waitForFrame = async (): Promise<void> => {
    do sourceAtMs += (1_000 / pace.sourceFps) * (1 + pace.jitter * (2 * random() - 1));
    while (sourceAtMs < gateAtMs - 1e-6);
    gateAtMs = sourceAtMs + 1_000 / pace.maxFps;
    await timers.advance(sourceAtMs - timers.nowMs);
  };
  /** Shows faces as the vision workers do: those in settled boxes have no crop, no quality and no attributes. */
  const show = (shown: readonly SceneFace[]): Promise<void> => {
    const settled = recogniser.settledBoxes();
    const faces = shown.map((one) => {
      const whole = face(one);
      if (!settled.some((box) => boxIou(box, whole.boxPx) >= SETTLED_IOU)) return whole;
      const { boxPx, landmarksPx, detectionScore, pose } = whole;
      return { boxPx, landmarksPx, detectionScore, pose };
    });
    const capturedAtMs = Math.round(timers.nowMs);
    const stream = { widthPx: 640, heightPx: 480, streamChanges: 0 };
    return recogniser.onFrame({ frameNumber: ++frameNumber, capturedAtMs, ...stream, faces });
  };
  const playFrames = async (frames: number, scene: (n: number) => readonly SceneFace[]): Promise<void> => {
    for (let n = 0; n < frames; n++) {
      await waitForFrame();
      await show(scene(n));
    }
  };
  const play = async (scenes: readonly Scene[]): Promise<void> => {
    for (const { person, durationMs } of scenes) {
      const endMs = timers.nowMs + durationMs - 1e-3;
      // After a long time without anybody, only the last frames matter.
      const skipMs = person === undefined ? durationMs - 200_000 / Math.min(pace.maxFps, pace.sourceFps) : 0;
      if (skipMs > 0) {
        await timers.advance(skipMs);
        sourceAtMs = timers.nowMs;
      }
      let x = 200 + 200 * random();
      while (timers.nowMs < endMs) {
        await waitForFrame();
        const isLost = !wasLost && random() < pace.loss;
        wasLost = isLost;
        // People sway, and take a step where there is time for one.
        const stepPx = Math.min(150, 200 / Math.min(pace.maxFps, pace.sourceFps));
        x = Math.min(500, Math.max(100, x + stepPx * (random() - 0.5)));
        if (isLost && random() < 0.5) continue;
        await show(person === undefined || isLost ? [] : [{ person, x }]);
      }
    }
  };
  /** Lets every track end, because no further frame comes. */
  const end = (): Promise<void> => timers.advance(120_000);
  return { ...door, play, playFrames, show, end };
}
