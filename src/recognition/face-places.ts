// The places of the faces before one camera: where they are, where the next frame will show them, and what it must look for there.
import type { FramePace } from '../camera/frame-pace.js';
import type { Box } from '../domain/face.js';
import { DOUBTFUL_GAP_MS, type PathTracker } from './path-tracker.js';
import { MIN_RECHECK_MS, type Track } from './track.js';
import type { Tracks } from './tracks.js';

export interface FacePlacesParts {
  paths: PathTracker;
  tracks: Tracks;
  pace: Pick<FramePace, 'intervalMs'>;
}

/** Boxes are in pixels of the frame. Times are parameters and must not decrease. */
export class FacePlaces {
  readonly #parts: FacePlacesParts;

  constructor(parts: FacePlacesParts) {
    this.#parts = parts;
  }

  /** Returns the tracks of the newest frame with their places. */
  inSight(atMs: number): { track: Track; box: Box }[] {
    const { paths, tracks } = this.#parts;
    return tracks.inSight().flatMap(([pathId, track]) => {
      const box = paths.expectedAt(pathId, atMs);
      return box ? [{ track, box }] : [];
    });
  }

  /** Returns where the matched persons are. */
  matched(atMs: number): Box[] {
    return this.#listBoxes(atMs, ({ decision, isDoubtful }) => decision?.type === 'match' && !isDoubtful);
  }

  /** Returns where the next frame will show faces that need no shot. @param nextMs time of that frame */
  settled(nextMs: number): Box[] {
    const isDoubtNext = this.#isDoubtNext;
    return this.#listBoxes(nextMs, (track) => {
      if (track.isDue(nextMs)) return false;
      return !isDoubtNext || nextMs - track.checkedAtMs < MIN_RECHECK_MS;
    });
  }

  /** Returns where the next frame will show faces of which no shot will be embedded. @param nextMs time of that frame */
  resting(nextMs: number): Box[] {
    return this.#listBoxes(nextMs, (track) => !track.mayTakeShot(nextMs));
  }

  /**
   * Returns where the next frame will show the faces in sight, where all of them are settled and nothing is in doubt. Everybody whose face was
   * seen lately must be in sight.
   * @param nextMs time of that frame
   * @returns none where nobody is in sight; undefined where the next frame must be searched as a whole
   */
  known(nextMs: number): Box[] | undefined {
    const { paths, tracks } = this.#parts;
    if (this.#isDoubtNext || !paths.areAllSeen) return undefined;
    const isAllSettled = tracks.all().every(({ state, isDoubtful }) => state === 'settled' && !isDoubtful);
    const boxes = this.inSight(nextMs).map(({ box }) => box);
    return isAllSettled && boxes.length === paths.size ? boxes : undefined;
  }

  /** Frames that are far apart put every step in doubt, so that each face must be compared again, and needs its crop. */
  get #isDoubtNext(): boolean {
    return this.#parts.pace.intervalMs > DOUBTFUL_GAP_MS;
  }

  #listBoxes(atMs: number, isWanted: (track: Track) => boolean): Box[] {
    return this.inSight(atMs).flatMap(({ track, box }) => (isWanted(track) ? box : []));
  }
}
