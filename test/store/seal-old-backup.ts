// Writes a backup in the format of Lintel 0.1, which Lintel itself only reads.
import { createCipheriv, randomBytes, scryptSync } from 'node:crypto';

const CHUNK_BYTES = 256 * 1024;

/** @param cost log2(N), r and p of scrypt, as the header states them */
export function sealOldBackup(
  plain: Buffer,
  passphrase: string,
  cost: readonly [number, number, number] = [16, 8, 1],
): Buffer {
  const parameters = Buffer.concat([Buffer.from('LINTELBK'), Buffer.of(1, ...cost), randomBytes(16)]);
  const derived = scryptSync(passphrase, parameters.subarray(-16), 40, { N: 2 ** 16, r: 8, p: 1, maxmem: 2 ** 30 });
  const key = derived.subarray(0, 32);
  const header = Buffer.concat([parameters, derived.subarray(32)]);
  const sealed = [header];
  for (let number = 0; ; number++) {
    const chunk = plain.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES);
    const isLast = (number + 1) * CHUNK_BYTES > plain.length;
    const nonce = Buffer.alloc(12);
    nonce.writeUIntBE(number, 5, 6);
    nonce[11] = isLast ? 1 : 0;
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    cipher.setAAD(header);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(chunk.length);
    sealed.push(length, cipher.update(chunk), cipher.final(), cipher.getAuthTag());
    if (isLast) return Buffer.concat(sealed);
  }
}
