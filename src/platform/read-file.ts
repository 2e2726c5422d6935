// Reads files up to a greatest length: a file that is longer than what belongs there is refused before it fills the memory.
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';

const PIECE_BYTES = 1 << 20;

/**
 * Reads a file of any type, also a pipe.
 * @throws the errors of the file system; an Error with the code EFBIG when the file is longer than `maxBytes`
 */
export async function readFileAtMost(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, maxBytes - length + 1));
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return Buffer.concat(pieces);
      length += bytesRead;
      if (length > maxBytes) throw tooLong(path, maxBytes);
      pieces.push(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Like readFileAtMost, synchronous. */
export function readFileAtMostSync(path: string, maxBytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, maxBytes - length + 1));
      const bytesRead = readSync(file, piece, 0, piece.length, null);
      if (bytesRead === 0) return Buffer.concat(pieces);
      length += bytesRead;
      if (length > maxBytes) throw tooLong(path, maxBytes);
      pieces.push(piece.subarray(0, bytesRead));
    }
  } finally {
    closeSync(file);
  }
}

function tooLong(path: string, maxBytes: number): Error {
  return Object.assign(new Error(`${path} is longer than ${maxBytes.toLocaleString('en')} bytes`), { code: 'EFBIG' });
}
