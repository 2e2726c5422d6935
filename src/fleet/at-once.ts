// Works on many items: a few at the same time, and never long without letting others run.

/** Time after which long work lets the event loop run others. */
const TURN_MS = 10;

/**
 * Does work on each item, on at most `limit` of them at a time. After a failure no further item is begun.
 * @throws the first failure, when nothing is under way any more
 */
export async function workAtOnce<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const failures: unknown[] = [];
  const underWay = new Set<Promise<unknown>>();
  for await (const item of items) {
    if (failures.length > 0) break;
    const one = work(item)
      .catch((error: unknown) => failures.push(error))
      .finally(() => underWay.delete(one));
    underWay.add(one);
    if (underWay.size >= limit) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}

/** Divides long work into turns. Several works that go on at the same time may share one: together they have one turn. */
export class Turns {
  #begunMs = performance.now();
  #pause: Promise<void> | undefined;

  /** Lets others run once the present turn has lasted long enough. Called often, between small pieces of work. */
  async next(): Promise<void> {
    if (!this.#pause && performance.now() - this.#begunMs < TURN_MS) return;
    this.#pause ??= new Promise<void>((resolve) => {
      setImmediate(() => {
        this.#begunMs = performance.now();
        this.#pause = undefined;
        resolve();
      });
    });
    await this.#pause;
  }
}

/** Runs works one after the other, in the order of the calls. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  async run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
