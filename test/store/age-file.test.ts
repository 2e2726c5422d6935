// Backups as files of age: what goes in comes out, nothing else opens, and a header cannot ask for too much.
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { describe, expect, test, vi } from 'vitest';
import type { AgeKey, AgeLock } from '../../src/store/age-file.js';
import { decryptBackup, encryptBackup } from '../../src/store/backup-file.js';
import { collect, cut, withCode } from './support.js';
import { randomNumbers } from './values.js';

const PASSPHRASE = { passphrase: 'a passphrase for tests' };
/** Ciphertext of one whole chunk of the payload. */
const CHUNK = 64 * 1024 + 16;

function makeBytes(length: number): Buffer {
  const random = randomNumbers(6);
  return Buffer.from(Uint8Array.from({ length }, () => Math.floor(random() * 256)));
}

/** Encrypts to a public key, which costs no scrypt, unless a lock is given. */
const identity = await generateIdentity();
const KEY: AgeKey = { identities: [identity] };
const LOCK: AgeLock = { recipients: [await identityToRecipient(identity)] };

const seal = async (plain: Buffer, lock: AgeLock = LOCK, size = 100_000): Promise<Buffer> =>
  Buffer.concat(await collect(encryptBackup(cut(plain, size), lock)));
const open = async (bytes: Buffer, key: AgeKey = KEY, size = 1 << 18): Promise<Buffer> =>
  Buffer.concat(await collect(decryptBackup(cut(bytes, size), key)));

test.each([
  ['nothing', 0, 1_000],
  ['a few bytes, one by one', 12, 1],
  ['bytes that fill a chunk exactly', 64 * 1024, 70_000],
  ['several chunks', 300_103, 65_537],
])('opens %s', async (_, length, size) => {
  const plain = makeBytes(length);
  expect((await open(await seal(plain, LOCK, size), KEY, size)).equals(plain)).toBe(true);
});

test('is different every time, and shows nothing of its contents', async () => {
  const plain = Buffer.from('ada.lovelace'.repeat(100));
  const [one, other] = [await seal(plain), await seal(plain)];
  expect(one.includes('lovelace')).toBe(false);
  expect(one.subarray(-plain.length).equals(other.subarray(-plain.length))).toBe(false);
});

describe('under a passphrase', async () => {
  const sealed = await seal(makeBytes(100), PASSPHRASE);

  test('opens with it alone, and says which secret is needed', async () => {
    expect(sealed.toString('latin1')).toMatch(/^age-encryption\.org\/v1\n-> scrypt [\w+/]{22} 17\n/);
    expect((await open(sealed, PASSPHRASE)).equals(makeBytes(100))).toBe(true);
    await expect(open(sealed, { passphrase: 'another passphrase' })).rejects.toMatchObject({
      code: 'SECRET_INVALID',
      message: 'the backup was sealed under another passphrase',
    });
    await expect(open(sealed, KEY)).rejects.toEqual(withCode('SECRET_INVALID'));
  });

  test.each(['19', '22', '30', '64', '999999999'])('refuses a work factor of %s before any work', async (factor) => {
    const greedy = sealed.toString('latin1').replace(' 17\n', ` ${factor}\n`);
    const before = process.cpuUsage();
    await expect(open(Buffer.from(greedy, 'latin1'), PASSPHRASE)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining('asks for too much work') as string,
    });
    expect(process.cpuUsage(before).user).toBeLessThan(100_000);
  });

  test.each([
    ['a factor that is no number', / 17\n/, ' x\n'],
    ['a factor with a leading zero', / 17\n/, ' 017\n'],
    ['a salt that is too short', /scrypt .{4}/, 'scrypt '],
    ['a third argument', / 17\n/, ' 17 1\n'],
    ['a recipient beside the passphrase', /\n---/, '\n-> X25519 abc\n\n---'],
  ])('refuses a header with %s', async (_, from, to) => {
    const altered = sealed.toString('latin1').replace(from, to);
    await expect(open(Buffer.from(altered, 'latin1'), PASSPHRASE)).rejects.toEqual(withCode('STORE_CORRUPT'));
  });
});

