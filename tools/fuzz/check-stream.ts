// Mutated bodies of MJPEG streams, and what must hold for any of them.
import { makeBody, MJPEG_STYLES } from '../../test/native/mjpeg-styles.js';
import type { Addon } from '../../src/native/addon.js';
import type { Checked } from './check-picture.js';
import { mutatePicture, rollDice, type Dice } from './mutate.js';

export interface FuzzStream {
  /** Content-Type of the answer. */
  type: string;
  body: Buffer;
  /** The body in the pieces in which it arrives. */
  pieces: Buffer[];
}

const ODD_PIECES = [
  '--frame',
  '--frame\r\n',
  '\r\n--frame--\r\n',
  '--',
  '\r\n\r\n',
  '\n',
  'Content-Length: 77\r\n',
  'Content-Type: text/plain\r\n\r\n',
  '\xff',
  '\xff\xd8',
  '\xff\xd8\xff',
  '\xff\xd9',
  '\xff\xe1\xff\xff',
  '\0',
].map((text) => Buffer.from(text, 'latin1'));
const MOST_BYTES = 2 << 20;

/** Makes the stream of one number: two to four pictures in one of the styles, some of them mutated, with changes of the whole body. */
export function makeStream(corpus: readonly Buffer[], seed: number, number: number): FuzzStream {
  const dice = rollDice(seed, number);
  const style = dice.pick(MJPEG_STYLES);
  const small = corpus.filter(({ length }) => length < 20_000);
  const jpegs = Array.from({ length: 2 + dice.below(3) }, (_, i) =>
    dice.chance(0.5) ? dice.pick(small) : mutatePicture(small, seed, number * 5 + i),
  );
  let body = makeBody(style, jpegs);
  for (let left = dice.below(4); left > 0; left--) body = change(body, dice);
  body = body.subarray(0, MOST_BYTES);
  return { type: dice.chance(0.9) ? style.type : dice.pick(MJPEG_STYLES).type, body, pieces: cutAnywhere(body, dice) };
}

/** Puts an odd piece anywhere, or takes some bytes away. */
function change(body: Buffer, dice: Dice): Buffer {
  const at = dice.below(body.length + 1);
  const gone = dice.chance(0.5) ? dice.below(dice.chance(0.8) ? 20 : 2_000) : 0;
  const piece = dice.chance(0.7) ? dice.pick(ODD_PIECES) : Buffer.alloc(0);
  return Buffer.concat([body.subarray(0, at), piece, body.subarray(at + gone)]);
}

function cutAnywhere(body: Buffer, dice: Dice): Buffer[] {
  const most = dice.pick([1, 2, 3, 10, 100, 5_000, 100_000]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const length = 1 + dice.below(most);
    pieces.push(body.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/**
 * Splits a stream in one piece and in many, and decodes what it finds: the pictures and their time stamps must be the same, must begin as JPEGs,
 * and must not be larger than the body.
 */
export function checkStream({ type, body, pieces }: FuzzStream, addon: Addon): Checked {
  const whole = addon.splitParts(type, [body]);
  const parts = addon.splitParts(type, pieces);
  const describe = (found: typeof whole): string =>
    found.map(({ jpeg, timestampMs }) => `${jpeg.toString('base64')} ${timestampMs}`).join('\n');
  if (describe(whole) !== describe(parts)) {
    return { outcome: 'different', failure: `${whole.length} pictures in one piece, ${parts.length} in many` };
  }
  const bytes = whole.reduce((sum, { jpeg }) => sum + jpeg.length, 0);
  const areJpegs = whole.every(({ jpeg }) => jpeg[0] === 0xff && jpeg[1] === 0xd8);
  if (bytes > body.length || !areJpegs) return { outcome: 'wrong', failure: 'it found pictures that are not there' };
  let decoded = 0;
  for (const { jpeg } of whole) {
    const image = addon.decodeCameraPicture(jpeg);
    if (image) decoded++;
    image?.release();
  }
  if (addon.liveImageCount() !== 0) return { outcome: 'leak', failure: 'an image was not released' };
  return { outcome: whole.length === 0 ? 'none' : decoded === whole.length ? 'all decoded' : 'some damaged' };
}
