// Keeps what the authority publishes in the sealed store, one space per group: with the key of a space all keys of its records are gone.
import * as z from 'zod';
import { AppError } from '../errors.js';
import type { Operation, SealedStore, Space } from '../store/sealed-store.js';
import type { RandomBytes } from '../store/sealing.js';
import { DIGEST_BYTES } from './bucket-tree.js';
import {
  PLAIN_DIGEST_BYTES,
  type PublishedFacts,
  type PublishedRecord,
  type PublishedState,
} from './published-state.js';
import { EPOCH_KEY_BYTES, RECORD_KEY_BYTES } from './record-seal.js';

const LABEL = 'fleet-group';
const SECRET_BYTES = 32;
/** Key of the facts. It sorts before the records. */
const FACTS_KEY = Buffer.from('g');
/** Keys of records: this prefix and the id. */
const RECORD_PREFIX = Buffer.from('r');
const EPOCH_BYTES = 4;
const RECORD_BYTES = EPOCH_BYTES + DIGEST_BYTES + PLAIN_DIGEST_BYTES + RECORD_KEY_BYTES;

const hex = (bytes: number): z.ZodType<string> => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const factsSchema = z.strictObject({
  group: hex(16),
  modelVersion: z.string().min(1),
  secret: hex(SECRET_BYTES),
  version: z.int().min(0),
  root: z.string(),
  epoch: z.int().min(1),
  leastNextEpoch: z.int().min(1),
  epochKeys: z.record(z.string().regex(/^[1-9][0-9]*$/), hex(EPOCH_KEY_BYTES)),
  isDeleted: z.boolean(),
});

export interface PublishedGroupsOptions {
  store: SealedStore;
  randomBytes: RandomBytes;
}

/** The published groups of the authority, those included that are deleted and whose last head must stay in the log. */
export class PublishedGroups {
  readonly #options: PublishedGroupsOptions;
  readonly #groups = new Map<string, StoredGroup>();

  constructor(options: PublishedGroupsOptions) {
    this.#options = options;
  }

  /** Reads the facts of all groups. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
  async open(): Promise<void> {
    const { store } = this.#options;
    for (const space of store.spaces(LABEL)) {
      const found = new StoredGroup(store, space, await readFacts(space));
      const known = this.#groups.get(found.facts.group);
      // A kill between the two batches of destroyKeys leaves both spaces: the group is deleted.
      const [kept, left] = known?.facts.isDeleted ? [known, found] : [found, known];
      if (left) await left.destroy();
      this.#groups.set(kept.facts.group, kept);
    }
  }

  list(): readonly StoredGroup[] {
    return [...this.#groups.values()];
  }

  /** @param group id in the fleet, hexadecimal */
  find(group: string): StoredGroup | undefined {
    return this.#groups.get(group);
  }

  /** Begins to publish a group, with a secret and the first epoch key of its own. @throws TypeError the group is known */
  async create({ group, modelVersion }: Pick<PublishedFacts, 'group' | 'modelVersion'>): Promise<StoredGroup> {
    if (this.#groups.has(group)) throw new TypeError(`the group ${group} is published already`);
    const { store, randomBytes } = this.#options;
    const facts: PublishedFacts = {
      group,
      modelVersion,
      secret: randomBytes(SECRET_BYTES),
      version: 0,
      root: '',
      epoch: 1,
      leastNextEpoch: 2,
      epochKeys: new Map([[1, randomBytes(EPOCH_KEY_BYTES)]]),
      isDeleted: false,
    };
    const space = await store.createSpace(LABEL, (one) => [one.put(FACTS_KEY, encodeFacts(facts))]);
    const stored = new StoredGroup(store, space, facts);
    this.#groups.set(group, stored);
    return stored;
  }

  /** Removes all that is known of a group. */
  async forget(stored: StoredGroup): Promise<void> {
    await stored.destroy();
    this.#groups.delete(stored.facts.group);
  }
}

/** The state of one group. Writes must not overlap. */
export class StoredGroup implements PublishedState {
  readonly #store: SealedStore;
  #space: Space;
  #facts: PublishedFacts;

  constructor(store: SealedStore, space: Space, facts: PublishedFacts) {
    this.#store = store;
    this.#space = space;
    this.#facts = facts;
  }

