// Which face goes along which path: places are followed by the tracker, but whose they are is told by embeddings where it is in doubt.
import { Subject } from './track.js';
import type { Link } from './path-tracker.js';

/** The look of one shot, on the path where it was seen. */
export interface Look {
  pathId: number;
  embedding: Float32Array;
  quality: number;
}

export interface IdentitiesParts {
  /** Cosine from which two shots are of the same face. */
  sameCosine: number;
  /** A face that has lost its path is remembered for so long. */
  gapMs: number;
  /** Embeddings that a decision may cost. */
  shotLimit: number;
}

/** Times are passed in and must not fall. */
export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #byPath = new Map<number, Subject>();
  /** Without a path: another face was seen where they were expected. */
  readonly #lost = new Set<Subject>();
  #pathsInSight = new Set<number>();
  #lastTrackId = 0;
  /** How often a shot showed that a path had come to another face. */
  switches = 0;

  constructor(parts: IdentitiesParts) {
    this.#parts = parts;
  }

  /** Subjects so far. */
  get count(): number {
    return this.#lastTrackId;
  }

  /** Those on a path, in sight or not, and those that lost theirs. */
  all(): Subject[] {
    return [...this.#byPath.values(), ...this.#lost];
  }

  /** Those in sight, with the paths they are on. */
  inSight(): (readonly [pathId: number, subject: Subject])[] {
    return [...this.#byPath].filter(([pathId]) => this.#pathsInSight.has(pathId));
  }

  /** One frame. @returns the subject of each link */
  see(links: readonly Link[], nowMs: number): Subject[] {
    this.#pathsInSight = new Set(links.map(({ trackId }) => trackId));
    return links.map(({ trackId, isDoubtful }) => {
      const subject = this.#byPath.get(trackId) ?? this.#begin(trackId, nowMs);
      if (isDoubtful) subject.doubt();
      if (!subject.isDoubtful) subject.confirm(nowMs);
      return subject;
    });
  }

  /**
   * Whom a shot shows. In doubt it is compared with what its path's subject is known by: if it is somebody else, the path goes to one
   * whose whereabouts are in doubt as well (who takes over, and leaves their own path in exchange), or to a new subject. The first shot
   * of a new path may be of somebody who was lost from sight.
   */
  identify({ pathId, embedding, quality }: Look, nowMs: number): Subject {
    const subject = this.#byPath.get(pathId) ?? this.#begin(pathId, nowMs);
    const look = { embedding, quality };
    const isInQuestion = subject.isDoubtful || subject.state !== 'open';
    if (subject.isKnown && (!isInQuestion || this.#isLike(subject, embedding))) {
      subject.confirm(nowMs, look);
      return subject;
    }
    const other = this.#elsewhere(subject, embedding, nowMs);
    if (other) {
      this.#takeOver(pathId, other, subject);
      other.confirm(nowMs, look);
      return other;
    }
    if (!subject.isKnown) {
      subject.confirm(nowMs, look);
      return subject;
    }
    this.switches++;
    this.#lost.add(subject);
    const somebody = this.#begin(pathId, nowMs);
    somebody.confirm(nowMs, look);
    return somebody;
  }

  /** @returns whoever was on the path */
  endPath(pathId: number): Subject[] {
    const subject = this.#byPath.get(pathId);
    this.#byPath.delete(pathId);
    return subject ? [subject] : [];
  }

  /** @returns those that were not found again in time */
  endLost(nowMs: number): Subject[] {
    const over = [...this.#lost].filter(({ lastSeenMs }) => nowMs - lastSeenMs >= this.#parts.gapMs);
    over.forEach((subject) => this.#lost.delete(subject));
    return over;
  }

  endAll(): Subject[] {
    const all = this.all();
    this.#byPath.clear();
    this.#lost.clear();
    return all;
  }

  #begin(pathId: number, nowMs: number): Subject {
    const subject = new Subject(++this.#lastTrackId, this.#parts.shotLimit, nowMs);
    this.#byPath.set(pathId, subject);
    return subject;
  }

  #isLike(subject: Subject, embedding: Float32Array): boolean {
    return subject.likenessOf(embedding) >= this.#parts.sameCosine;
  }

  /** The most alike of those who may be here: lost, out of sight, or in doubt themselves, and not for long. */
  #elsewhere(subject: Subject, embedding: Float32Array, nowMs: number): Subject | undefined {
    const { gapMs } = this.#parts;
    const onPaths = [...this.#byPath]
      .filter(([pathId, other]) => other.isDoubtful || !this.#pathsInSight.has(pathId))
      .map(([, other]) => other);
    return [...onPaths, ...this.#lost]
      .filter((other) => other !== subject && nowMs - other.lastSeenMs < gapMs && this.#isLike(other, embedding))
      .sort((a, b) => b.likenessOf(embedding) - a.likenessOf(embedding))[0];
  }

  #takeOver(pathId: number, other: Subject, subject: Subject): void {
    this.#lost.delete(other);
    const otherPath = [...this.#byPath].find(([, one]) => one === other)?.[0];
    if (otherPath !== undefined) this.#byPath.delete(otherPath);
    this.#byPath.set(pathId, other);
    // A subject without a shot was never anybody else.
    if (!subject.isKnown) return;
    this.switches++;
    if (otherPath !== undefined && this.#pathsInSight.has(otherPath)) {
      this.#byPath.set(otherPath, subject);
      subject.doubt();
    } else {
      this.#lost.add(subject);
    }
  }
}
