// Embeddings that an idle worker begins: they are waited for by their crops, and computed again where they are late or fail.
import { describe, expect, it, vi } from 'vitest';
import type { EmbeddedFace } from '../../src/domain/embedding.js';
import type { Face } from '../../src/domain/face.js';
import { createDeferred } from '../../src/platform/waiting.js';
import { EarlyEmbeddings, type Embed } from '../../src/vision/early-embeddings.js';
import type { AnalysedFrame } from '../../src/vision/vision.js';

const makeCrop = (id: number): Uint8Array => Uint8Array.of(id);
const makeFrame = (...crops: (Uint8Array | undefined)[]): AnalysedFrame => ({
  ...{ widthPx: 640, heightPx: 480, frameNumber: 1, capturedAtMs: 0, streamChanges: 0 },
  faces: crops.map((crop) => ({ crop }) as unknown as Face),
});
/** Embeds each crop as its first byte, and notes the crops of each call. */
function makeEmbedder(sign = 1): { embed: Embed; calls: number[][] } {
  const calls: number[][] = [];
  const embed: Embed = async (crops) => {
    calls.push(crops.map((crop) => crop[0]!));
    return crops.map((crop): EmbeddedFace => ({ embedding: Float32Array.of(sign * crop[0]!) }));
  };
  return { embed, calls };
}
const read = (faces: readonly EmbeddedFace[]): number[] => faces.map(({ embedding }) => embedding[0]!);

describe('early embeddings', () => {
  const frame = makeFrame(makeCrop(1), makeCrop(2), makeCrop(3));
  const [one, two, three] = frame.faces.map(({ crop }) => crop!) as [Uint8Array, Uint8Array, Uint8Array];
  /** Analyses the frame, with the second and the third face as early crops. */
  const analyse = async (embed: Embed, isIdle = true): Promise<EarlyEmbeddings> => {
    const early = new EarlyEmbeddings(() => isIdle);
    const analysed = await early.analyse(async (onAligned) => {
      // The crops cross between threads: they are copies.
      onAligned({ faces: [1, 2], crops: [makeCrop(2), makeCrop(3)] });
      return frame;
    }, embed);
    expect(analysed).toBe(frame);
    return early;
  };

  it('are used for their crops, in any order, beside crops that have none', async () => {
    const begun = makeEmbedder(-1);
    const later = makeEmbedder();
    const early = await analyse(begun.embed);
    expect(begun.calls).toEqual([[2, 3]]);
    expect(read(await early.embed([three, one, two], later.embed))).toEqual([-3, 1, -2]);
    expect(later.calls).toEqual([[1]]);
    expect(read(await early.embed([two], later.embed))).toEqual([-2]);
    expect(later.calls).toEqual([[1]]);
  });

  it('are not begun where no worker is idle', async () => {
    const begun = makeEmbedder(-1);
    const later = makeEmbedder();
    const early = await analyse(begun.embed, false);
    expect(begun.calls).toEqual([]);
    expect(read(await early.embed([one, two], later.embed))).toEqual([1, 2]);
    expect(later.calls).toEqual([[1, 2]]);
  });

  it.each([
    ['fail', (): Promise<EmbeddedFace[]> => Promise.reject(new Error('no worker'))],
    ['are late', (): Promise<EmbeddedFace[]> => createDeferred<EmbeddedFace[]>().promise],
  ])('that %s are computed again', async (_name, embed) => {
    const later = makeEmbedder();
    const early = await analyse(embed);
    expect(read(await early.embed([two, one, three], later.embed))).toEqual([2, 1, 3]);
    expect(later.calls).toEqual([[1], [2, 3]]);
  });

  it('fail with the error of an embedding that was not begun', async () => {
    const early = await analyse(makeEmbedder().embed);
    const embed = vi.fn(() => Promise.reject(new Error('busy')));
    await expect(early.embed([one, two], embed)).rejects.toThrow('busy');
    expect(embed).toHaveBeenCalledOnce();
  });

  it('of a frame without a result are forgotten', async () => {
    const { embed, calls } = makeEmbedder();
    const early = new EarlyEmbeddings(() => true);
    const none = await early.analyse(async (onAligned) => {
      onAligned({ faces: [0], crops: [makeCrop(1)] });
      return undefined;
    }, embed);
    expect(none).toBeUndefined();
    await early.embed([one], embed);
    expect(calls).toEqual([[1], [1]]);
  });
});
