// Who was announced at one camera and is not gone yet, so that a broken track does not announce them twice.
import { cosine } from '../domain/embedding.js';

/** Far above what passes a door within an absence time; beyond it the oldest is forgotten. */
const MAX_APPEARANCES = 256;

/** Somebody who was announced and has not been out of sight for the absence time since. */
export interface Appearance {
  /** The enrolled person; absent for a stranger. */
  person?: string;
  /** Of the shot that was announced. In memory only, for as long as the appearance lasts. */
  embedding: Float32Array;
  seenAtMs: number;
}

/** Times are passed in and must not fall. */
export class Appearances {
  readonly #absenceMs: number;
  readonly #sameCosine: number;
  #lately: Appearance[] = [];

  /** @param sameCosine two embeddings from which on are of the same stranger */
  constructor({ absenceMs, sameCosine }: { absenceMs: number; sameCosine: number }) {
    this.#absenceMs = absenceMs;
    this.#sameCosine = sameCosine;
  }

  add(appearance: Appearance): void {
    this.#lately.push(appearance);
    if (this.#lately.length > MAX_APPEARANCES) this.#lately.shift();
  }

  /** The appearance of this person that a track continues. @param firstSeenMs of the track */
  ofPerson(person: string, firstSeenMs: number): Appearance | undefined {
    return this.#lately.find((one) => one.person === person && this.#isContinued(one, firstSeenMs));
  }

  /** The appearance that a track without a match continues: of a stranger, or of a person who is seen worse now. */
  ofLikeness(embeddings: readonly Float32Array[], firstSeenMs: number): Appearance | undefined {
    return this.#lately.find(
      (one) =>
        this.#isContinued(one, firstSeenMs) &&
        embeddings.some((embedding) => cosine(embedding, one.embedding) >= this.#sameCosine),
    );
  }

  /** Forgets whom no track can continue any more. @param earliestMs when the oldest open track was first seen, or now */
  forget(earliestMs: number): void {
    this.#lately = this.#lately.filter((one) => this.#isContinued(one, earliestMs));
  }

  get size(): number {
    return this.#lately.length;
  }

  #isContinued(appearance: Appearance, firstSeenMs: number): boolean {
    return firstSeenMs - appearance.seenAtMs < this.#absenceMs;
  }
}
