// What the authority keeps of a group that it publishes: the version reserved last, the keys, and what each record was sealed with.

/** Facts of a published group. Ids and roots are hexadecimal. */
export interface PublishedFacts {
  group: string;
  modelVersion: string;
  /** Secret of the record ids: see makeRecordId. */
  secret: Buffer;
  /** Version reserved last, 0 before the first one. It is kept before any head has it: no version is ever used for two roots. */
  version: number;
  /** Root hash of that version. */
  root: string;
  /** Epoch of new records, from 1. */
  epoch: number;
  /** Least epoch that the next one must have: doors may have seen a later one than this authority remembers. */
  leastNextEpoch: number;
  /** Keys of the present epoch and of all earlier ones, EPOCH_KEY_BYTES each. */
  epochKeys: ReadonlyMap<number, Buffer>;
  isDeleted: boolean;
}

/** Keys and nonces of one sealed record. With the face itself it gives the same bytes again. */
export interface PublishedRecord {
  epoch: number;
  /** DIGEST_BYTES: of the sealed record. */
  digest: Buffer;
  /** PLAIN_DIGEST_BYTES: of its content, which shows whether a face has changed. */
  plainDigest: Buffer;
  /** RECORD_KEY_BYTES. */
  key: Buffer;
}

export const PLAIN_DIGEST_BYTES = 16;

/** Ids of records are hexadecimal. All reads and writes reject with the store's errors. */
export interface PublishedState {
  readonly facts: PublishedFacts;
  /** Yields the records in the order of their ids, all of them or those of one bucket. */
  entries(bucket?: number): AsyncIterable<readonly [id: string, record: PublishedRecord]>;
  find(id: string): Promise<PublishedRecord | undefined>;
  /**
   * Writes a change as one batch, safely on the disk when it resolves. Keys of records that are replaced or deleted leave the disk soon.
   * @param change replaced: ids of those puts that take the place of another record
   */
  write(change: {
    facts: Partial<PublishedFacts>;
    puts?: ReadonlyMap<string, PublishedRecord>;
    replaced?: ReadonlySet<string>;
    deletes?: Iterable<string>;
  }): Promise<void>;
  /** Marks the group as deleted under a further version, and destroys the keys of all its records and epochs. */
  destroyKeys(version: number, root: string): Promise<void>;
}
