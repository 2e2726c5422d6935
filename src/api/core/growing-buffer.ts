// A buffer that collects the pieces of a body: it costs what the bytes cost, however small the pieces are.
import type { Reservation } from './byte-budget.js';

const FIRST_BYTES = 65_536;
/** Pieces that every body may have, and bytes above which it may have one more piece for each. */
const FREE_PIECES = 1_000;
const BYTES_PER_PIECE = 64;

/**
 * Counts the pieces of a body. Each piece costs the main thread some microseconds, so that a body in pieces of one byte would cost
 * seconds.
 */
export class PieceCount {
  #pieces = 0;
  #bytes = 0;

  /** Counts one more piece. @returns false when there are too many for the bytes that came with them */
  add(bytes: number): boolean {
    this.#bytes += bytes;
    return ++this.#pieces <= FREE_PIECES + this.#bytes / BYTES_PER_PIECE;
  }
}

export interface GrowingBufferOptions {
  maxBytes: number;
  /** Length that the sender has announced, if any. Memory is only used for bytes that arrive. */
  announcedBytes?: number | undefined;
  /** Is told of all memory before it is used. */
  reservation: Pick<Reservation, 'hold'>;
}

/** Why a piece was not taken. */
export type AppendProblem = 'too-long' | 'too-many-pieces';

export class GrowingBuffer {
  readonly #options: GrowingBufferOptions;
  readonly #pieces = new PieceCount();
  #bytes = Buffer.alloc(0);
  #length = 0;

  constructor(options: GrowingBufferOptions) {
    this.#options = options;
  }

  /**
   * Copies a piece to the end.
   * @returns the reason why it was not taken; undefined when it was
   * @throws AppError SERVER_BUSY: the budget is full
   */
  append(piece: Uint8Array): AppendProblem | undefined {
    if (!this.#pieces.add(piece.length)) return 'too-many-pieces';
    const needed = this.#length + piece.length;
    if (needed > this.#options.maxBytes) return 'too-long';
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#bytes.set(piece, this.#length);
    this.#length = needed;
    return undefined;
  }

  /** Returns the bytes, with an ArrayBuffer of their own and of their length. The buffer is empty afterwards. */
  take(): Buffer {
    const bytes = this.#length === this.#bytes.length ? this.#bytes : copyExactly(this.#bytes, this.#length);
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return bytes;
  }

  #grow(needed: number): void {
    const { maxBytes, announcedBytes = maxBytes, reservation } = this.#options;
    const doubled = Math.max(needed, FIRST_BYTES, 2 * this.#bytes.length);
    const capacity = Math.max(needed, Math.min(doubled, announcedBytes, maxBytes));
    reservation.hold(capacity - this.#bytes.length);
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function copyExactly(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}
