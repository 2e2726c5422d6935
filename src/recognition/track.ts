// What is known of one face in front of one camera, from its first sight to its last.
import { cosine } from '../domain/embedding.js';
import type { Appearance } from './appearances.js';
import { BestShots } from './best-shots.js';
import type { Vote } from './identity.js';
import type { SeenShot } from './draft-event.js';
import type { Outcome } from './decision.js';
import type { LivenessSample } from './liveness.js';

/** A face is known again by the newest and the best of its shots; more of them would say the same. */
const MOST_KNOWN = 3;
/** Ballots and liveness scores of a track that goes on undecided for long. */
const MOST_SEEN = 32;
/** Crops of them, of 37 kB each, where they are kept at all: an event shows a recent one. */
const MOST_CROPS = 8;

/**
 * `open`: shots are collected until it is decided who it is. `provisional`: announced as a spoof or as uncertain, and watched, since it
 * may still become a match. `settled`: nothing more is to be said; now and then it is made sure that it is still the same face.
 */
export type SubjectState = 'open' | 'provisional' | 'settled';

interface KnownLook {
  embedding: Float32Array;
  quality: number;
}

/** Embeddings are in memory only, and go with the subject. Times are passed in and must not fall. */
export class Subject {
  readonly trackId: number;
  readonly firstSeenMs: number;
  /** When it was last sure that it was this face. */
  lastSeenMs: number;
  state: SubjectState = 'open';
  /** Whether it may be another face by now: the next shot tells. */
  isDoubtful = false;
  /** When a shot last told. */
  checkedAtMs: number;

  shots: BestShots;
  /** Whether a few more agreeing frames could decide. */
  hurried = true;
  /** Ballots in the order of their embedding. */
  seen: SeenShot[] = [];
  /** Of all shots so far, with the person that each of them agreed on. */
  readonly liveness: (LivenessSample & { person: string | undefined })[] = [];

  /** The frames that agreed on a person, while their liveness is not told yet. */
  agreed: { person: string; agreeing: Vote<SeenShot>[]; sinceMs: number } | undefined;
  /** What was announced, and about whom. */
  outcome: Outcome | undefined;
  person: string | undefined;
  appearance: Appearance | undefined;
  /** When it is looked at again: a provisional one for its next shot, a settled one that had to be silent for a new decision. */
  dueAtMs: number | undefined;
  /** How often it was decided anew after it was unknown. */
  secondLooks = 0;

  readonly #known: KnownLook[] = [];

  constructor(trackId: number, shotLimit: number, nowMs: number) {
    this.trackId = trackId;
    this.shots = new BestShots(shotLimit);
    this.firstSeenMs = nowMs;
    this.lastSeenMs = nowMs;
    this.checkedAtMs = nowMs;
  }

  get isKnown(): boolean {
    return this.#known.length > 0;
  }

  /** The greatest cosine with what it is known by, -1..1. */
  likenessOf(embedding: Float32Array): number {
    return Math.max(-1, ...this.#known.map((look) => cosine(look.embedding, embedding)));
  }

  /** It was this face for sure. @param look of the shot that told */
  confirm(nowMs: number, look?: KnownLook): void {
    this.lastSeenMs = nowMs;
    if (this.appearance) this.appearance.seenAtMs = nowMs;
    if (!look) return;
    this.isDoubtful = false;
    this.checkedAtMs = nowMs;
    this.#known.push(look);
    if (this.#known.length <= MOST_KNOWN) return;
    // The newest one stays: faces change, with the light and the glasses.
    const worst = this.#known.slice(0, -1).reduce((a, b) => (b.quality < a.quality ? b : a));
    this.#known.splice(this.#known.indexOf(worst), 1);
  }

  /** From now on its shots may be of somebody else. */
  doubt(): void {
    this.isDoubtful = this.isKnown;
    this.shots.forgetWaiting();
  }

  add(shot: SeenShot, person: string | undefined): void {
    this.seen = [...this.seen, shot].slice(-MOST_SEEN);
    delete this.seen[this.seen.length - 1 - MOST_CROPS]?.crop;
    const { livenessScore: score, quality } = shot;
    if (score === undefined) return;
    this.liveness.push({ score, quality, person });
    if (this.liveness.length > MOST_SEEN) this.liveness.shift();
  }

  /** A new decision, from the beginning. */
  reopen(shotLimit: number): void {
    this.state = 'open';
    this.shots = new BestShots(shotLimit);
    this.hurried = true;
    this.seen = [];
    this.agreed = undefined;
    this.dueAtMs = undefined;
  }
}
