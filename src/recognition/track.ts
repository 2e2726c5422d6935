// One track: everything that is known of one face before one camera, from its first sight to its last.
import { correctedCosine } from '../domain/bias.js';
import type { EmbeddedFace } from '../domain/embedding.js';
import type { Face } from '../domain/face.js';
import type { Appearance } from './appearances.js';
import { BestShots } from './best-shots.js';
import type { Challenge } from './challenge.js';
import type { Decision } from './decision.js';
import type { HeadTurn } from './head-turn.js';
import type { AgreeingShot } from './identity.js';
import type { LivenessSample } from './liveness.js';
import { PresentationEvidence } from './presentation-evidence.js';
import type { ReferenceShot, SearchedShot } from './shot.js';

/** Interval of the checks that a decided track still shows the same face; and the same while every step is in doubt. */
const RECHECK_MS = 5_000;
export const MIN_RECHECK_MS = 500;
/** A face is recognised again by the newest and the best of its shots; more of them would add nothing. */
const MAX_REFERENCES = 3;
/** Limit of searched shots and of liveness samples, for a track that stays undecided for long. */
const MAX_SHOTS = 32;
/** Limit of crops among them, of 37 kB each, where crops are kept at all: an event shows a recent one. */
const MAX_CROPS = 8;

/**
 * `open`: shots are collected until it is decided who the track shows. `provisional`: it had a spoof or an uncertain event, and may still
 * become a match. `settled`: nothing more is to be decided; now and then a check makes sure that it still shows the same face.
 */
export type TrackState = 'open' | 'provisional' | 'settled';

/** Figures of one searched shot. `similarity` and `threshold` are absent in an empty group. */
export interface ShotFigures {
  similarity?: number;
  threshold?: number;
  quality: number;
  recognisability?: number;
  masked?: boolean;
}

/** Embeddings are held in memory only, as long as the track. Times are parameters and must not decrease. */
export class Track {
  readonly trackId: number;
  readonly firstSeenMs: number;
  /** Last time at which the track showed this face for sure. */
  lastSeenMs: number;
  state: TrackState = 'open';
  /** True when the track may show another face by now; the next shot decides. */
  isDoubtful = false;
  /** Time of the last shot that showed whose face it is. */
  checkedAtMs: number;

  bestShots: BestShots;
  /** True when a few more agreeing shots could decide. */
  isDecisionNear = true;
  /** Searched shots, in the order of their embedding. */
  shots: SearchedShot[] = [];
  /** Liveness of all shots so far, with the person that each of them agreed on. */
  readonly liveness: (LivenessSample & { person: string | undefined; atMs: number })[] = [];

  /** Evidence of a print or a screen, from every frame of the track. */
  readonly evidence = new PresentationEvidence();

  /** How the head turns; absent where the camera issues no challenges. */
  turn: HeadTurn | undefined;
  /** The challenge that is not evaluated yet, and the number of challenges so far. */
  challenge: Challenge | undefined;
  challenges = 0;

  /** The person that enough shots agreed on, while the liveness is not decided yet. */
  agreed: { person: string; agreeing: AgreeingShot<SearchedShot>[]; sinceMs: number } | undefined;
  /** The last decision, and the person that it is about. */
  decision: Decision | undefined;
  person: string | undefined;
  /** The matched face; undefined where the decision is no match. */
  matched: { faceId: string; externalImageId?: string | undefined } | undefined;
  /** Quality of the face in the newest frame, 0..1, while the track is not settled. */
  quality: number | undefined;
  /** Figures of the newest shot, for viewers; they outlive the shots of a settled track. */
  newest: ShotFigures | undefined;
  appearance: Appearance | undefined;
  /** Time of the next shot of a provisional track, or of the next decision on a settled one that is in its cool-down. */
  dueAtMs: number | undefined;
  /** No shot is taken before this time: the last one was not recognisable. */
  notBeforeMs = 0;
  /** Number of times that it was decided again after it was unknown. */
  redecisions = 0;

