// Puts the checksums of a PNG right after its bytes were changed.
import { crc32 } from 'node:zlib';

/** Returns the file with right checksums, as far as its chunks can be followed; a file without the signature of PNG as it is. */
export function repairPng(bytes: Buffer): Buffer {
  if (bytes.length < 20 || bytes.readUInt32BE(0) !== 0x89504e47) return bytes;
  const copy = Buffer.from(bytes);
  for (let at = 8; at + 12 <= copy.length;) {
    const length = copy.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > copy.length) break;
    copy.writeUInt32BE(crc32(copy.subarray(at + 4, at + 8 + length)), at + 8 + length);
    at = end;
  }
  return copy;
}
