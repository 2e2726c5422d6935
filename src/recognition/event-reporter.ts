// Says of each appearance once what was decided, and keeps silent about those that go on in another track.
import { AppError, describeError } from '../errors.js';
import type { CameraConfig } from '../config/schema.js';
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import type { EventDraft, EventSink, Reason } from '../events/event.js';
import { Appearances, type Appearance, type Probe } from './appearances.js';
import type { Candidate, CandidateGroup } from './identity.js';
import { draftEvent, majorityMasked, shotToShow, type SeenShot } from './draft-event.js';
import type { Outcome } from './decision.js';

/** Base64 of 100,000 characters at most is in an event. */
const MOST_SNAPSHOT_BYTES = 74_000;

/** A stranger who was announced. */
export interface StrangerFace {
  cameraId: string;
  trackId: number;
  capturedAtMs: number;
  /** Aligned crop, as `Face.crop`. */
  crop: Uint8Array;
  embedding: Float32Array;
  /** 0..1 */
  quality: number;
  modelVersion: string;
}

/** Keeps the faces of strangers, where the configuration says for how long. */
export interface StrangerKeeper {
  keep(face: StrangerFace): void;
}

export interface AnnouncerParts {
  config: CameraConfig;
  events: EventSink;
  modelVersion: string;
  /** From which two strangers are one. */
  sameCosine: number;
  /** Aligned crop to JPEG, for the snapshots in events. */
  encodeCrop?: ((crop: Uint8Array) => Uint8Array) | undefined;
  strangers?: StrangerKeeper | undefined;
  clock: Clock;
  log: Log;
}

/** What was decided of a track, and on what grounds. */
export interface Finding {
  outcome: Outcome;
  trackId: number;
  firstSeenMs: number;
  lastSeenMs: number;
  /** The person that frames agreed on, whatever the outcome. */
  person?: string | undefined;
  /** In the order of capture, at least one: those that chose the person, with the face that each of them chose, or all. */
  grounds: readonly { ballot: SeenShot; chosen?: Candidate | undefined }[];
  /** All shots of the track. */
  shots: readonly SeenShot[];
  firstGroup: CandidateGroup;
  liveness: EventDraft['liveness'];
}

/** `silent`: the person's last event is too recent; they may be announced when it is not any more. `emission` never rejects. */
export type Announcement =
  | { kind: 'told'; appearance: Appearance; emission: Promise<void> }
  | { kind: 'goes on'; appearance: Appearance }
  | { kind: 'silent'; untilMs: number };

/** Whose appearance an outcome continues: it is not told again. A match is silenced by a match alone, a spoof by a spoof. */
const CONTINUED: Readonly<Record<Outcome['type'], readonly Outcome['type'][]>> = {
  match: ['match'],
  spoof: ['spoof'],
  uncertain: ['match', 'uncertain', 'spoof'],
  unknown: ['match', 'unknown', 'uncertain', 'spoof'],
};

