// The decoder process as its worker sees it: started when a picture needs it, ended when a picture takes too long or none comes.
import { fork, type ChildProcess } from 'node:child_process';
import { AppError, describeError } from '../errors.js';
import type { DecodedPixels, FailOn, PhotoDecoder, PictureDecoder } from './picture-decoder.js';

/** A picture for the decoder process: an uploaded one, or a photo of the operator. */
export type DecoderOrder = { bytes: Uint8Array; failOn: FailOn } | { bytes: Uint8Array; isPhoto: true };

/** The pixels, or what is wrong with the picture. */
export type DecoderAnswer = DecodedPixels | { problem: string };

/** A process that has decoded nothing for this long is ended: it holds 20 MB (November 2026). */
const IDLE_MS = 60_000;
/** Bytes of pixels above which the process waits for the next picture only MEDIUM_IDLE_MS: it holds 80 MB then (November 2026). */
const MEDIUM_BYTES = 3_000_000;
const MEDIUM_IDLE_MS = 3_000;
/** After a picture with more bytes of pixels the process is ended at once: it would hold its memory until the next one. */
const LARGE_BYTES = 50_000_000;
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
const DECODER_FILE = new URL('./decoder-main.js', import.meta.url);

interface Decoding {
  resolve: (pixels: DecodedPixels) => void;
  reject: (error: Error) => void;
}

/**
 * Decodes in a process of its own. No thread can be interrupted while it decodes, but a process can be ended: so its picture does not hold up
 * anything else, neither by its time nor by its memory nor by a crash. The process gets no environment: it knows no key of the service.
 *
 * A picture of 640 x 480 takes 1 ms longer than in this process, one of 2048 x 2048 px takes 20 ms longer, and the first one 120 ms longer
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
    return this.#order({ bytes, failOn });
  }

  /** Decodes one picture at a time. */
  decodePhoto(bytes: Uint8Array): Promise<DecodedPixels> {
    return this.#order({ bytes, isPhoto: true });
  }

  #order(order: DecoderOrder): Promise<DecodedPixels> {
    if (this.#decoding) throw new TypeError('a decoder process decodes one picture at a time');
    clearTimeout(this.#idleTimer);
    const child = (this.#child ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#decoding = { resolve, reject };
      child.send(order, (error) => {
        if (error) this.#lose(child, new AppError('WORKER_FAILED', 'a picture could not be sent to its decoder'));
      });
    });
  }

  /** Ends the process at once. The picture that it decodes fails, and the next one starts another process. */
  abandon(): void {
    const child = this.#child;
    if (child) this.#lose(child, new Error('the decoding was abandoned'));
  }

  #start(): ChildProcess {
    const child = fork(this.#file, [], {
      env: ALLOCATOR,
      execArgv: ['--max-semi-space-size=1'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let hasGrown = false;
    child.on('message', (answer: DecoderAnswer) => {
      if (child !== this.#child) return;
      hasGrown ||= 'rgb' in answer && answer.rgb.length > MEDIUM_BYTES;
      this.#idleTimer = setTimeout(() => this.abandon(), hasGrown ? MEDIUM_IDLE_MS : IDLE_MS).unref();
      this.#settle((decoding) => {
        if ('problem' in answer) decoding.reject(new Error(answer.problem));
        else decoding.resolve(answer);
      });
      if ('rgb' in answer && answer.rgb.length > LARGE_BYTES) this.abandon();
    });
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

  #lose(child: ChildProcess, error: Error): void {
    child.kill('SIGKILL');
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
