// The listeners that want to know at once when the state of a camera changes.

export class StateWatch {
  readonly #listeners = new Set<() => void>();

  /** Calls the listener after every change. A listener must not throw. @returns a function that stops it */
  watch(listener: () => void): () => void {
    // A function of its own for each call: the same listener may be passed twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
