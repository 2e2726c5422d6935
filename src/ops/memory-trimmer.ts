// The return of freed memory to the kernel: after requests with large pictures the allocator would keep theirs for good.
import type { Addon } from '../native/addon.js';
import type { Part } from '../domain/part.js';
import type { Timers } from '../domain/time.js';

/** Time between two looks at the resident memory. */
const LOOK_MS = 4_000;
/** Growth of the resident memory, since freed memory was last returned, that makes a return worthwhile. */
const GROWTH_BYTES = 16_000_000;

export interface MemoryTrimmerParts {
  addon: Pick<Addon, 'trimMemory' | 'dropProgramPages'>;
  /** Returns the resident memory of the process in bytes. */
  readResident: () => number;
  timers: Timers;
}

/**
 * Returns freed memory when the resident memory has grown, and once more at the look after that. What the models need between two frames is
 * freed memory as well, so a service that does the same work all the time soon returns nothing any more.
 */
export class MemoryTrimmer implements Part {
  readonly name = 'memory';
  readonly #parts: MemoryTrimmerParts;
  #timer: unknown;
  #isRunning = false;
  #trimming: Promise<void> | undefined;
  #isFirst = true;
  /** True where the next look returns freed memory once more: requests may have held theirs when it was last returned. */
  #isDue = false;
  /** Resident memory after freed memory was last returned. */
  #leastBytes = 0;

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
    const { addon, readResident } = this.#parts;
    const hasGrown = readResident() - this.#leastBytes >= GROWTH_BYTES;
    if (!hasGrown && !this.#isDue) return;
    this.#isDue = hasGrown;
    await addon.trimMemory();
    // Once: the pages that the service uses come back, and would look like growth.
    if (this.#isFirst) addon.dropProgramPages();
    this.#isFirst = false;
    this.#leastBytes = readResident();
  }
}
