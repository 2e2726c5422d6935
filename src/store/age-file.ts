// Encrypts and decrypts streams in the format of the age tool (age-encryption.org/v1). Backups are such files.
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { ReadableStream } from 'node:stream/web';
import { Decrypter, Encrypter, Stanza, type Identity, type Recipient } from 'age-encryption';
import { AppError, describeError } from '../errors.js';
import { ByteReader } from './byte-reader.js';

export const AGE_MAGIC = Buffer.from('age-encryption.org/v1\n');

/**
 * log2 of scrypt's N, with r = 8 and p = 1: 128 MB of memory, and 0.6 s on a desktop processor. age itself takes 18, whose 256 MB could
 * push a device of 1 GB with a running service out of memory. OWASP recommends 17.
 */
const WRITTEN_LOG2_N = 17;
/** A file that asks for more is refused before any work is done. age writes 18. */
const MAX_LOG2_N = 18;
const MAX_SCRYPT_MEMORY = 2 ** 29;
const SALT_BYTES = 16;
const SALT_LABEL = Buffer.from('age-encryption.org/v1/scrypt');
const FILE_KEY_BYTES = 16;
const TAG_BYTES = 16;
/** A header has about 100 bytes for each recipient. A longer one would be collected in memory before it is checked. */
const MAX_HEADER_BYTES = 64 * 1024;

/**
 * Greatest numbers of recipients and of private keys. Each key is tried on each recipient, which takes 1.2 ms, or 8.2 ms for a post-quantum
 * pair (desktop processor with other load, November 2026): 1.6 s at most.
 */
export const MAX_RECIPIENTS = 20;
export const MAX_IDENTITIES = 10;

/** Recipient of a file: a passphrase, or public keys of age such as `age1…`. */
export type AgeLock = { passphrase: string } | { recipients: readonly string[] };

/** Key that opens a file: its passphrase, or private keys of age, `AGE-SECRET-KEY-…`. */
export type AgeKey = { passphrase: string } | { identities: readonly string[] };

/** Encrypts a stream. @throws AppError CONFIG_INVALID: a recipient is malformed, or there are more than 20; what `plain` throws */
export async function* encryptAge(plain: AsyncIterable<Uint8Array>, lock: AgeLock): AsyncGenerator<Uint8Array> {
  const encrypter = new Encrypter();
  if ('passphrase' in lock) encrypter.addRecipient(new PassphraseRecipient(lock.passphrase));
  else {
    const { recipients } = lock;
    if (recipients.length > MAX_RECIPIENTS) {
      throw new AppError('CONFIG_INVALID', `a backup can have at most ${MAX_RECIPIENTS} recipients`);
    }
    for (const recipient of recipients) addRecipient(encrypter, recipient);
  }
  yield* await encrypter.encrypt(ReadableStream.from(plain));
}

/**
 * Decrypts a file of encryptAge or of the age tool. Yielded bytes are authenticated; only the end of the stream shows that the file is
 * complete.
 * @param encrypted the file in pieces of any size
 * @throws AppError SECRET_INVALID: the key does not open the file, is malformed, or there are more than 10 private keys; STORE_CORRUPT:
 * altered, cut off or continued, or with more than 20 recipients; what `encrypted` throws
 */
export async function* decryptAge(encrypted: AsyncIterable<Uint8Array>, key: AgeKey): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(encrypted);
  const [header, end] = (await reader.peek(MAX_HEADER_BYTES)).toString('latin1').split(/\n--- [^\n]*\n/, 2);
  if (header === undefined || end === undefined) throw damaged();
  if (header.split('\n-> ', MAX_RECIPIENTS + 2).length > MAX_RECIPIENTS + 1) {
    throw new AppError('STORE_CORRUPT', `the backup has more than ${MAX_RECIPIENTS} recipients`);
  }
  const decrypter = new Decrypter();
  if ('passphrase' in key) decrypter.addIdentity(new PassphraseIdentity(key.passphrase));
  else {
    const { identities } = key;
    if (identities.length > MAX_IDENTITIES) {
      throw new AppError('SECRET_INVALID', `at most ${MAX_IDENTITIES} private keys can be tried on a backup`);
    }
    for (const identity of identities) addIdentity(decrypter, identity);
  }
  decrypter.addIdentity(NO_OTHER_KEY);
  let sourceError: unknown;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* reader.rest();
    } catch (error) {
      sourceError = error;
      throw error;
    }
  };
  try {
    yield* await decrypter.decrypt(ReadableStream.from(source()));
  } catch (cause) {
    if (cause === sourceError || cause instanceof AppError) throw cause;
    throw damaged(cause);
  }
}

