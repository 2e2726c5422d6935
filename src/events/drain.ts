// The loop of a drain: it publishes what it may, then waits until there is more to do, until it must finish or until it has failed.
import { WakeSignal } from '../platform/waiting.js';

/** A drain belongs to one connection, and moves events from a source into it. */
export abstract class Drain {
  readonly #signal = new WakeSignal();
  #isFinishing = false;
  #failure: { error: unknown } | undefined;

  /** Resolves after `finish` when nothing is left. Rejects with the first failure, its own or one that was passed to `fail`. */
  async run(): Promise<void> {
    for (;;) {
      const isEmpty = await this.advance();
      if (this.#failure) throw this.#failure.error;
      if (this.#isFinishing && isEmpty) return;
      await this.#signal.wait();
    }
  }

  /** Makes the drain look again whether it can publish something. */
  wake(): void {
    this.#signal.wake();
  }

  finish(): void {
    this.#isFinishing = true;
    this.#signal.wake();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#signal.wake();
  }

  protected get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Publishes what may be published now. @returns true when nothing is left, and no PUBACK is outstanding */
  protected abstract advance(): Promise<boolean>;
}
