// Says of each appearance once what was decided, and keeps silent about those that go on in another track.
import { AppError, messageOf } from '../errors.js';
import type { CameraConfig } from '../config/schema.js';
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import type { EventSink } from '../events/event.js';
import { Appearances, type Appearance } from './appearances.js';
import type { Candidate } from './decide.js';
import { draftEvent, shotToShow, type SeenShot } from './draft-event.js';

/** A track that was decided. */
export interface DecidedTrack {
  trackId: number;
  firstSeenMs: number;
  lastSeenMs: number;
}

export interface AnnouncerParts {
  config: CameraConfig;
  events: EventSink;
  modelVersion: string;
  /** From which two strangers are one. */
  sameCosine: number;
  clock: Clock;
  log: Log;
}

/** The result of a decision: the appearance to keep alive while the track is seen, and the event on its way, if there is one. */
export interface Announcement {
  appearance: Appearance;
  /** Never rejects. */
  emission?: Promise<void>;
}

export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #appearances: Appearances;
  #isFailing = false;
  readonly counts = {
    matches: 0,
    unknowns: 0,
    /** Decisions about somebody who was announced before their track broke. */
    repeats: 0,
    /** Events that could not be stored, and are lost. */
    lostEvents: 0,
  };

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    const { config, sameCosine } = parts;
    this.#appearances = new Appearances({ absenceMs: config.absenceMs, sameCosine });
  }

  /** @param agreeing the shots that chose this person, with the face that each of them chose */
  match(
    track: DecidedTrack,
    person: string,
    agreeing: readonly { ballot: SeenShot; chosen: Candidate }[],
  ): Announcement {
    const before = this.#appearances.ofPerson(person, track.firstSeenMs);
    if (before) return this.#goesOn(before, track);
    const shown = this.#show(agreeing.map(({ ballot }) => ballot));
    const chosen = agreeing.find(({ ballot }) => ballot === shown)?.chosen;
    return this.#announce('match', track, shown, chosen, person);
  }

  /** @param shots in the order of capture, at least one */
  unknown(track: DecidedTrack, shots: readonly SeenShot[]): Announcement {
    const embeddings = shots.map(({ embedding }) => embedding);
    const before = this.#appearances.ofLikeness(embeddings, track.firstSeenMs);
    if (before) return this.#goesOn(before, track);
    const shown = this.#show(shots);
    return this.#announce('unknown', track, shown, shown.candidates[0]);
  }

  /** Forgets whom no track can continue any more. @param earliestMs when the oldest undecided track was first seen, or now */
  forget(earliestMs: number): void {
    this.#appearances.forget(earliestMs);
  }

  /** What is wrong, for a person. */
  problem(): string | undefined {
    return this.#isFailing ? 'events cannot be stored' : undefined;
  }

  #goesOn(before: Appearance, track: DecidedTrack): Announcement {
    this.counts.repeats++;
    before.seenAtMs = Math.max(before.seenAtMs, track.lastSeenMs);
    return { appearance: before };
  }

  #show(shots: readonly SeenShot[]): SeenShot {
    return shotToShow(shots, this.#parts.config.eventTtlMs);
  }

  #announce(
    type: 'match' | 'unknown',
    { trackId, lastSeenMs }: DecidedTrack,
    shown: SeenShot,
    nearest: Candidate | undefined,
    person?: string,
  ): Announcement {
    const { config, modelVersion, clock } = this.#parts;
    const appearance: Appearance = { person, embedding: shown.embedding, seenAtMs: lastSeenMs };
    this.#appearances.add(appearance);
    this.counts[type === 'match' ? 'matches' : 'unknowns']++;
    const input = { type, trackId, shown, nearest, modelVersion, decidedAtMs: clock() };
    return { appearance, emission: this.#emit(draftEvent(config, input)) };
  }

  async #emit(draft: Parameters<EventSink['emit']>[0]): Promise<void> {
    const { events, log, config } = this.#parts;
    try {
      await events.emit(draft);
      this.#isFailing = false;
    } catch (error) {
      this.counts.lostEvents++;
      const code = error instanceof AppError ? error.code : 'INTERNAL';
      if (!this.#isFailing)
        log.error({ cameraId: config.id, code, reason: messageOf(error) }, 'an event could not be stored');
      this.#isFailing = true;
    }
  }
}
