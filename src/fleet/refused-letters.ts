// The letters that a door has refused: counted, and noted in the audit log once for each incident.
import type { JoinedFleet } from './joined-fleet.js';
import type { LetterRefusal } from './signed-letter.js';

export class RefusedLetters {
  readonly #joined: JoinedFleet;
  readonly #what: string;
  readonly #counts: Partial<Record<LetterRefusal, number>> = {};
  /** Refusal that was noted last; undefined after a letter that was good. */
  #noted: LetterRefusal | undefined;

  /** @param what kind of the letters, for the audit log */
  constructor(joined: JoinedFleet, what: string) {
    this.#joined = joined;
    this.#what = what;
  }

  /** Number of letters that were refused, by reason. */
  get counts(): Readonly<Partial<Record<LetterRefusal, number>>> {
    return this.#counts;
  }

  /** Counts a refused letter. @throws AppError STORE_UNAVAILABLE */
  async refuse(refusal: LetterRefusal): Promise<void> {
    this.#counts[refusal] = (this.#counts[refusal] ?? 0) + 1;
    if (this.#noted === refusal) return;
    const subject = { fleet: this.#joined.fleet ?? '', what: this.#what, reason: refusal };
    await this.#joined.note([{ action: 'fleet.attacked', actor: 'fleet', subject }]);
    this.#noted = refusal;
  }

  /** Notes a good letter: the next refusal is another incident. */
  accept(): void {
    this.#noted = undefined;
  }
}
