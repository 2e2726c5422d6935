// One challenge to the person on a track: turn your head to one side, in time. It is answered by shots that still show this person.
import type { HeadSide } from '../domain/challenge.js';

/** Time that a person has. */
export const CHALLENGE_MS = 3_000;
/** Number of turned shots that must agree on the person, and of frames turned to the other side that fail: one frame may deceive. */
const CONFIRMING_SHOTS = 2;
const WRONG_FRAMES = 2;

export type ChallengeStanding = 'open' | 'passed' | 'failed';

/** Times are those of the monotonic clock. */
export class Challenge {
  /** Key of the person that the shots agreed on. */
  readonly person: string;
  /** Side as the person sees it. */
  readonly side: HeadSide;
  /** Epoch, ms: for the messages only. */
  readonly issuedAtMs: number;
  readonly #deadlineMs: number;
  #confirmed = 0;
  #wrong = 0;
  #hasFailed = false;

  constructor(start: { person: string; side: HeadSide; issuedAtMs: number; monotonicMs: number }) {
    this.person = start.person;
    this.side = start.side;
    this.issuedAtMs = start.issuedAtMs;
    this.#deadlineMs = start.monotonicMs + CHALLENGE_MS;
  }

  /** Returns how it stands. A challenge that is passed or failed stays so. */
  judge(monotonicMs: number): ChallengeStanding {
    if (this.#confirmed >= CONFIRMING_SHOTS) return 'passed';
    if (!this.#hasFailed && monotonicMs >= this.#deadlineMs) this.#hasFailed = true;
    return this.#hasFailed ? 'failed' : 'open';
  }

  /**
   * Takes a frame in which the head is turned.
   * @returns whether its shot would be an answer
   */
  turn(side: HeadSide, monotonicMs: number): boolean {
    if (this.judge(monotonicMs) !== 'open') return false;
    if (side === this.side) return true;
    this.#wrong++;
    if (this.#wrong >= WRONG_FRAMES) this.#hasFailed = true;
    return false;
  }

  /**
   * Takes the answer: a shot of the turned head.
   * @param person the person that the shot agrees on; a shot that agrees on nobody is no answer, and one of somebody else fails
   */
  answer(person: string | undefined): void {
    if (this.#hasFailed || person === undefined) return;
    if (person === this.person) this.#confirmed++;
    else this.#hasFailed = true;
  }

  fail(): void {
    this.#hasFailed = true;
  }
}
