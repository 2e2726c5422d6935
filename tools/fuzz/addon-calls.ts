// Made-up calls of the addon: right, nearly right and absurd arguments, in any order.
import type { Addon, NativeImage } from '../../src/native/addon.js';
import type { Checked } from './check-picture.js';
import { mutatePicture, rollDice, type Dice } from './mutate.js';

/** The addon as a caller sees it who respects no type. */
type Untyped = Record<string, (...args: unknown[]) => unknown>;

const ODD_NUMBERS = [
  0,
  1,
  -1,
  2,
  79,
  80,
  2_048,
  16_384,
  16_385,
  0.5,
  -0.5,
  1e9,
  1e308,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 53,
];

/** Makes values of all kinds that a caller could pass by mistake. */
function makeOddValue(dice: Dice): unknown {
  return dice.pick<() => unknown>([
    () => undefined,
    () => null,
    () => dice.pick(ODD_NUMBERS),
    () => dice.pick(['', 'constant', 'rgb', '\0', 'x'.repeat(5_000)]),
    () => new Uint8Array(dice.below(300)),
    () => new Float32Array(dice.below(300)),
    () => new Uint8Array(new SharedArrayBuffer(dice.below(300))),
    () => new Int32Array(new SharedArrayBuffer(4)),
    () => new DataView(new ArrayBuffer(8)),
    () => [],
    () => ({}),
    () => Object.create({ widthPx: 5 }) as object,
    () => () => 5,
    () => Symbol('odd'),
    () => 5n,
  ])();
}

/** Returns the value, or sometimes another one. */
function distort<T>(dice: Dice, value: T, share = 0.04): unknown {
  return dice.chance(share) ? makeOddValue(dice) : value;
}

function distortFields(dice: Dice, options: Record<string, unknown>): unknown {
  const fields = Object.entries(options).map(([name, value]) => [name, distort(dice, value)] as const);
  return distort(dice, Object.fromEntries(fields));
}

/** Pictures of both channel orders: wrapped bytes, decoded JPEGs, and some that were released or whose bytes were taken away. */
function makeImage(addon: Addon, corpus: readonly Buffer[], dice: Dice): NativeImage {
  const [widthPx, heightPx] = [1 + dice.below(130), 1 + dice.below(130)];
  const bytes = new Uint8Array(widthPx * heightPx * 3).fill(dice.below(256));
  const decoded = dice.chance(0.4) ? addon.decodeJpeg(dice.pick(corpus)) : undefined;
  const image = decoded ?? addon.wrapRgb(bytes, widthPx, heightPx);
  if (dice.chance(0.03)) image.release();
  else if (dice.chance(0.03)) structuredClone(bytes, { transfer: [bytes.buffer] });
  return image;
}

/** Makes the arguments of a search: blocks of rows whose arrays are sometimes too short, and a probe. */
function makeSearch(dice: Dice, number: () => number): unknown[] {
  const dimensions = dice.below(40);
  const blocks = Array.from({ length: dice.below(4) }, () => {
    const count = dice.below(60);
    const length = dice.chance(0.05) ? dice.below(2_000) : count * dimensions;
    const copies = new Int8Array(length).map(() => dice.below(256) - 128);
    const vectors = new Float32Array(length).map(number);
    return distortFields(dice, { copies, vectors, count, scale: Math.abs(number()), error: Math.abs(number()) });
  });
  const copy = new Int16Array(dimensions).map(() => dice.below(65_536) - 32_768);
  return [blocks, copy, new Float32Array(dimensions).map(number), 1 + dice.below(100), number()];
}

