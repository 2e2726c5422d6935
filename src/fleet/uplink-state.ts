// What the uplink of events keeps on the disk beside its mark in the event log.
import * as z from 'zod';
import type { SealedStore, Space } from '../store/sealed-store.js';

const stateSchema = z.strictObject({
  version: z.literal(1),
  door: z.string(),
  position: z.int().min(0),
  again: z.strictObject({ after: z.int().min(0), through: z.int().min(0) }).optional(),
});

export interface UplinkState {
  /** Position of the newest message of the door's stream; 0 before the first one. */
  position: number;
  /** Records that the log had lost and that are being sent again: those behind `after`, up to and including `through`. */
  again?: { after: number; through: number } | undefined;
}

export interface UplinkStateStore {
  /** @param door id of the door: the state of another one counts for nothing */
  read(door: string): Promise<UplinkState | undefined>;
  write(door: string, state: UplinkState): Promise<void>;
}

export const UPLINK_LABEL = 'fleet-uplink';
const KEY = Buffer.from('state');

/** Both methods reject with AppError STORE_CORRUPT, STORE_UNAVAILABLE or STOPPED. */
export class SealedUplinkState implements UplinkStateStore {
  readonly #store: Pick<SealedStore, 'openSpace' | 'write'>;
  #space: Space | undefined;

  constructor(store: Pick<SealedStore, 'openSpace' | 'write'>) {
    this.#store = store;
  }

  async read(door: string): Promise<UplinkState | undefined> {
    const stored = await (await this.#open()).get(KEY);
    // A state that cannot be read is like none: the log says then what it has.
    const state = stored && stateSchema.safeParse(JSON.parse(stored.toString())).data;
    return state?.door === door ? { position: state.position, again: state.again } : undefined;
  }

  async write(door: string, { position, again }: UplinkState): Promise<void> {
    const space = await this.#open();
    const record = { version: 1, door, position, ...(again ? { again } : {}) };
    await this.#store.write([space.put(KEY, Buffer.from(JSON.stringify(record)))]);
  }

  async #open(): Promise<Space> {
    this.#space ??= await this.#store.openSpace(UPLINK_LABEL, { check: 'later' });
    return this.#space;
  }
}
