// The tracks of one camera: the path tracker follows places; embeddings decide which track goes along which path where that is in doubt.
import type { EmbeddedFace } from '../domain/embedding.js';
import type { PathStep } from './path-tracker.js';
import type { ReferenceShot } from './shot.js';
import { Track } from './track.js';

export interface TracksParts {
  /** Cosine from which two shots show the same face. */
  sameCosine: number;
  /** A track that has lost its path ends after `gapMs`, which is read for each frame. */
  limits: { readonly gapMs: number };
  /** Number of embeddings that a decision may cost. */
  shotLimit: number;
}

/** Times are parameters and must not decrease. */
export class Tracks {
  readonly #parts: TracksParts;
  readonly #byPath = new Map<number, Track>();
  /** Tracks without a path: another face was seen where theirs was expected. */
  readonly #lost = new Set<Track>();
  #pathsInSight = new Set<number>();
  #lastTrackId = 0;
  /** Number of times that a shot showed another face on a path. */
  switches = 0;

  constructor(parts: TracksParts) {
    this.#parts = parts;
  }

  /** Number of tracks so far. */
  get count(): number {
    return this.#lastTrackId;
  }

  /** Returns all tracks that have not ended: on a path, in sight or not, and those that lost their path. */
  all(): Track[] {
    return [...this.#byPath.values(), ...this.#lost];
  }

  /** Returns the tracks in sight, with their paths. */
  inSight(): (readonly [pathId: number, track: Track])[] {
    return [...this.#byPath].filter(([pathId]) => this.#pathsInSight.has(pathId));
  }

  /** Takes the steps of one frame. @returns each step with its track */
  update(steps: readonly PathStep[], nowMs: number): { step: PathStep; track: Track }[] {
    this.#pathsInSight = new Set(steps.map(({ pathId }) => pathId));
    return steps.map((step) => {
      const track = this.#byPath.get(step.pathId) ?? this.#begin(step.pathId, nowMs);
      if (step.isDoubtful) track.doubt(step.isLate);
      if (!track.isDoubtful) track.confirm(nowMs);
      return { step, track };
    });
  }

  /**
   * Returns the track that a shot shows. In doubt the shot is compared with the reference shots of the track on its path. When it shows
   * another face, the path goes to a track whose place is in doubt as well (which gives its own path in exchange), or to a new track. The
   * first shot of a new path may show a track that was lost from sight.
   */
  identify(pathId: number, shot: ReferenceShot, nowMs: number): Track {
    const { embedding, condition, quality } = shot;
    const reference = { embedding, condition, quality };
    const track = this.#byPath.get(pathId) ?? this.#begin(pathId, nowMs);
    const isInQuestion = track.isDoubtful || track.state !== 'open';
    if (track.hasReference && (!isInQuestion || this.#isSame(track, reference))) {
      track.confirm(nowMs, reference);
      return track;
    }
    const other = this.#findElsewhere(track, reference, nowMs);
    if (other) {
      this.#takeOver(pathId, other, track);
      other.confirm(nowMs, reference);
      return other;
    }
    if (!track.hasReference) {
      track.confirm(nowMs, reference);
      return track;
    }
    this.switches++;
    this.#lost.add(track);
    const added = this.#begin(pathId, nowMs);
    added.confirm(nowMs, reference);
    return added;
  }

  /** Ends a path. @returns the track on it, if any, which has ended with it */
  endPath(pathId: number): Track[] {
    const track = this.#byPath.get(pathId);
    this.#byPath.delete(pathId);
    return track ? [track] : [];
  }

  /** Ends the tracks that were not found again in time. @returns them */
  endLost(nowMs: number): Track[] {
    const { gapMs } = this.#parts.limits;
    const over = [...this.#lost].filter(({ lastSeenMs }) => nowMs - lastSeenMs >= gapMs);
    over.forEach((track) => this.#lost.delete(track));
    return over;
  }

  endAll(): Track[] {
    const all = this.all();
    this.#byPath.clear();
    this.#lost.clear();
    return all;
  }

  #begin(pathId: number, nowMs: number): Track {
    const track = new Track(++this.#lastTrackId, this.#parts.shotLimit, nowMs);
    this.#byPath.set(pathId, track);
    return track;
  }

  #isSame(track: Track, face: EmbeddedFace): boolean {
    return track.compare(face) >= this.#parts.sameCosine;
  }

  /** Returns the most similar of the tracks that may be here: lost, out of sight, or in doubt themselves, and not for long. */
  #findElsewhere(track: Track, face: EmbeddedFace, nowMs: number): Track | undefined {
    const { gapMs } = this.#parts.limits;
    const onPaths = [...this.#byPath]
      .filter(([pathId, other]) => other.isDoubtful || !this.#pathsInSight.has(pathId))
      .map(([, other]) => other);
    return [...onPaths, ...this.#lost]
      .filter((other) => other !== track && nowMs - other.lastSeenMs < gapMs && this.#isSame(other, face))
      .sort((a, b) => b.compare(face) - a.compare(face))[0];
  }

  /** Gives the path of a track to another one. */
  #takeOver(pathId: number, other: Track, track: Track): void {
    this.#lost.delete(other);
    const otherPath = [...this.#byPath].find(([, one]) => one === other)?.[0];
    if (otherPath !== undefined) this.#byPath.delete(otherPath);
    this.#byPath.set(pathId, other);
    // A track without a shot has shown nobody else: it just ends.
    if (!track.hasReference) return;
    this.switches++;
    if (otherPath !== undefined && this.#pathsInSight.has(otherPath)) {
      this.#byPath.set(otherPath, track);
      track.doubt();
    } else {
      this.#lost.add(track);
    }
  }
}
