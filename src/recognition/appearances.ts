// Who was announced at one camera and is not gone yet, so that a broken track does not announce them twice.
import { cosine } from '../domain/embedding.js';
import type { RecognitionEvent } from '../events/event.js';

/** Far above what passes a door within an absence time; beyond it the oldest is forgotten. */
const MAX_APPEARANCES = 1_024;

/** Somebody who was announced and has not been out of sight for the absence time since. */
export interface Appearance {
  type: RecognitionEvent['type'];
  /** The enrolled person that frames agreed on, also where the event names nobody; absent for a stranger. */
  person?: string;
  /** Of the shot that was announced. In memory only, for as long as the appearance lasts. */
  embedding: Float32Array;
  announcedAtMs: number;
  seenAtMs: number;
}

/** Who a track shows, and since when. */
export interface Probe {
  person?: string | undefined;
  embeddings: readonly Float32Array[];
  firstSeenMs: number;
}

/** Times are passed in and must not fall. */
export class Appearances {
  readonly #absenceMs: number;
  readonly #coolDownMs: number;
  readonly #sameCosine: number;
  #lately: Appearance[] = [];

  /**
   * @param coolDownMs nobody is announced again within this time of their last event
   * @param sameCosine two embeddings from which on are of the same stranger
   */
  constructor(parts: { absenceMs: number; coolDownMs: number; sameCosine: number }) {
    this.#absenceMs = parts.absenceMs;
    this.#coolDownMs = parts.coolDownMs;
    this.#sameCosine = parts.sameCosine;
  }

  add(appearance: Appearance): void {
    this.#lately.push(appearance);
    if (this.#lately.length > MAX_APPEARANCES) this.#lately.shift();
  }

  /** The appearance of this person that a track continues. */
  ofPerson(types: readonly Appearance['type'][], { person, firstSeenMs }: Probe): Appearance | undefined {
    if (person === undefined) return undefined;
    return this.#lately.find(
      (one) => types.includes(one.type) && one.person === person && this.#isContinued(one, firstSeenMs),
    );
  }

  /** The appearance that a track continues by its looks: of a stranger, or of a person who is seen worse now. */
  ofLikeness(types: readonly Appearance['type'][], { embeddings, firstSeenMs }: Probe): Appearance | undefined {
    return this.#lately.find(
      (one) => types.includes(one.type) && this.#isContinued(one, firstSeenMs) && this.#isLike(one, embeddings),
    );
  }

  /** Until when somebody who was gone for the absence time is silent, since their last event is so recent; undefined: not at all. */
  silentUntilMs(type: Appearance['type'], { person, embeddings }: Probe, nowMs: number): number | undefined {
    const ends = this.#lately
      .filter((one) => one.type === type && this.#isCooling(one, nowMs))
      .filter((one) => (person === undefined ? this.#isLike(one, embeddings) : one.person === person))
      .map((one) => one.announcedAtMs + this.#coolDownMs);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  /** Forgets whom no track can continue any more. @param earliestMs when the oldest open track was first seen, or now */
  forget(earliestMs: number, nowMs: number): void {
    this.#lately = this.#lately.filter((one) => this.#isContinued(one, earliestMs) || this.#isCooling(one, nowMs));
  }

  get size(): number {
    return this.#lately.length;
  }

  #isContinued(appearance: Appearance, firstSeenMs: number): boolean {
    return firstSeenMs - appearance.seenAtMs < this.#absenceMs;
  }

  #isCooling(appearance: Appearance, nowMs: number): boolean {
    return nowMs - appearance.announcedAtMs < this.#coolDownMs;
  }

  #isLike(appearance: Appearance, embeddings: readonly Float32Array[]): boolean {
    return embeddings.some((embedding) => cosine(embedding, appearance.embedding) >= this.#sameCosine);
  }
}
