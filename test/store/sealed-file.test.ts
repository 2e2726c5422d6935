// The sealed stream of a backup: what goes in comes out, and nothing else opens.
import { expect, test } from 'vitest';
import { openStream, sealStream } from '../../src/store/sealed-file.js';
import { collect, withCode } from './support.js';
import { randomNumbers } from './values.js';

const PASSPHRASE = 'a passphrase for tests';
const HEADER = 36;
const CHUNK = 4 + 256 * 1024 + 16;

/** Pieces of these lengths, each full of bytes that are the same in every run. */
async function* pieces(...lengths: number[]): AsyncGenerator<Buffer> {
  const random = randomNumbers(5);
  for (const length of lengths) yield Buffer.alloc(length, Math.floor(random() * 256));
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const sealed = async (...lengths: number[]): Promise<Buffer> =>
  Buffer.concat(await collect(sealStream(pieces(...lengths), PASSPHRASE)));
const opened = async (bytes: Buffer, size = 1 << 20, passphrase = PASSPHRASE): Promise<Buffer> =>
  Buffer.concat(await collect(openStream(cut(bytes, size), passphrase)));

test.each([
  ['nothing', [], 1_000],
  ['a few bytes, one by one', [5, 0, 7], 1],
  ['pieces that fill a chunk exactly', [256 * 1024], 70_000],
  ['many pieces and chunks, and one larger than a chunk', [100, 300_000, 900_000, 3], 65_537],
])('%s', async (_, lengths, size) => {
  const plain = Buffer.concat(await collect(pieces(...lengths)));
  expect((await opened(await sealed(...lengths), size)).equals(plain)).toBe(true);
});

test('says nothing of what it holds, and is another one every time', async () => {
  async function* text(): AsyncGenerator<Buffer> {
    yield Buffer.from('ada.lovelace'.repeat(100));
  }
  const [one, other] = [await collect(sealStream(text(), PASSPHRASE)), await collect(sealStream(text(), PASSPHRASE))];
  expect(Buffer.concat(one).includes('lovelace')).toBe(false);
  expect(Buffer.concat(one).subarray(HEADER).equals(Buffer.concat(other).subarray(HEADER))).toBe(false);
});

test('another passphrase is told from damage', async () => {
  await expect(opened(await sealed(10), 100, 'another passphrase')).rejects.toEqual(withCode('SECRET_INVALID'));
});

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at < 0 ? copy.length + at : at] ^= 1;
  return copy;
};
/** Of two whole chunks and a last one. */
test.each<[string, (whole: Buffer) => Buffer]>([
  ['something else', () => Buffer.alloc(500, 7)],
  ['a header that is cut off', (whole) => whole.subarray(0, HEADER - 1)],
  ['the header alone', (whole) => whole.subarray(0, HEADER)],
  ['another version', (whole) => flipped(whole, 8)],
  ['a length that was altered', (whole) => flipped(whole, HEADER)],
  ['a bit of the contents', (whole) => flipped(whole, HEADER + 5_000)],
  ['the last bit', (whole) => flipped(whole, -1)],
  ['cut off within a chunk', (whole) => whole.subarray(0, HEADER + 100)],
  ['cut off between two chunks', (whole) => whole.subarray(0, HEADER + CHUNK)],
  ['one byte less', (whole) => whole.subarray(0, -1)],
  ['one byte more', (whole) => Buffer.concat([whole, Buffer.of(0)])],
  ['a chunk left out', (whole) => Buffer.concat([whole.subarray(0, HEADER), whole.subarray(HEADER + CHUNK)])],
  [
    'two chunks that changed places',
    (whole) =>
      Buffer.concat([
        whole.subarray(0, HEADER),
        whole.subarray(HEADER + CHUNK, HEADER + 2 * CHUNK),
        whole.subarray(HEADER, HEADER + CHUNK),
        whole.subarray(HEADER + 2 * CHUNK),
      ]),
  ],
])('refuses %s', async (_, change) => {
  const whole = await sealed(300_000, 300_000);
  await expect(opened(change(whole))).rejects.toEqual(withCode('STORE_CORRUPT'));
});
