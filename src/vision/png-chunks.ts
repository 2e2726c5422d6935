// Removal of the chunks of a PNG that say nothing about its pixels, before a decoder inflates or parses them.

const SIGNATURE_BYTES = 8;
/** Length, type and checksum of a chunk. */
const CHUNK_BYTES = 12;
/** Ancillary chunks that the pixels depend on: transparency, colour profile, orientation. */
const NEEDED = ['tRNS', 'iCCP', 'eXIf'].map(readCode);
/**
 * Largest chunk that is kept of these, in bytes as it is in the file. A profile of a display has 1 to 4 kB. 64 kB inflate to 66 MB at most.
 */
const MAX_NEEDED_BYTES = 65_536;
/** Bit of the first letter that makes a chunk ancillary: a decoder may leave it out. */
const ANCILLARY = 0x20000000;

/**
 * Returns the file without text, times, animations and all other ancillary chunks that are not needed for the pixels. Texts and profiles are
 * deflated, and decoders inflate each one: 55 texts of 50 MB took 15 s (AMD EPYC, November 2026). The checksums of chunks that stay are not
 * checked here, and a last chunk that is cut short stays as it is.
 * @param bytes a file that begins with the signature of PNG; it is not changed
 * @returns `bytes` itself where there is nothing to remove
 */
export function dropUnneededChunks(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [];
  const seen = new Set<number>();
  let from = 0;
  let at = SIGNATURE_BYTES;
  while (at + CHUNK_BYTES <= bytes.length) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    const end = at + CHUNK_BYTES + length;
    if (end > bytes.length) break;
    const isNeeded = NEEDED.includes(type) && !seen.has(type) && length <= MAX_NEEDED_BYTES;
    if ((type & ANCILLARY) !== 0 && !isNeeded) {
      if (at > from) kept.push(bytes.subarray(from, at));
      from = end;
    }
    seen.add(type);
    at = end;
  }
  if (from === 0) return bytes;
  return Buffer.concat([...kept, bytes.subarray(from)]);
}

function readCode(type: string): number {
  return Buffer.from(type, 'latin1').readUInt32BE();
}