export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #appearances: Appearances;
  readonly #outcomes = new Map<string, Outcome & { count: number }>();
  #isFailing = false;
  readonly counts = {
    matches: 0,
    unknowns: 0,
    spoofs: 0,
    uncertains: 0,
    /** Decisions about somebody who was announced before their track broke. */
    repeats: 0,
    /** Decisions about somebody whose last event is too recent. */
    silenced: 0,
    /** Events that could not be stored, and are lost. */
    lostEvents: 0,
  };

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    const { config, sameCosine } = parts;
    this.#appearances = new Appearances({ absenceMs: config.absenceMs, coolDownMs: config.coolDownMs, sameCosine });
  }

  /** @param nowMs that never falls */
  announce(finding: Finding, nowMs: number): Announcement {
    const { outcome, firstSeenMs, lastSeenMs, person, shots } = finding;
    const probe: Probe = { person, embeddings: shots.map(({ embedding }) => embedding), firstSeenMs };
    const types = CONTINUED[outcome.type];
    // Persons are told apart by their enrolment, not by looks: somebody like them may have been announced a moment ago.
    const before =
      this.#appearances.ofPerson(types, probe) ??
      (outcome.type === 'match' ? undefined : this.#appearances.ofLikeness(types, probe));
    if (before) {
      this.counts.repeats++;
      before.seenAtMs = Math.max(before.seenAtMs, lastSeenMs);
      return { kind: 'goes on', appearance: before };
    }
    const untilMs = this.#appearances.silentUntilMs(outcome.type, probe, nowMs);
    if (untilMs !== undefined) {
      this.counts.silenced++;
      return { kind: 'silent', untilMs };
    }
    return this.#tell(finding, nowMs);
  }

  /** Whether the face of this track was a spoof a moment ago. */
  isSuspect(probe: Probe): boolean {
    const found = this.#appearances.ofPerson(['spoof'], probe) ?? this.#appearances.ofLikeness(['spoof'], probe);
    return found !== undefined;
  }

  /** Forgets whom no track can continue any more. @param earliestMs when the oldest undecided track was first seen, or now */
  forget(earliestMs: number, nowMs: number): void {
    this.#appearances.forget(earliestMs, nowMs);
  }

  /** What is wrong, for a person. */
  problem(): string | undefined {
    return this.#isFailing ? 'events cannot be stored' : undefined;
  }

  /** Events since the start, by type and reason; those that could not be stored are among them. */
  eventCounts(): { type: Outcome['type']; reason: Reason; count: number }[] {
    return [...this.#outcomes.values()].map((one) => ({ ...one }));
  }

  #tell(finding: Finding, announcedAtMs: number): Announcement {
    const { outcome, trackId, lastSeenMs, person, grounds, shots, firstGroup, liveness } = finding;
    const { config, modelVersion, clock } = this.#parts;
    const shown = shotToShow(
      grounds.map(({ ballot }) => ballot),
      config.eventTtlMs,
    );
    const { embedding } = shown;
    const appearance: Appearance = {
      type: outcome.type,
      person,
      embedding,
      announcedAtMs,
      seenAtMs: lastSeenMs,
    };
    this.#appearances.add(appearance);
    this.#count(outcome);
    const draft = draftEvent(config, {
      outcome,
      trackId,
      shown,
      nearest: grounds.find(({ ballot }) => ballot === shown)?.chosen ?? shown.candidates[0],
      firstGroup,
      liveness,
      masked: majorityMasked(shots, shown),
      snapshot: this.#snapshotOf(shown),
      modelVersion,
      decidedAtMs: clock(),
    });
    if (outcome.type === 'unknown') this.#keep(trackId, shown);
    return { kind: 'told', appearance, emission: this.#emit(draft) };
  }

  #count({ type, reason }: Outcome): void {
    const counter = { match: 'matches', unknown: 'unknowns', spoof: 'spoofs', uncertain: 'uncertains' } as const;
    this.counts[counter[type]]++;
    const count = (this.#outcomes.get(reason)?.count ?? 0) + 1;
    this.#outcomes.set(reason, { type, reason, count });
  }

  /** An event without its picture is better than none. */
  #snapshotOf({ crop }: SeenShot): Uint8Array | undefined {
    const { config, encodeCrop, log } = this.#parts;
    if (!config.snapshots || !crop || !encodeCrop) return undefined;
    try {
      const jpeg = encodeCrop(crop);
      return jpeg.length <= MOST_SNAPSHOT_BYTES ? jpeg : undefined;
    } catch (error) {
      log.warn({ cameraId: config.id, reason: describeError(error) }, 'a snapshot could not be made');
      return undefined;
    }
  }

  #keep(trackId: number, { crop, embedding, quality, capturedAtMs }: SeenShot): void {
    const { config, strangers, modelVersion, log } = this.#parts;
    if (!strangers || !crop) return;
    try {
      strangers.keep({ cameraId: config.id, trackId, capturedAtMs, crop, embedding, quality, modelVersion });
    } catch (error) {
      log.warn({ cameraId: config.id, reason: describeError(error) }, "a stranger's face could not be kept");
    }
  }

  async #emit(draft: EventDraft): Promise<void> {
    const { events, log, config } = this.#parts;
    try {
      await events.emit(draft);
      this.#isFailing = false;
    } catch (error) {
      this.counts.lostEvents++;
      const code = error instanceof AppError ? error.code : 'INTERNAL';
      if (!this.#isFailing)
        log.error({ cameraId: config.id, code, reason: describeError(error) }, 'an event could not be stored');
      this.#isFailing = true;
    }
  }
}
