// Promises that are kept while other work is awaited, without becoming unhandled when they reject early.

/** Collects promises that are awaited together later. Each one has a rejection handler from the moment it is added. */
export class PendingWork {
  readonly #works: Promise<void>[] = [];

  add(...works: readonly Promise<void>[]): void {
    for (const work of works) {
      work.catch(() => undefined);
      this.#works.push(work);
    }
  }

  /** Resolves when all of them are over. @throws the reason of the first one that rejected */
  async finish(): Promise<void> {
    const results = await Promise.allSettled(this.#works);
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
  }
}
