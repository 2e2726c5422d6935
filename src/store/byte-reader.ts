// Takes exact numbers of bytes from a stream whose pieces have any size.

export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Takes the next `length` bytes. @returns undefined when the stream ends before that */
  async take(length: number): Promise<Buffer | undefined> {
    const all = await this.#collect(length);
    if (all.length < length) return undefined;
    this.#putBack(all.subarray(length));
    return all.subarray(0, length);
  }

  /** Returns the next bytes without taking them: `length`, or fewer where the stream ends. */
  async peek(length: number): Promise<Buffer> {
    const all = await this.#collect(length);
    this.#putBack(all);
    return all.subarray(0, length);
  }

  async atEnd(): Promise<boolean> {
    return (await this.peek(1)).length === 0;
  }

  /** Yields all bytes that were not taken. Ends the source when it is left early. */
  async *rest(): AsyncGenerator<Uint8Array> {
    try {
      do {
        yield* this.#pieces.splice(0);
      } while (await this.#readPiece());
    } finally {
      await this.#source.return?.();
    }
  }

  async #collect(length: number): Promise<Buffer> {
    while (this.#length < length && (await this.#readPiece()));
    const [first] = this.#pieces;
    // Usually one piece holds everything, and no copy is needed.
    return first && this.#pieces.length === 1
      ? Buffer.from(first.buffer, first.byteOffset, first.length)
      : Buffer.concat(this.#pieces);
  }

  #putBack(bytes: Buffer): void {
    this.#pieces = bytes.length > 0 ? [bytes] : [];
    this.#length = bytes.length;
  }

  async #readPiece(): Promise<boolean> {
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
