// Reads the parts of a multipart answer as its bytes arrive. Each part must have a Content-Length, as those of Lintel have.

export interface MultipartPart {
  /** Media type, such as `image/jpeg`. */
  type: string;
  body: Uint8Array<ArrayBuffer>;
}

/** Limits: what is larger is no answer of Lintel, and must not fill the memory of the page. */
const MAX_HEAD_BYTES = 4_096;
const MAX_BODY_BYTES = 32_000_000;

const HEAD_END = [13, 10, 13, 10];

export class MultipartReader {
  #bytes = new Uint8Array(0);

  /** Takes the next bytes of the answer. @returns the parts that are complete now @throws Error where it is no such answer */
  push(chunk: Uint8Array): MultipartPart[] {
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
    const parts: MultipartPart[] = [];
    for (let part = this.#take(); part; part = this.#take()) parts.push(part);
    return parts;
  }

  #take(): MultipartPart | undefined {
    const bytes = this.#bytes;
    const headEnd = findHeadEnd(bytes);
    if (headEnd === undefined) {
      if (bytes.length > MAX_HEAD_BYTES) throw new Error('the head of a part is too long');
      return undefined;
    }
    const head = new TextDecoder().decode(bytes.subarray(0, headEnd));
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? NaN);
    if (!(length <= MAX_BODY_BYTES)) throw new Error('a part has no length, or is too long');
    const end = headEnd + length;
    if (bytes.length < end) return undefined;
    this.#bytes = bytes.slice(end);
    return { type: /^content-type: *([^\s;]+)/im.exec(head)?.[1] ?? '', body: bytes.slice(headEnd, end) };
  }
}

/** Returns the index behind the empty line that ends a head. */
function findHeadEnd(bytes: Uint8Array): number | undefined {
  const last = Math.min(bytes.length, MAX_HEAD_BYTES) - HEAD_END.length;
  for (let i = 0; i <= last; i++) {
    if (HEAD_END.every((byte, n) => bytes[i + n] === byte)) return i + HEAD_END.length;
  }
  return undefined;
}
