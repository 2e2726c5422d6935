// The last time that the service saw and believed, in a record of the sealed store.
import { AppError } from '../errors.js';
import type { SealedStore, Space } from '../store/sealed-store.js';

/** Of the store's one space that holds the time. */
export const CLOCK_LABEL = 'clock';
const TIME_KEY = Buffer.from('t');

export class StoredTime {
  readonly #store: Pick<SealedStore, 'openSpace' | 'write'>;
  #space: Space | undefined;

  /** @param store started before it is asked */
  constructor(store: Pick<SealedStore, 'openSpace' | 'write'>) {
    this.#store = store;
  }

  /** Epoch, ms; undefined where there is none, or it does not open. @throws AppError STORE_UNAVAILABLE */
  async read(): Promise<number | undefined> {
    this.#space = await this.#store.openSpace(CLOCK_LABEL);
    try {
      const time = Number((await this.#space.get(TIME_KEY))?.toString());
      return Number.isFinite(time) ? time : undefined;
    } catch (error) {
      if (error instanceof AppError && error.code === 'STORE_CORRUPT') return undefined;
      throw error;
    }
  }

  /** @throws AppError STORE_UNAVAILABLE */
  async write(epochMs: number): Promise<void> {
    this.#space ??= await this.#store.openSpace(CLOCK_LABEL);
    await this.#store.write([this.#space.put(TIME_KEY, Buffer.from(String(epochMs)))]);
  }
}
