// The last trusted time, in a record of the sealed store.
import type { SealedStore, Space } from '../store/sealed-store.js';

/** Label of the store's space that holds the time. */
export const CLOCK_LABEL = 'clock';
const TIME_KEY = Buffer.from('t');

export class StoredTime {
  readonly #store: Pick<SealedStore, 'openSpace' | 'write'>;
  #space: Space | undefined;

  /** @param store must be started before the first call of read or write */
  constructor(store: Pick<SealedStore, 'openSpace' | 'write'>) {
    this.#store = store;
  }

  /** Reads the time, in ms since the epoch; undefined without a record. @throws AppError STORE_CORRUPT, STORE_ALTERED, STORE_UNAVAILABLE */
  async read(): Promise<number | undefined> {
    this.#space = await this.#store.openSpace(CLOCK_LABEL);
    const time = Number((await this.#space.get(TIME_KEY))?.toString());
    return Number.isFinite(time) ? time : undefined;
  }

  /** Records the time. @throws AppError STORE_UNAVAILABLE */
  async write(epochMs: number): Promise<void> {
    this.#space ??= await this.#store.openSpace(CLOCK_LABEL);
    await this.#store.write([this.#space.put(TIME_KEY, Buffer.from(String(epochMs)))]);
  }
}