/** Derives the key that wraps the key of the file. */
function deriveWrappingKey(passphrase: string, salt: Uint8Array, log2N: number): Promise<Buffer> {
  const options = { N: 2 ** log2N, r: 8, p: 1, maxmem: MAX_SCRYPT_MEMORY };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize(), Buffer.concat([SALT_LABEL, salt]), 32, options, (error, derived) => {
      if (error) reject(error);
      else resolve(derived);
    });
  });
}

/** Passphrase recipient like that of the library, but with the scrypt of Node: twice as fast, and outside the main thread. */
class PassphraseRecipient implements Recipient {
  readonly #passphrase: string;

  constructor(passphrase: string) {
    this.#passphrase = passphrase;
  }

  async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
    const salt = randomBytes(SALT_BYTES);
    const key = await deriveWrappingKey(this.#passphrase, salt, WRITTEN_LOG2_N);
    // A nonce of zeroes: the key is used once.
    const cipher = createCipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: TAG_BYTES });
    const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
    return [new Stanza(['scrypt', encodeBase64(salt), String(WRITTEN_LOG2_N)], body)];
  }
}

class PassphraseIdentity implements Identity {
  readonly #passphrase: string;

  constructor(passphrase: string) {
    this.#passphrase = passphrase;
  }

  /** Decrypts the key of the file. @returns null when another passphrase opens the file */
  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const found = stanzas.find(({ args: [type] }) => type === 'scrypt');
    if (!found) throw new AppError('SECRET_INVALID', 'the backup has no passphrase: it needs an identity of age');
    const [, saltText = '', log2NText = ''] = found.args;
    const salt = Buffer.from(saltText, 'base64');
    // The format allows no recipient beside a passphrase.
    const isValid =
      stanzas.length === 1 &&
      found.args.length === 3 &&
      salt.length === SALT_BYTES &&
      encodeBase64(salt) === saltText &&
      /^[1-9][0-9]*$/.test(log2NText) &&
      found.body.length === FILE_KEY_BYTES + TAG_BYTES;
    if (!isValid) throw damaged();
    const log2N = Number(log2NText);
    if (log2N > MAX_LOG2_N) {
      const message = `the backup asks for too much work (scrypt 2^${log2NText}, at most 2^${MAX_LOG2_N} is allowed)`;
      throw new AppError('STORE_CORRUPT', message);
    }
    const key = await deriveWrappingKey(this.#passphrase, salt, log2N);
    const decipher = createDecipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(found.body.subarray(FILE_KEY_BYTES));
    const fileKey = decipher.update(found.body.subarray(0, FILE_KEY_BYTES));
    try {
      decipher.final();
    } catch {
      return null;
    }
    return fileKey;
  }
}

/** The last key that is tried. */
const NO_OTHER_KEY: Identity = {
  unwrapFileKey: (stanzas) => {
    const isPassphrase = stanzas.some(({ args: [type] }) => type === 'scrypt');
    const key = isPassphrase ? 'passphrase' : 'identity';
    throw new AppError('SECRET_INVALID', `the backup was sealed under another ${key}`);
  },
};

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${recipient} is no recipient of age: ${describeError(cause)}`, { cause });
  }
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(identity);
  } catch {
    // Without its cause, which may quote the key.
    throw new AppError('SECRET_INVALID', 'the identity is no private key of age, AGE-SECRET-KEY-…');
  }
}

function encodeBase64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

function damaged(cause?: unknown): AppError {
  return new AppError('STORE_CORRUPT', 'the backup is cut off or damaged', { cause });
}
