// The proposals that the authority has begun or answered, on the disk: each one is carried out once, also over kills.
import * as z from 'zod';
import type { SealedStore, Space } from '../store/sealed-store.js';
import { answerSchema, type AnswerBody } from './proposal-letters.js';

const recordSchema = z.strictObject({
  version: z.literal(1),
  /** Epoch, ms. */
  begunAtMs: z.number(),
  answer: answerSchema.optional(),
});

/** A proposal that was begun. Without an answer it was interrupted: nobody knows whether the faces are enrolled. */
export interface ProposalRecord {
  begunAtMs: number;
  answer?: AnswerBody | undefined;
}

export const PROPOSALS_LABEL = 'fleet-proposals';

/** Methods reject with AppError STORE_CORRUPT, STORE_UNAVAILABLE or STOPPED. */
export class ProposalRecords {
  readonly #store: Pick<SealedStore, 'openSpace' | 'write'>;
  #space: Space | undefined;

  constructor(store: Pick<SealedStore, 'openSpace' | 'write'>) {
    this.#store = store;
  }

  async read(door: string, proposal: string): Promise<ProposalRecord | undefined> {
    const stored = await (await this.#open()).get(encodeKey(door, proposal));
    if (!stored) return undefined;
    const { begunAtMs, answer } = recordSchema.parse(JSON.parse(stored.toString()));
    return { begunAtMs, answer };
  }

  async write(door: string, proposal: string, { begunAtMs, answer }: ProposalRecord): Promise<void> {
    const space = await this.#open();
    const record = { version: 1, begunAtMs, ...(answer && { answer }) };
    await this.#store.write([space.put(encodeKey(door, proposal), Buffer.from(JSON.stringify(record)))]);
  }

  /** Removes the records of proposals that were begun before a time. @returns their doors and ids */
  async removeBefore(timeMs: number): Promise<{ door: string; proposal: string }[]> {
    const space = await this.#open();
    const old: { door: string; proposal: string }[] = [];
    for await (const [key, value] of space.entries({ gte: Buffer.from('0'), lt: Buffer.from('g') })) {
      const { begunAtMs } = recordSchema.parse(JSON.parse(value.toString()));
      const [door = '', proposal = ''] = key.toString().split('.');
      if (begunAtMs < timeMs) old.push({ door, proposal });
    }
    if (old.length > 0) {
      // They hold names of people: they must leave the files of the database.
      await this.#store.write(old.map((one) => space.erase(encodeKey(one.door, one.proposal))));
    }
    return old;
  }

  async #open(): Promise<Space> {
    this.#space ??= await this.#store.openSpace(PROPOSALS_LABEL, { check: 'later' });
    return this.#space;
  }
}

function encodeKey(door: string, proposal: string): Buffer {
  return Buffer.from(`${door}.${proposal}`);
}
