// The return of memory that is not needed any more to the kernel: V8 and the allocator would keep what large pictures took for good.
import type { Addon } from '../native/addon.js';
import type { Part } from '../domain/part.js';
import type { Timers } from '../domain/time.js';

/** Time between two looks. */
const LOOK_MS = 4_000;
/** Looks from one tidying to the next where nothing asks for one: ten minutes. */
const MOST_LOOKS = 150;
/** Growth of the resident memory that makes a return of freed memory worthwhile. */
const GROWTH_BYTES = 16_000_000;

export interface MemoryTrimmerParts {
  addon: Pick<Addon, 'collectGarbage' | 'trimMemory' | 'dropProgramPages'>;
  /** Threads of their own, each with a heap. */
  workers: {
    tidy: () => Promise<void>;
    /** Returns the number of pictures of requests that were analysed so far. */
    countPictures: () => number;
  };
  /** Returns the resident memory of the process in bytes. */
  readResident: () => number;
  timers: Timers;
}

/**
 * Tidies up after the start, when requests with pictures have come to a pause, and every ten minutes: each heap is collected, and freed memory
 * is returned. That takes 15 to 35 ms of the main thread with 10,000 faces (AMD EPYC, November 2026), so it does not happen during the work.
 *
 * Between that, freed memory is returned when the resident memory has grown. What the models need between two frames is freed memory as well,
 * and comes back at once: growth counts from the memory at the look after a return.
 */
export class MemoryTrimmer implements Part {
  readonly name = 'memory';
  readonly #parts: MemoryTrimmerParts;
  #timer: unknown;
  #isRunning = false;
  #trimming: Promise<void> | undefined;
  /** Pictures at the last look. */
  #pictures = 0;
  /** True while pictures were analysed since the last tidying. */
  #isDue = true;
  #looks = 0;
  /** Resident memory at the look after the last return; undefined until that look. */
  #usualBytes: number | undefined;

  constructor(parts: MemoryTrimmerParts) {
    this.#parts = parts;
  }

  start(): Promise<void> {
    this.#isRunning = true;
    this.#lookLater();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#parts.timers.clearTimeout(this.#timer);
    await this.#trimming;
  }

  #lookLater(): void {
    if (!this.#isRunning) return;
    this.#timer = this.#parts.timers.setTimeout(() => {
      this.#trimming = this.#look().finally(() => this.#lookLater());
    }, LOOK_MS);
  }

  async #look(): Promise<void> {
    const { addon, workers, readResident } = this.#parts;
    const pictures = workers.countPictures();
    const isPaused = pictures === this.#pictures;
    this.#pictures = pictures;
    this.#isDue ||= !isPaused;
    if ((this.#isDue && isPaused) || ++this.#looks >= MOST_LOOKS) return this.#tidy();
    const resident = readResident();
    if (this.#usualBytes === undefined || resident < this.#usualBytes) this.#usualBytes = resident;
    if (resident - this.#usualBytes < GROWTH_BYTES) return;
    await addon.trimMemory();
    this.#usualBytes = undefined;
  }

  async #tidy(): Promise<void> {
    const { addon, workers } = this.#parts;
    await workers.tidy();
    addon.collectGarbage();
    await addon.trimMemory();
    // Those that the service goes on to use come back; those that only the start or the pictures needed do not.
    addon.dropProgramPages();
    this.#isDue = false;
    this.#looks = 0;
    this.#usualBytes = undefined;
  }
}
