// Seals the records of one published group, anew or as they were, and wraps the keys of those of earlier epochs.
import { createHash } from 'node:crypto';
import type { RandomBytes } from '../store/sealing.js';
import { Turns } from './at-once.js';
import { digestRecord } from './bucket-tree.js';
import { encodeKeyTable } from './key-table.js';
import { PLAIN_DIGEST_BYTES, type PublishedRecord, type PublishedState } from './published-state.js';
import { RECORD_KEY_BYTES, sealRecord, wrapRecordKey, type RecordPlace } from './record-seal.js';

export interface SealedRecord {
  bytes: Buffer;
  record: PublishedRecord;
}

/** Digest of the content of a record: SHA-256, cut to PLAIN_DIGEST_BYTES. It stays in the sealed store. */
export function digestPlain(plain: Uint8Array): Buffer {
  return createHash('sha256').update(plain).digest().subarray(0, PLAIN_DIGEST_BYTES);
}

/** Ids of records are hexadecimal. */
export class RecordSealer {
  readonly #state: PublishedState;
  readonly #randomBytes: RandomBytes;
  /** Shared by all tables that are made at the same time. */
  readonly #turns = new Turns();

  constructor(state: PublishedState, randomBytes: RandomBytes) {
    this.#state = state;
    this.#randomBytes = randomBytes;
  }

  /** Seals a record under a key of its own and the present epoch. */
  seal(id: string, plain: Buffer): SealedRecord {
    const { epoch } = this.#state.facts;
    const key = this.#randomBytes(RECORD_KEY_BYTES);
    const bytes = this.#sealUnder(id, plain, { epoch, key });
    return { bytes, record: { epoch, key, digest: digestRecord(bytes), plainDigest: digestPlain(plain) } };
  }

  /** Seals a record with the key that it was published with. @returns undefined where that does not give the same bytes */
  sealAgain(id: string, plain: Buffer, record: PublishedRecord): Buffer | undefined {
    const bytes = this.#sealUnder(id, plain, record);
    return digestRecord(bytes).equals(record.digest) ? bytes : undefined;
  }

  /** Makes the table of wrapped keys of a bucket; undefined where all its records are of the present epoch. */
  async makeKeyTable(bucket: number): Promise<Buffer | undefined> {
    const { epoch } = this.#state.facts;
    const keys: [string, Buffer][] = [];
    for await (const [id, record] of this.#state.entries(bucket)) {
      await this.#turns.next();
      if (record.epoch === epoch) continue;
      const both = { epochKey: this.#findEpochKey(epoch), recordKey: record.key };
      keys.push([id, wrapRecordKey(both, this.#findPlace(id, epoch))]);
    }
    return keys.length > 0 ? encodeKeyTable(epoch, keys) : undefined;
  }

  #sealUnder(id: string, plain: Buffer, { epoch, key }: Pick<PublishedRecord, 'epoch' | 'key'>): Buffer {
    return sealRecord({ epochKey: this.#findEpochKey(epoch), recordKey: key }, this.#findPlace(id, epoch), plain);
  }

  #findEpochKey(epoch: number): Buffer {
    const key = this.#state.facts.epochKeys.get(epoch);
    if (!key) throw new TypeError(`the key of epoch ${epoch} is missing`);
    return key;
  }

  #findPlace(id: string, epoch: number): RecordPlace {
    const { group, modelVersion } = this.#state.facts;
    return { group: Buffer.from(group, 'hex'), epoch, record: Buffer.from(id, 'hex'), modelVersion };
  }
}
