// Pictures that viewers share: each frame is encoded at most once for each size, and nothing outlives the closing of the camera.
import { expect, test } from 'vitest';
import { PictureShare, SHARED_MS } from '../../src/camera/picture-share.js';
import type { EncodedFrame, EncodeOptions } from '../../src/vision/vision.js';

const LOOK: EncodeOptions = { after: 0, quality: 80, maxWidthPx: 320, boxes: [] };
const BOX = { box: { x0: 0, y0: 0, x1: 9, y1: 9 }, colour: 'red' as const };

/** A share over a camera that a test moves by hand. */
function openShare() {
  const state = { nowMs: 1_000_000, frameNumber: 1, gate: Promise.resolve(), failure: undefined as Error | undefined };
  const encoded: EncodeOptions[] = [];
  const encode = async (options: EncodeOptions): Promise<EncodedFrame | undefined> => {
    encoded.push(options);
    await state.gate;
    if (state.failure) throw state.failure;
    const { frameNumber, nowMs: capturedAtMs } = state;
    if (frameNumber <= options.after) return undefined;
    return { jpeg: Uint8Array.of(frameNumber), widthPx: 320, heightPx: 240, frameNumber, capturedAtMs };
  };
  const share = new PictureShare({ encode, clock: () => state.nowMs });
  return { state, encoded, share };
}

test('eight viewers of one size cost one encoding of each frame', async () => {
  const { state, encoded, share } = openShare();
  for (let frame = 1; frame <= 5; frame++) {
    state.frameNumber = frame;
    const pictures = await Promise.all(Array.from({ length: 8 }, () => share.take({ ...LOOK, after: frame - 1 })));
    expect(pictures.map((picture) => picture?.frameNumber)).toEqual(Array(8).fill(frame));
    state.nowMs += 200;
  }
  expect(encoded).toHaveLength(5);
});

test('a viewer who comes a little later gets the same picture, and after a while a newer one', async () => {
  const { state, encoded, share } = openShare();
  expect(await share.take(LOOK)).toMatchObject({ frameNumber: 1, encodedAtMs: 1_000_000 });
  state.frameNumber = 2;
  state.nowMs += SHARED_MS;
  expect(await share.take(LOOK)).toMatchObject({ frameNumber: 1, encodedAtMs: 1_000_000 });
  // The viewer who has the first frame gets the second.
  expect(await share.take({ ...LOOK, after: 1 })).toMatchObject({ frameNumber: 2 });
  state.frameNumber = 3;
  state.nowMs += SHARED_MS + 1;
  expect(await share.take(LOOK)).toMatchObject({ frameNumber: 3 });
  expect(encoded).toHaveLength(3);
});

test('a frame that stays the newest one is not encoded again, unless boxes are drawn into it', async () => {
  const { state, encoded, share } = openShare();
  await share.take(LOOK);
  state.nowMs += 5_000;
  expect(await share.take(LOOK)).toMatchObject({ frameNumber: 1 });
  expect(await share.take({ ...LOOK, after: 1 })).toBeUndefined();
  expect(encoded.map(({ after }) => after)).toEqual([0, 1, 1]);
  await share.take({ ...LOOK, boxes: [BOX] });
  state.nowMs += 5_000;
  await share.take({ ...LOOK, boxes: [BOX] });
  expect(encoded.slice(3).map(({ after, boxes }) => [after, boxes.length])).toEqual([[0, 1], [0, 1]]); // prettier-ignore
});

test('a viewer who needs an older frame does not wait for a newer one', async () => {
  const { state, share } = openShare();
  let open = (): void => undefined;
  state.gate = new Promise((resolve) => (open = resolve));
  const waiting = share.take({ ...LOOK, after: 1 });
  const any = share.take(LOOK);
  open();
  expect(await waiting).toBeUndefined();
  expect(await any).toMatchObject({ frameNumber: 1 });
});

test('other sizes and qualities are pictures of their own, and only a few are kept', async () => {
  const { encoded, share } = openShare();
  for (let n = 0; n < 10; n++) await share.take({ ...LOOK, maxWidthPx: 100 + n });
  expect(encoded).toHaveLength(10);
  await share.take({ ...LOOK, maxWidthPx: 109 });
  expect(encoded).toHaveLength(10);
  await share.take({ ...LOOK, maxWidthPx: 100 });
  expect(encoded).toHaveLength(11);
});

test('what was forgotten is shown to nobody, also where its encoding was under way', async () => {
  const { state, share } = openShare();
  let open = (): void => undefined;
  state.gate = new Promise((resolve) => (open = resolve));
  const waiting = share.take(LOOK);
  share.forget();
  open();
  expect(await waiting).toBeUndefined();
  state.gate = Promise.resolve();
  await share.take(LOOK);
  share.forget();
  state.frameNumber = 0;
  expect(await share.take(LOOK)).toBeUndefined();
});

test('a failure reaches every viewer who waits, and the next one tries again', async () => {
  const { state, share } = openShare();
  state.failure = new Error('full');
  const both = await Promise.allSettled([share.take(LOOK), share.take(LOOK)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  state.failure = undefined;
  expect(await share.take(LOOK)).toMatchObject({ frameNumber: 1 });
});
