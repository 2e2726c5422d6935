// The output of the log: whole lines to a file descriptor, in batches, without waiting for a slow reader.
import { writeSync } from 'node:fs';

const LINE_FEED = 0x0a;
/** A write of at most this size to a pipe takes all of it or nothing (PIPE_BUF on Linux). */
const CHUNK_BYTES = 4_096;
/**
 * Longest time for which lines are gathered before they are written. A write for each line of the access log would cost the main thread a
 * third of a millisecond per request (measured on a pipe, November 2026). An exit or a crash writes the gathered lines; kill -9 loses them.
 */
const LATEST_MS = 100;
/** Interval between two attempts while the reader takes nothing. */
const RETRY_MS = 10;
/** Lines that wait for a slow reader take at most this much memory; further ones are dropped. */
const MAX_WAITING_BYTES = 256 * 1_024;

/** Called with the number of lines that were dropped, once the reader takes lines again. */
export type DropListener = (droppedLines: number) => void;

/**
 * Writes log lines and never blocks, because a log must not stop a door. The descriptor has to be non-blocking; `process.stdout` makes
 * standard output non-blocking. When the reader stops, up to 256 KiB of lines wait; later ones are dropped and counted, until everything
 * that waited is written. A line that was written in part is completed first, so that every line that the reader sees is whole.
 *
 * sonic-boom 4.2.1, which pino brings, is not used: its flushSync loops for ever on EPIPE and sleeps on EAGAIN, and a line costs it twice
 * the CPU (6.4 against 2.8 µs on x86-64, November 2026).
 */
export class LogOutput {
  readonly #descriptor: number;
  #onDropped: DropListener | undefined;
  #gathered = '';
  #gatheredBytes = 0;
  /** Chunks that wait for the descriptor, each of whole lines; the first one may have been written in part. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** True while the descriptor takes nothing: only the timer tries again. */
  #isBlocked = false;
  #dropped = 0;
  /** Number of dropped lines that the listener has not been called with yet. */
  #undeclared = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    process.once('exit', () => this.flushSync());
  }

  /** Number of lines that were dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Sets the one listener for dropped lines. It may write a line. */
  onDropped(listener: DropListener): void {
    this.#onDropped = listener;
  }

  /** @param line ends with a line feed */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    // After a loss no line is accepted until the listener can report the loss in the place of the missing lines.
    if (this.#undeclared > 0 || this.#waitingBytes + this.#gatheredBytes + bytes > MAX_WAITING_BYTES) {
      this.#dropped++;
      this.#undeclared++;
    } else {
      if (this.#gatheredBytes + bytes > CHUNK_BYTES) {
        this.#seal();
        if (!this.#isBlocked) this.#writeWaiting();
      }
      this.#gathered += line;
      this.#gatheredBytes += bytes;
    }
    this.#timer ??= setTimeout(() => this.flushSync(), this.#isBlocked ? RETRY_MS : LATEST_MS).unref();
  }

  /** Writes as many lines as the reader takes. */
  flushSync(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#seal();
    this.#writeWaiting();
    if (this.#undeclared > 0 && !this.#isBlocked) this.#declare();
    if (this.#isBlocked) this.#timer ??= setTimeout(() => this.flushSync(), RETRY_MS).unref();
  }

  /** Like flushSync, in the form that pino calls. */
  flush(done?: () => void): void {
    this.flushSync();
    done?.();
  }

  /** Turns the gathered lines into a chunk. */
  #seal(): void {
    if (this.#gatheredBytes === 0) return;
    this.#waiting.push(Buffer.from(this.#gathered));
    this.#waitingBytes += this.#gatheredBytes;
    this.#gathered = '';
    this.#gatheredBytes = 0;
  }

  #writeWaiting(): void {
    this.#isBlocked = false;
    try {
      for (let [chunk] = this.#waiting; chunk !== undefined; [chunk] = this.#waiting) {
        const written = writeSync(this.#descriptor, chunk);
        this.#waitingBytes -= written;
        if (written < chunk.length) this.#waiting[0] = chunk.subarray(written);
        else this.#waiting.shift();
      }
    } catch (error) {
      // EAGAIN is a reader that is too slow; a full disk may have room again, too.
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') this.#discardWaiting();
      else this.#isBlocked = true;
    }
  }

  /** Drops the waiting lines after the reader has closed its end for good. No warning about them can reach it. */
  #discardWaiting(): void {
    for (const chunk of this.#waiting) this.#dropped += chunk.filter((byte) => byte === LINE_FEED).length;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#undeclared = 0;
  }

  #declare(): void {
    const lines = this.#undeclared;
    this.#undeclared = 0;
    this.#onDropped?.(lines);
    this.#seal();
    this.#writeWaiting();
  }
}
