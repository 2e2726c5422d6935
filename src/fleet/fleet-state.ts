// The part of the sealed store that holds what a member knows of its fleet: one space with JSON records.
import type { z } from 'zod';
import type { AuditEntry } from '../domain/audit.js';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { NoteMaker, Operation, SealedStore, Space } from '../store/sealed-store.js';

/** Label of the space. */
export const FLEET_LABEL = 'fleet';

export interface FleetStateOptions {
  /** Starts before the state is opened. */
  store: Pick<SealedStore, 'openSpace' | 'write'>;
  /** Starts before the state is opened. */
  audit: NoteMaker;
  clock: Clock;
}

/** Records by key. A key consists of fixed words and random ids: keys are not sealed. */
export class FleetState {
  readonly #options: FleetStateOptions;
  #space: Space | undefined;
  /** The change that is under way, or the last one. It never rejects. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: FleetStateOptions) {
    this.#options = options;
  }

  /** @throws AppError STORE_ALTERED, STORE_UNAVAILABLE */
  async open(): Promise<void> {
    this.#space = await this.#options.store.openSpace(FLEET_LABEL);
  }

  close(): void {
    this.#space = undefined;
  }

  /** The time, ISO 8601. */
  now(): string {
    return new Date(this.#options.clock()).toISOString();
  }

  /** Reads a record. @returns undefined where there is none @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE, STOPPED */
  async read<T>(key: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const value = await this.#requireSpace().get(Buffer.from(key));
    return value && decodeState(value, schema);
  }

  /** Reads the records whose keys have a prefix, in the order of the keys. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE, STOPPED */
  async list<T>(prefix: string, schema: z.ZodType<T>): Promise<T[]> {
    const range = { gte: Buffer.from(prefix), lt: Buffer.from(`${prefix}\u007f`) };
    const records: T[] = [];
    for await (const [, value] of this.#requireSpace().entries(range)) records.push(decodeState(value, schema));
    return records;
  }

  /** Describes the writing of a record. @param value a JSON value @throws AppError STOPPED */
  put(key: string, value: unknown): Operation {
    return this.#requireSpace().put(Buffer.from(key), Buffer.from(JSON.stringify(value)));
  }

  /** Describes the writing of a record whose content from before must leave the files of the database. @throws AppError STOPPED */
  replace(key: string, value: unknown): Operation {
    return { ...this.put(key, value), erase: true };
  }

  /** Describes the deletion of a record whose content must leave the files of the database. @throws AppError STOPPED */
  erase(key: string): Operation {
    return this.#requireSpace().erase(Buffer.from(key));
  }

  /** Writes changes and their entries of the audit log in one batch. @throws AppError STORE_UNAVAILABLE, STOPPED: nothing has changed */
  async write(operations: readonly Operation[], entries: readonly AuditEntry[] = []): Promise<void> {
    const { store, audit } = this.#options;
    await store.write(operations, entries.length === 0 ? undefined : audit.note(entries));
  }

  /** Runs changes one after the other: each one sees what the one before has written. A change must not wait for another one. */
  change<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(work);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  #requireSpace(): Space {
    if (!this.#space) throw new AppError('STOPPED', 'the state of the fleet is not open');
    return this.#space;
  }
}

function decodeState<T>(value: Buffer, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(value.toString()));
  } catch (cause) {
    throw new AppError('STORE_CORRUPT', 'a record of the fleet has an unknown format', { cause });
  }
}
