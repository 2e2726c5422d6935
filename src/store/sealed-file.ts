// A sealed stream: bytes under a passphrase, in chunks whose order and end are authenticated. Used for backups.
import { createCipheriv, createDecipheriv, randomBytes as systemRandomBytes, scrypt } from 'node:crypto';
import { AppError } from '../errors.js';
import type { RandomBytes } from './sealing.js';

/**
 * Header: magic (8), version (1), log2 of scrypt's N (1), r (1), p (1), salt (16), check of the passphrase (8). Then chunks: length of the
 * ciphertext (4, big endian), ciphertext, tag (16). AES-256-GCM; the nonce is the chunk's number (11) and whether it is the last (1), which
 * is safe because the key belongs to this one salt; the header is authenticated with every chunk.
 */
const MAGIC = Buffer.from('LINTELBK');
const VERSION = 1;
/** 64 MB and 0.2 s here; more would hurt on a small device. */
const COST = { log2N: 16, r: 8, p: 1 };
const MAX_SCRYPT_MEMORY = 2 ** 30;
const SALT_BYTES = 16;
const CHECK_BYTES = 8;
const HEADER_BYTES = MAGIC.length + 4 + SALT_BYTES + CHECK_BYTES;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const CHUNK_BYTES = 256 * 1024;
const ALGORITHM = 'aes-256-gcm';

/** Seals what is given, in chunks of its own; the last one closes the stream. */
export async function* sealStream(
  plain: AsyncIterable<Uint8Array>,
  passphrase: string,
  randomBytes: RandomBytes = systemRandomBytes,
): AsyncGenerator<Buffer> {
  const parameters = Buffer.concat([MAGIC, Buffer.of(VERSION, COST.log2N, COST.r, COST.p), randomBytes(SALT_BYTES)]);
  const { key, check } = await keyOf(passphrase, parameters);
  const header = Buffer.concat([parameters, check]);
  yield header;
  let waiting: Uint8Array[] = [];
  let length = 0;
  let number = 0;
  for await (const bytes of plain) {
    waiting.push(bytes);
    length += bytes.length;
    if (length < CHUNK_BYTES) continue;
    let rest = Buffer.concat(waiting);
    for (; rest.length >= CHUNK_BYTES; rest = rest.subarray(CHUNK_BYTES)) {
      yield sealChunk(key, header, nonceOf(number++, false), rest.subarray(0, CHUNK_BYTES));
    }
    waiting = [rest];
    length = rest.length;
  }
  yield sealChunk(key, header, nonceOf(number, true), Buffer.concat(waiting));
}

/**
 * Opens what sealStream made, whatever pieces it comes in. What is yielded was authenticated; that nothing is missing is known when it
 * ends, and not before.
 * @throws AppError SECRET_INVALID: another passphrase; STORE_CORRUPT: no sealed stream, altered, cut off or continued
 */
export async function* openStream(sealed: AsyncIterable<Uint8Array>, passphrase: string): AsyncGenerator<Buffer> {
  const reader = new Reader(sealed);
  const header = await reader.take(HEADER_BYTES);
  if (!header?.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged('this is no backup of Lintel');
  if (header[MAGIC.length] !== VERSION) {
    throw damaged('the backup has an unknown form: a newer version of Lintel may have made it');
  }
  const parameters = header.subarray(0, HEADER_BYTES - CHECK_BYTES);
  const { key, check } = await keyOf(passphrase, parameters);
  if (!check.equals(header.subarray(HEADER_BYTES - CHECK_BYTES))) {
    throw new AppError('SECRET_INVALID', 'the backup was sealed under another passphrase');
  }
  for (let number = 0; ; number++) {
    const length = (await reader.take(4))?.readUInt32BE();
    // A length that was altered must not make a reader of gigabytes.
    if (length === undefined || length > CHUNK_BYTES) throw damaged('the backup is cut off or damaged');
    const chunk = await reader.take(length + TAG_BYTES);
    if (!chunk) throw damaged('the backup is cut off');
    const last = await reader.atEnd();
    const plain = openChunk(key, header, nonceOf(number, last), chunk);
    if (plain.length > 0) yield plain;
    if (last) return;
  }
}

function sealChunk(key: Buffer, header: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(header);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(plain.length);
  return Buffer.concat([length, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function openChunk(key: Buffer, header: Buffer, nonce: Buffer, chunk: Buffer): Buffer {
  const tagAt = chunk.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(header);
  decipher.setAuthTag(chunk.subarray(tagAt));
  const plain = decipher.update(chunk.subarray(0, tagAt));
  try {
    decipher.final();
  } catch (cause) {
    throw damaged('the backup is cut off or damaged', cause);
  }
  return plain;
}

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 5, 6);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

function keyOf(passphrase: string, parameters: Buffer): Promise<{ key: Buffer; check: Buffer }> {
  const at = MAGIC.length + 1;
  const [log2N, r, p] = parameters.subarray(at, at + 3);
  const salt = parameters.subarray(at + 3);
  const N = 2 ** log2N;
  return new Promise((resolve, reject) => {
    scrypt(
      passphrase.normalize(),
      salt,
      KEY_BYTES + CHECK_BYTES,
      { N, r, p, maxmem: MAX_SCRYPT_MEMORY },
      (error, derived) => {
        if (error) reject(damaged('the backup has an unknown form', error));
        else resolve({ key: derived.subarray(0, KEY_BYTES), check: derived.subarray(KEY_BYTES) });
      },
    );
  });
}

function damaged(message: string, cause?: unknown): AppError {
  return new AppError('STORE_CORRUPT', message, { cause });
}

/** Takes exact numbers of bytes from pieces of any size. */
class Reader {
  readonly #source: AsyncIterator<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @returns undefined where the source ends before */
  async take(length: number): Promise<Buffer | undefined> {
    while (this.#length < length && (await this.#more()));
    if (this.#length < length) return undefined;
    const all =
      this.#pieces.length === 1
        ? Buffer.from(this.#pieces[0].buffer, this.#pieces[0].byteOffset, this.#length)
        : Buffer.concat(this.#pieces);
    this.#pieces = all.length > length ? [all.subarray(length)] : [];
    this.#length = all.length - length;
    return all.subarray(0, length);
  }

  async atEnd(): Promise<boolean> {
    while (this.#length === 0 && (await this.#more()));
    return this.#length === 0;
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const next = await this.#source.next();
    if (next.done) {
      this.#ended = true;
      return false;
    }
    this.#pieces.push(next.value);
    this.#length += next.value.length;
    return true;
  }
}
