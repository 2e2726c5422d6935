// Backups of Lintel 0.1: what was sealed comes out, and nothing else opens.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { decryptOldBackup } from '../../src/store/old-backup-file.js';
import { sealOldBackup } from './seal-old-backup.js';
import { collect, cut, withCode } from './support.js';
import { randomNumbers } from './values.js';

const PASSPHRASE = 'a passphrase for tests';
const HEADER = 36;
const CHUNK = 4 + 256 * 1024 + 16;

/** Bytes that are the same in every run. */
function makeBytes(length: number): Buffer {
  const random = randomNumbers(5);
  return Buffer.from(Uint8Array.from({ length }, () => Math.floor(random() * 256)));
}

const opened = async (bytes: Buffer, size = 1 << 20, passphrase = PASSPHRASE): Promise<Buffer> =>
  Buffer.concat(await collect(decryptOldBackup(cut(bytes, size), passphrase)));

test.each([
  ['nothing', 0, 1_000],
  ['a few bytes, one by one', 12, 1],
  ['bytes that fill a chunk exactly', 256 * 1024, 70_000],
  ['several chunks', 600_103, 65_537],
])('opens %s', async (_, length, size) => {
  const plain = makeBytes(length);
  expect((await opened(sealOldBackup(plain, PASSPHRASE), size)).equals(plain)).toBe(true);
});

test('opens a file that Lintel 0.1 wrote', async () => {
  const plain = await opened(await readFile(new URL('backup-of-0.1.lintel', import.meta.url)));
  expect(plain.toString('latin1')).toContain('"groupId":"staff"');
});

test('tells another passphrase from damage', async () => {
  const sealed = sealOldBackup(makeBytes(10), PASSPHRASE);
  await expect(opened(sealed, 100, 'another passphrase')).rejects.toEqual(withCode('SECRET_INVALID'));
});

test.each([
  [30, 8, 1],
  [16, 255, 1],
  [16, 8, 255],
  [17, 8, 1],
  [255, 255, 255],
  [0, 8, 1],
] as const)('refuses a file that asks scrypt for 2^%d, %d, %d before any work', async (...cost) => {
  const sealed = sealOldBackup(makeBytes(10), PASSPHRASE, cost);
  const before = process.cpuUsage();
  await expect(opened(sealed)).rejects.toEqual(withCode('STORE_CORRUPT'));
  // One scrypt of the allowed cost takes some 200 ms.
  expect(process.cpuUsage(before).user).toBeLessThan(50_000);
});

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  const place = at < 0 ? copy.length + at : at;
  copy.writeUInt8(copy.readUInt8(place) ^ 1, place);
  return copy;
};
/** The sealed bytes are two whole chunks and a last one. */
test.each<[string, (whole: Buffer) => Buffer]>([
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
  const whole = sealOldBackup(makeBytes(600_000), PASSPHRASE);
  await expect(opened(change(whole))).rejects.toEqual(withCode('STORE_CORRUPT'));
});
