// Reads files up to a greatest length: a file that is longer than what belongs there is refused before it fills the memory.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** Bytes of a read after those that the file is said to have: a pipe has no size, and a file may grow. */
const PIECE_BYTES = 64 * 1024;

/**
 * Reads a file of any type, also a pipe.
 * @throws the errors of the file system; an Error with the code EFBIG when the file is longer than `maxBytes`
 */
export async function readFileAtMost(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const pieces = new Pieces(path, maxBytes, size);
    for (;;) {
      const piece = pieces.next();
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return pieces.join();
      pieces.add(piece, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Like readFileAtMost, synchronous. */
export function readFileAtMostSync(path: string, maxBytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const pieces = new Pieces(path, maxBytes, fstatSync(file).size);
    for (;;) {
      const piece = pieces.next();
      const bytesRead = readSync(file, piece, 0, piece.length, null);
      if (bytesRead === 0) return pieces.join();
      pieces.add(piece, bytesRead);
    }
  } finally {
    closeSync(file);
  }
}

/** The pieces of a file: most files are read in one, and then the memory of that is the result. */
class Pieces {
  readonly #path: string;
  readonly #maxBytes: number;
  /** Size that the file is said to have. */
  readonly #size: number;
  readonly #pieces: Buffer[] = [];
  #length = 0;

  constructor(path: string, maxBytes: number, size: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#size = Math.min(size, maxBytes);
  }

  /** Makes the memory for the next read: never empty, and at most one byte more than the file may have. */
  next(): Buffer {
    const expected = this.#length < this.#size ? this.#size - this.#length : PIECE_BYTES;
    return Buffer.allocUnsafeSlow(Math.min(expected, this.#maxBytes - this.#length + 1));
  }

  /** @throws Error EFBIG */
  add(piece: Buffer, bytesRead: number): void {
    this.#length += bytesRead;
    if (this.#length > this.#maxBytes) throw tooLong(this.#path, this.#maxBytes);
    this.#pieces.push(piece.subarray(0, bytesRead));
  }

  join(): Buffer {
    const [first] = this.#pieces;
    return this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces);
  }
}

function tooLong(path: string, maxBytes: number): Error {
  return Object.assign(new Error(`${path} is longer than ${maxBytes.toLocaleString('en')} bytes`), { code: 'EFBIG' });
}