describe('to public keys', () => {
  test('opens with each of the private keys, and with no other', async () => {
    const second = await generateIdentity();
    const recipients = [await identityToRecipient(identity), await identityToRecipient(second)];
    const sealed = await seal(makeBytes(100), { recipients });
    for (const one of [identity, second]) {
      expect((await open(sealed, { identities: [await generateIdentity(), one] })).length).toBe(100);
    }
    await expect(open(sealed, { identities: [await generateIdentity()] })).rejects.toEqual(withCode('SECRET_INVALID'));
    await expect(open(sealed, PASSPHRASE)).rejects.toMatchObject({
      code: 'SECRET_INVALID',
      message: 'the backup has no passphrase: it needs an identity of age',
    });
  });

  test('refuses what is no key, without quoting a private one', async () => {
    await expect(seal(makeBytes(1), { recipients: ['age1xyz'] })).rejects.toEqual(withCode('CONFIG_INVALID'));
    const wrong = open(await seal(makeBytes(1)), { identities: ['AGE-SECRET-KEY-1SECRET'] });
    await expect(wrong).rejects.toMatchObject({
      code: 'SECRET_INVALID',
      message: expect.not.stringContaining('1SECRET') as string,
    });
  });
});

/** Changes one bit. A negative place counts from the end. */
function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = at < 0 ? copy.length + at : at;
  copy.writeUInt8(copy.readUInt8(place) ^ 1, place);
  return copy;
}

describe('a payload of two whole chunks and a last one', async () => {
  const whole = await seal(makeBytes(150_000));
  const headerLength = whole.indexOf('\n--- ') + '\n--- '.length + 43 + 1;
  const payloadAt = headerLength + 16;
  test.each<[string, (whole: Buffer) => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['something else', () => Buffer.alloc(500, 7)],
    ['a header that is cut off', () => whole.subarray(0, headerLength - 1)],
    ['the header alone', () => whole.subarray(0, headerLength)],
    ['the header and the nonce', () => whole.subarray(0, payloadAt)],
    ['another version', () => flip(whole, 'age-encryption.org/v'.length)],
    ['an altered MAC of the header', () => flip(whole, headerLength - 10)],
    ['an altered nonce', () => flip(whole, headerLength + 3)],
    ['an altered bit of the contents', () => flip(whole, payloadAt + 5_000)],
    ['an altered last bit', () => flip(whole, -1)],
    ['a file that is cut off within a chunk', () => whole.subarray(0, payloadAt + 100)],
    ['a file that is cut off between two chunks', () => whole.subarray(0, payloadAt + CHUNK)],
    ['a file without its last chunk', () => whole.subarray(0, payloadAt + 2 * CHUNK)],
    ['one byte less', () => whole.subarray(0, -1)],
    ['one byte more', () => Buffer.concat([whole, Buffer.of(0)])],
    ['a chunk left out', () => Buffer.concat([whole.subarray(0, payloadAt), whole.subarray(payloadAt + CHUNK)])],
    [
      'two chunks that changed places',
      () =>
        Buffer.concat([
          whole.subarray(0, payloadAt),
          whole.subarray(payloadAt + CHUNK, payloadAt + 2 * CHUNK),
          whole.subarray(payloadAt, payloadAt + CHUNK),
          whole.subarray(payloadAt + 2 * CHUNK),
        ]),
    ],
  ])('refuses %s', async (_, change) => {
    await expect(open(change(whole))).rejects.toEqual(withCode('STORE_CORRUPT'));
  });
});

test('does not read a header without an end into memory', async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    yield Buffer.from('age-encryption.org/v1\n-> X25519 ');
    for (; ; read++) yield Buffer.alloc(10_000, 'A');
  }
  await expect(collect(decryptBackup(endless(), KEY))).rejects.toEqual(withCode('STORE_CORRUPT'));
  expect(read).toBeLessThan(20);
});

test('passes errors of its source on, and ends a source that is not read to its end', async () => {
  const sealed = await seal(makeBytes(300_000));
  const failing = async function* (): AsyncGenerator<Buffer> {
    yield sealed.subarray(0, 100_000);
    throw new Error('the disk failed');
  };
  await expect(collect(decryptBackup(failing(), KEY))).rejects.toThrow('the disk failed');
  await expect(collect(encryptBackup(failing(), LOCK))).rejects.toThrow('the disk failed');
  let ended = false;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* cut(sealed, 20_000);
    } finally {
      ended = true;
    }
  };
  for await (const piece of decryptBackup(source(), KEY)) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  await vi.waitFor(() => expect(ended).toBe(true));
});
