// Appearances at one camera: the persons who had an event and are still there, so that a broken track gives no second event.
import { cosine } from '../domain/embedding.js';
import type { RecognitionEvent } from '../events/event.js';

/** Limit, far above what passes a door within an absence time; beyond it the oldest is forgotten. */
const MAX_APPEARANCES = 1_024;

/** One continuous presence of a person at a camera, over one or several tracks. It has at most one event of each type. */
export interface Appearance {
  type: RecognitionEvent['type'];
  /** Key of the person that shots agreed on, even where the event names nobody; absent for an unknown person. */
  person?: string | undefined;
  /** Embedding of the shot of the event, L2-normalised. Held in memory only, while the appearance lasts. */
  embedding: Float32Array;
  /** Time of the event. */
  eventAtMs: number;
  lastSeenMs: number;
}

/** The person that a track shows, and the time since when it does. */
export interface TrackProbe {
  person?: string | undefined;
  embeddings: readonly Float32Array[];
  firstSeenMs: number;
}

/** The options are read at each use: the absence time may follow the pace of the camera. */
export interface AppearancesOptions {
  /** An appearance ends after this time out of sight. */
  readonly absenceMs: number;
  /** Nobody has another event of the same type within this time. */
  readonly coolDownMs: number;
  /** Cosine from which two embeddings show the same face. */
  readonly sameCosine: number;
}

/** Times are parameters and must not decrease. */
export class Appearances {
  readonly #options: AppearancesOptions;
  #appearances: Appearance[] = [];

  constructor(options: AppearancesOptions) {
    this.#options = options;
  }

  add(appearance: Appearance): void {
    this.#appearances.push(appearance);
    if (this.#appearances.length > MAX_APPEARANCES) this.#appearances.shift();
  }

  /** Finds the appearance of the person of a track that the track continues. */
  findByPerson(types: readonly Appearance['type'][], { person, firstSeenMs }: TrackProbe): Appearance | undefined {
    if (person === undefined) return undefined;
    return this.#appearances.find(
      (one) => types.includes(one.type) && one.person === person && this.#isContinued(one, firstSeenMs),
    );
  }

  /** Finds the appearance of a similar face that a track continues: of an unknown person, or of a person who is seen worse now. */
  findBySimilarity(types: readonly Appearance['type'][], probe: TrackProbe): Appearance | undefined {
    return this.#appearances.find(
      (one) =>
        types.includes(one.type) && this.#isContinued(one, probe.firstSeenMs) && this.#isSame(one, probe.embeddings),
    );
  }

  /** Returns the end of the cool-down of this person's last event of a type; undefined when there is none. */
  findCoolDownEnd(type: Appearance['type'], { person, embeddings }: TrackProbe, nowMs: number): number | undefined {
    const ends = this.#appearances
      .filter((one) => one.type === type && this.#isCooling(one, nowMs))
      .filter((one) => (person === undefined ? this.#isSame(one, embeddings) : one.person === person))
      .map((one) => one.eventAtMs + this.#options.coolDownMs);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  /** Forgets appearances that no track can continue. @param earliestMs first sight of the oldest undecided track, or now */
  forget(earliestMs: number, nowMs: number): void {
    this.#appearances = this.#appearances.filter(
      (one) => this.#isContinued(one, earliestMs) || this.#isCooling(one, nowMs),
    );
  }

  /**
   * Takes out the time of an interruption between two frames: nobody was seen to go meanwhile.
   * @param beforeMs time of the frame before it; appearances that it showed go on
   * @param byMs duration of the interruption
   */
  bridge(beforeMs: number, byMs: number): void {
    for (const one of this.#appearances) if (one.lastSeenMs >= beforeMs) one.lastSeenMs += byMs;
  }

  get size(): number {
    return this.#appearances.length;
  }

  #isContinued({ lastSeenMs }: Appearance, firstSeenMs: number): boolean {
    return firstSeenMs - lastSeenMs < this.#options.absenceMs;
  }

  #isCooling({ eventAtMs }: Appearance, nowMs: number): boolean {
    return nowMs - eventAtMs < this.#options.coolDownMs;
  }

  #isSame(appearance: Appearance, embeddings: readonly Float32Array[]): boolean {
    return embeddings.some((embedding) => cosine(embedding, appearance.embedding) >= this.#options.sameCosine);
  }
}
