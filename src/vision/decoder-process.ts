// The decoder process as its worker sees it: started when a picture needs it, ended when a picture takes too long or none comes.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { AppError, describeError } from '../errors.js';
import {
  MARK_BYTES,
  PIPE_FD,
  createAnswerReader,
  writeOrderHead,
  type AnswerHead,
  type DecoderTask,
  type MessageReader,
} from './decoder-messages.js';
import type { DecodedPixels, FailOn, PhotoDecoder, PictureDecoder } from './picture-decoder.js';

/** A process that has decoded nothing for this long is ended: it holds 20 MB (November 2026). */
const IDLE_MS = 60_000;
/** Bytes of pixels above which the process waits for the next picture only MEDIUM_IDLE_MS: it holds 45 MB then (November 2026). */
const MEDIUM_BYTES = 3_000_000;
const MEDIUM_IDLE_MS = 3_000;
/**
 * Environment of the process. glibc returns blocks of a megabyte and more when they are freed. Without these limits it keeps what pictures have
 * used: 260 MB after 100 large ones (November 2026).
 */
const ALLOCATOR = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
  UV_THREADPOOL_SIZE: '1',
};
/** Options of Node.js: a small heap, and gc() for the process, which frees large pixels at once. */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--expose-gc'];
const DECODER_FILE = new URL('./decoder-main.js', import.meta.url);

interface Decoding {
  answer: MessageReader<AnswerHead>;
  resolve: (pixels: DecodedPixels) => void;
  reject: (error: Error) => void;
}

/**
 * Decodes in a process of its own. No thread can be interrupted while it decodes, but a process can be ended: so its picture does not hold up
 * anything else, neither by its time nor by its memory nor by a crash. The process gets no environment: it knows no key of the service.
 *
 * Both ways lead over one pipe, with messages of our own: those of Node.js copy the pixels four times, and a process that a picture has taken
 * over could send one of any length.
 *
 * A picture of 640 x 480 takes 1 ms longer than in this process, one of 2048 x 2048 px takes 10 to 20 ms longer, and the first one 120 ms longer
 * (AMD EPYC, November 2026).
 */
export class DecoderProcess implements PictureDecoder, PhotoDecoder {
  readonly #file: URL;
  #child: ChildProcess | undefined;
  #decoding: Decoding | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  /** @param file entry point of the process; tests name another one */
  constructor(file: URL = DECODER_FILE) {
    this.#file = file;
  }

  /** Decodes one picture at a time. */
  decode(bytes: Uint8Array, failOn: FailOn): Promise<DecodedPixels> {
    return this.#order(failOn, bytes);
  }

  /** Decodes one picture at a time. */
  decodePhoto(bytes: Uint8Array): Promise<DecodedPixels> {
    return this.#order('photo', bytes);
  }

  #order(task: DecoderTask, bytes: Uint8Array): Promise<DecodedPixels> {
    if (this.#decoding) throw new TypeError('a decoder process decodes one picture at a time');
    clearTimeout(this.#idleTimer);
    const child = (this.#child ??= this.#start());
    return new Promise((resolve, reject) => {
      const mark = randomBytes(MARK_BYTES);
      this.#decoding = { answer: createAnswerReader(mark), resolve, reject };
      const pipe = getPipe(child);
      pipe?.cork();
      pipe?.write(writeOrderHead({ mark, task, bodyBytes: bytes.length }));
      pipe?.write(bytes);
      pipe?.uncork();
    });
  }

  /** Ends the process at once. The picture that it decodes fails, and the next one starts another process. */
  abandon(): void {
    const child = this.#child;
    if (child) this.#lose(child, new Error('the decoding was abandoned'));
  }

  #start(): ChildProcess {
    const child = spawn(process.execPath, [...NODE_OPTIONS, fileURLToPath(this.#file)], {
      env: ALLOCATOR,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    let hasGrown = false;
    const pipe = getPipe(child);
    pipe?.on('data', (chunk: Uint8Array) => {
      if (child !== this.#child) return;
      const pixelBytes = this.#take(child, chunk);
      if (pixelBytes === undefined) return;
      hasGrown ||= pixelBytes > MEDIUM_BYTES;
      this.#idleTimer = setTimeout(() => this.abandon(), hasGrown ? MEDIUM_IDLE_MS : IDLE_MS).unref();
    });
    // The process has ended, or is of no use without its pipe: why is said at its exit.
    for (const end of ['end', 'error']) pipe?.on(end, () => child.kill('SIGKILL'));
    child.on('error', (error) => {
      this.#lose(child, new AppError('WORKER_FAILED', `the decoder process failed: ${describeError(error)}`));
    });
    child.on('exit', (code, signal) => {
      // A picture can crash the process, but only a fault of the installation makes it exit.
      const text = `the decoder process ended with ${signal ?? `exit code ${code}`}`;
      this.#lose(child, signal === null ? new AppError('WORKER_FAILED', text) : new Error(text));
    });
    return child;
  }

  /** Takes the next bytes of the answer. @returns number of bytes of pixels in the answer, where it is complete; 0 where it is a problem */
  #take(child: ChildProcess, chunk: Uint8Array): number | undefined {
    try {
      // Bytes that nobody has asked for end the process: otherwise they would stand before the next answer.
      if (!this.#decoding) throw new Error('the decoder process sent bytes without an order');
      const message = this.#decoding.answer.push(chunk);
      if (!message) return undefined;
      const { widthPx, heightPx } = message.head;
      this.#settle((decoding) => {
        if (widthPx === 0) decoding.reject(new Error(message.body.toString()));
        else decoding.resolve({ rgb: message.body, widthPx, heightPx });
      });
      return widthPx === 0 ? 0 : message.body.length;
    } catch (error) {
      this.#lose(child, error as Error);
      return undefined;
    }
  }

  #lose(child: ChildProcess, error: Error): void {
    child.kill('SIGKILL');
    getPipe(child)?.destroy();
    if (child !== this.#child) return;
    this.#child = undefined;
    clearTimeout(this.#idleTimer);
    this.#settle(({ reject }) => reject(error));
  }

  #settle(settle: (decoding: Decoding) => void): void {
    const decoding = this.#decoding;
    this.#decoding = undefined;
    if (decoding) settle(decoding);
  }
}

/** @returns undefined where the process could not be started because this one has too many open files */
function getPipe(child: ChildProcess): Socket | undefined {
  return child.stdio?.[PIPE_FD] as Socket | undefined;
}