  readonly #references: ReferenceShot[] = [];

  constructor(trackId: number, shotLimit: number, nowMs: number) {
    this.trackId = trackId;
    this.bestShots = new BestShots(shotLimit);
    this.firstSeenMs = nowMs;
    this.lastSeenMs = nowMs;
    this.checkedAtMs = nowMs;
  }

  /** True when at least one shot showed the face. */
  get hasReference(): boolean {
    return this.#references.length > 0;
  }

  /** Returns whether a shot would be useful at a time. */
  isDue(atMs: number): boolean {
    if (atMs < this.notBeforeMs) return false;
    if (this.state === 'open' || this.isDoubtful) return true;
    return atMs - this.checkedAtMs >= RECHECK_MS || (this.dueAtMs !== undefined && atMs >= this.dueAtMs);
  }

  /** Returns whether a shot at a time will be embedded, if it is a good one. */
  mayTakeShot(atMs: number): boolean {
    if (this.state !== 'open') return this.isDue(atMs);
    return atMs >= this.notBeforeMs && this.bestShots.isExpecting(atMs, this.isDecisionNear);
  }

  /**
   * Returns the greatest corrected cosine with the reference shots, -1..1: two people with a mask each must not pass for one when one takes
   * the place of the other.
   */
  compare(face: EmbeddedFace): number {
    return Math.max(-1, ...this.#references.map((reference) => correctedCosine(reference, face)));
  }

  /** Notes that the track shows this face for sure. @param reference the shot that showed it */
  confirm(nowMs: number, reference?: ReferenceShot): void {
    this.lastSeenMs = nowMs;
    if (this.appearance) this.appearance.lastSeenMs = nowMs;
    if (!reference) return;
    this.isDoubtful = false;
    this.checkedAtMs = nowMs;
    this.evidence.confirm();
    this.#references.push(reference);
    if (this.#references.length <= MAX_REFERENCES) return;
    // The newest one stays: a face changes with the light and with glasses.
    const worst = this.#references.slice(0, -1).reduce((a, b) => (b.quality < a.quality ? b : a));
    this.#references.splice(this.#references.indexOf(worst), 1);
  }

  /**
   * Marks the track as doubtful: its next shots may show another person.
   * @param isLate whether the time since the frame before is the only doubt; the evidence so far then counts on if a shot shows the same face
   */
  doubt(isLate = false): void {
    this.isDoubtful = this.hasReference;
    this.bestShots.forgetWaiting();
    if (isLate && this.hasReference) this.evidence.hold();
    else this.evidence.interrupt();
    this.turn?.interrupt();
  }

  /** Takes a frame of the face. */
  see(face: Face, nowMs: number): void {
    this.evidence.add(face, nowMs);
    this.quality = face.quality && Math.min(1, face.quality.overall);
  }

  /** Adds a searched shot, with the person that it agrees on. */
  add(shot: SearchedShot, person: string | undefined): void {
    this.shots = [...this.shots, shot].slice(-MAX_SHOTS);
    delete this.shots[this.shots.length - 1 - MAX_CROPS]?.crop;
    const { livenessScore: score, quality, atMs } = shot;
    this.newest = describeShot(shot);
    if (score === undefined) return;
    this.liveness.push({ score, quality, person, atMs });
    if (this.liveness.length > MAX_SHOTS) this.liveness.shift();
  }

  /** Begins a new decision. */
  reopen(shotLimit: number): void {
    this.state = 'open';
    this.bestShots = new BestShots(shotLimit);
    this.isDecisionNear = true;
    this.shots = [];
    this.agreed = undefined;
    this.dueAtMs = undefined;
  }
}

function describeShot({ candidates, quality, condition, masked }: SearchedShot): ShotFigures {
  const [nearest] = candidates;
  return {
    ...(nearest && { similarity: nearest.similarity, threshold: nearest.group.threshold }),
    quality,
    ...(condition && { recognisability: condition.recognisability }),
    ...(masked !== undefined && { masked }),
  };
}
