// The messages between a worker and its decoder process: a head of fixed length, then a body whose length the head gives.
import { AppError } from '../errors.js';
import { MAX_SIDE_PX, type FailOn } from './picture-decoder.js';

/** File descriptor of the pipe in the decoder process. Orders come in and answers go out. */
export const PIPE_FD = 3;

/** Kind of a decoding: of an uploaded picture, by the faults from which it fails, or of a photo of the operator. */
export type DecoderTask = FailOn | 'photo';
const TASKS: readonly DecoderTask[] = ['none', 'damage', 'warning', 'error', 'photo'];

/** A random number of an order, which the answer repeats: so bytes that belong to another picture are never taken for its pixels. */
export const MARK_BYTES = 16;

interface Head {
  mark: Uint8Array;
  /** Length of the body. */
  bodyBytes: number;
}

/** Head of an order. The body is the picture's file. */
export interface OrderHead extends Head {
  task: DecoderTask;
}

/** Head of an answer. The body is the pixels (DecodedPixels.rgb), or where both sides are 0, a text that says what is wrong with the picture. */
export interface AnswerHead extends Head {
  widthPx: number;
  heightPx: number;
}

const ORDER_HEAD_BYTES = MARK_BYTES + 8;
const ANSWER_HEAD_BYTES = MARK_BYTES + 12;
const MAX_PROBLEM_BYTES = 4_000;

export function writeOrderHead({ mark, task, bodyBytes }: OrderHead): Buffer {
  return writeHead(mark, [TASKS.indexOf(task), bodyBytes]);
}

export function writeAnswerHead({ mark, widthPx, heightPx, bodyBytes }: AnswerHead): Buffer {
  return writeHead(mark, [widthPx, heightPx, bodyBytes]);
}

function writeHead(mark: Uint8Array, values: readonly number[]): Buffer {
  const head = Buffer.alloc(MARK_BYTES + 4 * values.length);
  head.set(mark);
  values.forEach((value, i) => head.writeUInt32LE(value, MARK_BYTES + 4 * i));
  return head;
}

/** Encodes a text for the body of an answer. */
export function writeProblem(text: string): Buffer {
  return Buffer.from(text).subarray(0, MAX_PROBLEM_BYTES);
}

/** Creates the decoder's reader of one order. */
export function createOrderReader(): MessageReader<OrderHead> {
  return new MessageReader(ORDER_HEAD_BYTES, (head) => {
    const task = TASKS[head.readUInt32LE(MARK_BYTES)];
    if (task === undefined) throw new TypeError('the order has an unknown task');
    return { mark: head.subarray(0, MARK_BYTES), task, bodyBytes: head.readUInt32LE(MARK_BYTES + 4) };
  });
}

/**
 * Creates the worker's reader of one answer. It trusts nothing: a picture may have taken the decoder over.
 * @param mark mark of the order
 */
export function createAnswerReader(mark: Uint8Array): MessageReader<AnswerHead> {
  return new MessageReader(ANSWER_HEAD_BYTES, (head) => {
    const [widthPx, heightPx, bodyBytes] = [0, 4, 8].map((at) => head.readUInt32LE(MARK_BYTES + at)) as [
      number,
      number,
      number,
    ];
    // The bytes may be left over from an earlier picture: this one is not to blame.
    if (!head.subarray(0, MARK_BYTES).equals(mark)) {
      throw new AppError('WORKER_FAILED', 'the decoder process sent bytes that are no answer');
    }
    const isProblem = widthPx === 0 && heightPx === 0 && bodyBytes <= MAX_PROBLEM_BYTES;
    const hasFittingSides = Math.min(widthPx, heightPx) > 0 && Math.max(widthPx, heightPx) <= MAX_SIDE_PX;
    if (!isProblem && !(hasFittingSides && bodyBytes === widthPx * heightPx * 3)) {
      throw new Error(`the decoder process announced ${bodyBytes} bytes for ${widthPx} x ${heightPx} px`);
    }
    return { mark, widthPx, heightPx, bodyBytes };
  });
}

/** Reads one message from the chunks of a pipe. The memory of the body is allocated once, when its head has come. */
export class MessageReader<H extends Head> {
  readonly #readHead: (head: Buffer) => H;
  #head: H | undefined;
  /** The head, later the body, as far as it has come. */
  #bytes: Buffer;
  #filled = 0;

  /** @param readHead returns the fields of a head; it throws where it refuses them */
  constructor(headBytes: number, readHead: (head: Buffer) => H) {
    this.#bytes = Buffer.alloc(headBytes);
    this.#readHead = readHead;
  }

  /**
   * Takes the next chunk.
   * @returns the message, where the chunk ends it; the reader is of no further use then
   * @throws Error where the head is refused, or bytes follow the message
   */
  push(chunk: Uint8Array): { head: H; body: Buffer } | undefined {
    let rest = this.#fill(chunk);
    if (!this.#head) {
      if (this.#filled < this.#bytes.length) return undefined;
      this.#head = this.#readHead(this.#bytes);
      // Without clearing it: each byte is overwritten before the message is complete. Not from Node's pool, which copies of pixels would hold.
      this.#bytes = Buffer.allocUnsafeSlow(this.#head.bodyBytes);
      this.#filled = 0;
      rest = this.#fill(rest);
    }
    if (rest.length > 0) throw new Error('the decoder process sent more bytes than it had announced');
    return this.#filled === this.#bytes.length ? { head: this.#head, body: this.#bytes } : undefined;
  }

  /** @returns what does not belong to the head, or to the body */
  #fill(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, this.#bytes.length - this.#filled);
    this.#bytes.set(part, this.#filled);
    this.#filled += part.length;
    return chunk.subarray(part.length);
  }
}