  get facts(): PublishedFacts {
    return this.#facts;
  }

  async *entries(bucket?: number): AsyncGenerator<readonly [string, PublishedRecord]> {
    const least = bucket === undefined ? RECORD_PREFIX : Buffer.concat([RECORD_PREFIX, Buffer.of(bucket)]);
    const isLast = bucket === undefined || bucket === 255;
    const end = isLast ? Buffer.of(RECORD_PREFIX[0]! + 1) : Buffer.concat([RECORD_PREFIX, Buffer.of(bucket + 1)]);
    for await (const [key, value] of this.#space.entries({ gte: least, lt: end })) {
      yield [key.toString('hex', RECORD_PREFIX.length), decodeRecord(value)];
    }
  }

  async find(id: string): Promise<PublishedRecord | undefined> {
    const value = await this.#space.get(encodeKey(id));
    return value && decodeRecord(value);
  }

  async write({
    facts,
    puts = new Map<string, PublishedRecord>(),
    replaced = new Set<string>(),
    deletes = [],
  }: Parameters<PublishedState['write']>[0]): Promise<void> {
    const next = { ...this.#facts, ...facts };
    const operations: Operation[] = [this.#space.put(FACTS_KEY, encodeFacts(next))];
    for (const [id, record] of puts) {
      const put = this.#space.put(encodeKey(id), encodeRecord(record));
      operations.push(replaced.has(id) ? { ...put, erase: true } : put);
    }
    for (const id of deletes) operations.push(this.#space.erase(encodeKey(id)));
    await this.#store.write(operations);
    this.#facts = next;
  }

  async destroyKeys(version: number, root: string): Promise<void> {
    const none = Buffer.alloc(SECRET_BYTES);
    const next = { ...this.#facts, version, root, secret: none, epochKeys: new Map<number, Buffer>(), isDeleted: true };
    const old = this.#space;
    this.#space = await this.#store.createSpace(LABEL, (one) => [one.put(FACTS_KEY, encodeFacts(next))]);
    this.#facts = next;
    await this.#store.destroySpace(old);
  }

  async destroy(): Promise<void> {
    await this.#store.destroySpace(this.#space);
  }
}

async function readFacts(space: Space): Promise<PublishedFacts> {
  const text = await space.get(FACTS_KEY);
  const { data } = factsSchema.safeParse(text && JSON.parse(text.toString()));
  if (!data) throw new AppError('STORE_CORRUPT', 'the record of a published group has an unknown format');
  const keys = Object.entries(data.epochKeys).map(([epoch, key]) => [Number(epoch), Buffer.from(key, 'hex')] as const);
  return { ...data, secret: Buffer.from(data.secret, 'hex'), epochKeys: new Map(keys) };
}

function encodeFacts({ secret, epochKeys, ...facts }: PublishedFacts): Buffer {
  const keys = Object.fromEntries([...epochKeys].map(([epoch, key]) => [epoch, key.toString('hex')]));
  return Buffer.from(JSON.stringify({ ...facts, secret: secret.toString('hex'), epochKeys: keys }));
}

function encodeKey(id: string): Buffer {
  return Buffer.concat([RECORD_PREFIX, Buffer.from(id, 'hex')]);
}

/** @returns epoch (4 bytes, big endian), digest (32), digest of the content (16), record key (32) */
function encodeRecord({ epoch, digest, plainDigest, key }: PublishedRecord): Buffer {
  const number = Buffer.alloc(EPOCH_BYTES);
  number.writeUInt32BE(epoch);
  return Buffer.concat([number, digest, plainDigest, key]);
}

function decodeRecord(value: Buffer): PublishedRecord {
  if (value.length !== RECORD_BYTES) {
    throw new AppError('STORE_CORRUPT', 'the note of a published record has an unknown format');
  }
  const plainAt = EPOCH_BYTES + DIGEST_BYTES;
  const keyAt = plainAt + PLAIN_DIGEST_BYTES;
  return {
    epoch: value.readUInt32BE(0),
    digest: value.subarray(EPOCH_BYTES, plainAt),
    plainDigest: value.subarray(plainAt, keyAt),
    key: value.subarray(keyAt),
  };
}
