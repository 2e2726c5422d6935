// The challenges at one camera: issues them, bounds how many a person and a track get, lists and publishes them.
import type { ChallengeSink, ChallengeState, HeadChallenge, HeadSide } from '../domain/challenge.js';
import type { Face } from '../domain/face.js';
import type { Clock } from '../domain/time.js';
import { Challenge, CHALLENGE_MS, type ChallengeStanding } from './challenge.js';
import { HeadTurn } from './head-turn.js';
import type { Track } from './track.js';

/** Limit of challenges on one track: whoever guesses the side is right half of the time. */
const MAX_PER_TRACK = 3;
/** Time from a failed challenge to the next one of the same person; it doubles with each further failure in a row. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;
/** Failures are forgotten after this time without another one. */
const FORGIVEN_AFTER_MS = 600_000;
/** Limit of persons whose failures are remembered; beyond it the oldest is forgotten. */
const MAX_PERSONS = 1_024;

export interface ChallengesParts {
  cameraId: string;
  /** True where the picture shows the world as a mirror does. */
  isMirrored: boolean;
  sink: ChallengeSink;
  /** Chooses a side that nobody can predict. */
  chooseSide: () => HeadSide;
  clock: Clock;
  /** Milliseconds that never go back, as performance.now: nobody gets more time because the clock is set. */
  monotonic: Clock;
}

interface Failures {
  count: number;
  lastMs: number;
}

export class Challenges {
  readonly #parts: ChallengesParts;
  readonly #open = new Map<number, { track: Track; challenge: Challenge }>();
  /** Failures in a row, by the key of the person: the one who failed last comes last. */
  readonly #failures = new Map<string, Failures>();
  readonly counts = { challenges: 0, challengesPassed: 0, challengesFailed: 0 };

  constructor(parts: ChallengesParts) {
    this.#parts = parts;
  }

  /**
   * Issues a challenge to the person on a track. The face must look ahead.
   * @param nowMs time of the track
   * @returns whether it was issued; otherwise it may be tried again with a later frame
   */
  begin(track: Track, person: string, nowMs: number): boolean {
    const { clock, monotonic, chooseSide } = this.#parts;
    const monotonicMs = monotonic();
    if (this.isSpent(track) || this.#isPausing(person, monotonicMs) || !track.turn?.begin(nowMs)) return false;
    const challenge = new Challenge({ person, side: chooseSide(), issuedAtMs: clock(), monotonicMs });
    track.challenge = challenge;
    track.challenges++;
    this.counts.challenges++;
    this.#open.set(track.trackId, { track, challenge });
    this.#publish(track, challenge, 'open');
    return true;
  }

  /** Returns whether the track has had all its challenges. */
  isSpent(track: Pick<Track, 'challenges'>): boolean {
    return track.challenges >= MAX_PER_TRACK;
  }

  /** Returns how the challenge of a track stands; undefined where there is none. */
  judge({ challenge }: Track): ChallengeStanding | undefined {
    return challenge?.judge(this.#parts.monotonic());
  }

  /** Takes a frame of the face of a track. @returns whether its shot would be an answer to the challenge of the track */
  watch(track: Track, face: Face, nowMs: number): boolean {
    const { isMirrored, monotonic } = this.#parts;
    track.turn ??= new HeadTurn(isMirrored);
    const side = track.turn.add(face, nowMs);
    return side !== undefined && track.challenge?.turn(side, monotonic()) === true;
  }

  /** Ends the challenge of a track, if there is one, because the track is decided. @param isFailure whether the person failed it */
  end(track: Track, isFailure: boolean): void {
    const { challenge } = track;
    if (!challenge) return;
    const hasPassed = this.judge(track) === 'passed';
    if (isFailure) {
      this.counts.challengesFailed++;
      this.#addFailure(challenge.person);
    } else if (hasPassed) {
      this.counts.challengesPassed++;
      this.#failures.delete(challenge.person);
      track.challenges = 0;
    }
    this.#close(track, isFailure ? 'failed' : hasPassed ? 'passed' : 'withdrawn');
  }

  /** Ends all challenges without a result: the tracks are forgotten. */
  withdrawAll(): void {
    for (const { track } of [...this.#open.values()]) this.#close(track, 'withdrawn');
  }

  /** Returns the challenges that can still be answered, the oldest first. */
  list(): HeadChallenge[] {
    const monotonicMs = this.#parts.monotonic();
    return [...this.#open.values()]
      .filter(({ challenge }) => challenge.judge(monotonicMs) === 'open')
      .map(({ track, challenge }) => this.#describe(track, challenge, 'open'));
  }

  #close(track: Track, state: ChallengeState): void {
    const { challenge } = track;
    track.challenge = undefined;
    track.turn?.reset();
    this.#open.delete(track.trackId);
    if (challenge) this.#publish(track, challenge, state);
  }

  #isPausing(person: string, monotonicMs: number): boolean {
    const failures = this.#failures.get(person);
    if (!failures) return false;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures.count - 1));
    return monotonicMs - failures.lastMs < pauseMs;
  }

  #addFailure(person: string): void {
    const lastMs = this.#parts.monotonic();
    const before = this.#failures.get(person);
    const isRecent = before !== undefined && lastMs - before.lastMs < FORGIVEN_AFTER_MS;
    this.#failures.delete(person);
    this.#failures.set(person, { count: isRecent ? before.count + 1 : 1, lastMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MAX_PERSONS && oldest !== undefined) this.#failures.delete(oldest);
  }

  #publish(track: Track, challenge: Challenge, state: ChallengeState): void {
    this.#parts.sink.publishChallenge(this.#describe(track, challenge, state));
  }

  #describe({ trackId }: Track, { side, issuedAtMs }: Challenge, state: ChallengeState): HeadChallenge {
    const { cameraId } = this.#parts;
    return { cameraId, trackId, side, state, issuedAtMs, expiresAtMs: issuedAtMs + CHALLENGE_MS };
  }
}