/** Makes one call with arguments that are right apart from what `dice` changes. @returns name and arguments */
function makeCall(image: NativeImage, corpus: readonly Buffer[], dice: Dice): [name: string, args: unknown[]] {
  const [widthPx, heightPx] = [1 + dice.below(140), 1 + dice.below(140)];
  const number = (): number =>
    dice.chance(0.1) ? dice.pick(ODD_NUMBERS) : (dice.next() - 0.5) * dice.pick([1, 4, 200]);
  const three = (): number[] => [number(), number(), number()];
  const size = distort(dice, widthPx * heightPx * 3, 0.03);
  const length = typeof size === 'number' && Number.isInteger(size) && size >= 0 && size < 1e6 ? size : 0;
  const format = { order: dice.pick(['rgb', 'bgr']), mean: three(), std: three() };
  const matrix = Array.from({ length: dice.chance(0.98) ? 6 : 5 }, number);
  const warp = { widthPx, heightPx, matrix, border: dice.pick(['constant', 'reflect']) };
  const box = (): unknown =>
    distortFields(dice, {
      x0: number(),
      y0: number(),
      x1: number(),
      y1: number(),
      colour: dice.pick(['green', 'red']),
    });
  return dice.pick<() => [string, unknown[]]>([
    () => ['wrapRgb', [new Uint8Array(length), widthPx, heightPx]],
    () => {
      const place = { scale: Math.abs(number()), offsetX: dice.below(20), offsetY: dice.below(20) };
      return [
        'letterbox',
        [image, new Float32Array(length), distortFields(dice, { widthPx, heightPx, ...place, ...format })],
      ];
    },
    () => ['warp', [image, new Uint8Array(length), distortFields(dice, warp)]],
    () => ['warpToTensor', [image, new Float32Array(length), distortFields(dice, { ...warp, ...format })]],
    () => ['decodeJpeg', [dice.pick(corpus)]],
    () => [
      'isWholeJpeg',
      [dice.pick(corpus), dice.pick([undefined, new Int32Array(new SharedArrayBuffer(4)).fill(dice.below(2))])],
    ],
    () => {
      const boxes = Array.from({ length: dice.below(4) }, box);
      return ['encodeJpeg', [image, 1 + dice.below(100), distortFields(dice, { widthPx, heightPx, boxes })]];
    },
    () => [
      'splitParts',
      [dice.pick(['', 'multipart/x-mixed-replace; boundary="b']), [dice.pick(corpus), makeOddValue(dice)]],
    ],
    () => ['decodeCameraPicture', [dice.pick(corpus)]],
    () => ['findNearestRows', makeSearch(dice, number)],
    () => {
      const view = (most: number): Uint8Array =>
        new Uint8Array(dice.pick([length, 160 * 160])).map(() => dice.below(most));
      return ['findBorder', [view(256), view(2)]];
    },
    () => ['captureState', [dice.below(10)]],
    () => ['captureFrame', [dice.below(10), dice.below(10)]],
    () => ['liveImageCount', []],
    () => ['info', []],
  ])();
}

/**
 * Makes the calls of one number: every second number reads a mutated picture, the others call anything. All that may happen is a result or an
 * Error; a crash ends the process. Sources are not opened: OpenCV reads them, and their tests are in test/native.
 */
export function callAddon(addon: Addon, corpus: readonly Buffer[], seed: number, number: number): Checked {
  const dice = rollDice(seed, number);
  const untyped = addon as unknown as Untyped;
  if (number % 2 === 0) {
    const bytes = mutatePicture(corpus, seed, number);
    const decoded = addon.decodeJpeg(bytes);
    const isWhole = addon.isWholeJpeg(bytes);
    addon.decodeCameraPicture?.(bytes)?.release();
    decoded?.release();
    const failure = decoded && !isWhole ? 'decodeJpeg accepts what isWholeJpeg calls damaged' : undefined;
    return { outcome: decoded ? 'decoded' : isWhole ? 'whole' : 'damaged', ...(failure && { failure }) };
  }
  const image = makeImage(addon, corpus, dice);
  try {
    const [name, args] = makeCall(image, corpus, dice);
    const given = args.map((value) => distort(dice, value));
    if (dice.chance(0.02)) given.pop();
    return { outcome: finish(untyped[name]!(...given)) };
  } catch (error) {
    if (error instanceof Error) return { outcome: error.name };
    return { outcome: 'thrown', failure: `threw ${String(error)}` };
  } finally {
    image.release();
  }
}

function finish(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'release' in value) (value as NativeImage).release();
  return 'returned';
}
