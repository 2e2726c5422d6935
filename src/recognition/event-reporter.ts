// Turns decisions into events: at most one event of each type for each appearance, over all its tracks.
import type { EventCount } from '../camera/frame-consumer.js';
import type { CameraConfig } from '../config/camera-schema.js';
import type { FaceCondition } from '../domain/condition.js';
import type { Log } from '../domain/log.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { EventDraft, EventSink } from '../events/event.js';
import type { GroundsDraft } from '../events/grounds.js';
import { Appearances, type Appearance, type TrackProbe } from './appearances.js';
import type { Decision } from './decision.js';
import { chooseShownShot, decideMasked, draftEvent } from './draft-event.js';
import { draftGrounds } from './draft-grounds.js';
import type { Patience } from './patience.js';
import type { SearchedShot } from './shot.js';
import type { TrackDecision } from './track-decision.js';

/** Limit of a JPEG in an event, whose base64 has at most 100,000 characters. */
const MAX_SNAPSHOT_BYTES = 74_000;

/** Face of an unknown person that had an event. */
export interface UnknownShot {
  cameraId: string;
  trackId: number;
  capturedAtMs: number;
  /** Aligned crop, as `Face.crop`. */
  crop: Uint8Array;
  /** L2-normalised. */
  embedding: Float32Array;
  condition?: FaceCondition | undefined;
  /** 0..1 */
  quality: number;
  modelVersion: string;
}

/** Keeps the faces of unknown persons for as long as the configuration says. */
export interface UnknownFaceKeeper {
  keep(face: UnknownShot): void;
}

export interface EventReporterParts {
  config: CameraConfig;
  /** Limits that follow the pace of the camera. */
  patience: Pick<Patience, 'absenceMs'>;
  events: EventSink;
  modelVersion: string;
  /** Cosine from which two faces are of one unknown person. */
  sameCosine: number;
  /** Encodes an aligned crop as JPEG, for the snapshots in events. */
  encodeCrop?: ((crop: Uint8Array) => Uint8Array) | undefined;
  unknownFaces?: UnknownFaceKeeper | undefined;
  clock: Clock;
  log: Log;
}

export type ReportResult =
  /** An event was made. `stored` resolves when it is stored or could not be; it never rejects. */
  | { kind: 'event'; appearance: Appearance; stored: Promise<void> }
  /** The track continues an appearance that has its event already. */
  | { kind: 'continued'; appearance: Appearance }
  /** The last event of the person is too recent; the track may be decided again at `untilMs`. */
  | { kind: 'cooling-down'; untilMs: number };

/** The types of earlier events after which an appearance has no event of the type. After a match, for example, no further match. */
const SILENCED_BY: Readonly<Record<Decision['type'], readonly Decision['type'][]>> = {
  match: ['match'],
  spoof: ['spoof'],
  uncertain: ['match', 'uncertain', 'spoof'],
  unknown: ['match', 'unknown', 'uncertain', 'spoof'],
};

const COUNTER = { match: 'matches', unknown: 'unknowns', spoof: 'spoofs', uncertain: 'uncertains' } as const;

export class EventReporter {
  readonly #parts: EventReporterParts;
  readonly #appearances: Appearances;
  readonly #eventCounts = new Map<string, Decision & { count: number }>();
  #isFailing = false;
  readonly counts = {
    matches: 0,
    unknowns: 0,
    spoofs: 0,
    uncertains: 0,
    /** Decisions about a person who had an event before their track broke. */
    repeats: 0,
    /** Decisions about a person whose last event is too recent. */
    silenced: 0,
    /** Events that could not be stored, and are lost. */
    lostEvents: 0,
    /** Time from the capture of the newest shot of each match to its decision, summed over all matches. */
    matchMs: 0,
  };

  constructor(parts: EventReporterParts) {
    this.#parts = parts;
    const { config, patience, sameCosine } = parts;
    const { coolDownMs } = config;
    this.#appearances = new Appearances({
      get absenceMs() {
        return patience.absenceMs;
      },
      coolDownMs,
      sameCosine,
    });
  }

  /** Makes the event of a decision, where the appearance has none yet. @param nowMs must not decrease */
  report(decided: TrackDecision, nowMs: number): ReportResult {
    const { decision, firstSeenMs, lastSeenMs, person, shots } = decided;
    const probe: TrackProbe = { person, embeddings: shots.map(({ embedding }) => embedding), firstSeenMs };
    const types = SILENCED_BY[decision.type];
    // For a match only the enrolment counts, not similarity: a similar person may have had an event a moment ago.
    const appearance =
      this.#appearances.findByPerson(types, probe) ??
      (decision.type === 'match' ? undefined : this.#appearances.findBySimilarity(types, probe));
    if (appearance) {
      this.counts.repeats++;
      appearance.lastSeenMs = Math.max(appearance.lastSeenMs, lastSeenMs);
      return { kind: 'continued', appearance };
    }
    const untilMs = this.#appearances.findCoolDownEnd(decision.type, probe, nowMs);
    if (untilMs !== undefined) {
      this.counts.silenced++;
      return { kind: 'cooling-down', untilMs };
    }
    return this.#makeEvent(decided, nowMs);
  }

  /** Returns whether no event would follow from a decision of this type about a recognised person. Changes nothing. */
  isSilenced(type: Decision['type'], probe: TrackProbe, nowMs: number): boolean {
    const earlier = this.#appearances.findByPerson(SILENCED_BY[type], probe);
    return earlier !== undefined || this.#appearances.findCoolDownEnd(type, probe, nowMs) !== undefined;
  }

  /** Returns whether the face of a track was a spoof a moment ago. */
  isSuspect(probe: TrackProbe): boolean {
    const found =
      this.#appearances.findByPerson(['spoof'], probe) ?? this.#appearances.findBySimilarity(['spoof'], probe);
    return found !== undefined;
  }

  /** Forgets appearances that no track can continue. @param earliestMs first sight of the oldest undecided track, or now */
  forget(earliestMs: number, nowMs: number): void {
    this.#appearances.forget(earliestMs, nowMs);
  }

  /** Takes out the time of an interruption between two frames; see `Appearances.bridge`. */
  bridge(beforeMs: number, byMs: number): void {
    this.#appearances.bridge(beforeMs, byMs);
  }

  /** Returns what is wrong, in words for the operator; undefined when all is well. */
  problem(): string | undefined {
    return this.#isFailing ? 'events cannot be stored' : undefined;
  }

  /** Counts events since the start by type and reason, those that could not be stored included. */
  eventCounts(): EventCount[] {
    return [...this.#eventCounts.values()].map((one) => ({ ...one }));
  }

  #makeEvent(decided: TrackDecision, eventAtMs: number): ReportResult {
    const { decision, trackId, lastSeenMs, person, grounds, firstGroup, liveness } = decided;
    const { config, modelVersion, clock } = this.#parts;
    const groundShots = grounds.map(({ shot }) => shot);
    const shown = chooseShownShot(groundShots, config.eventTtlMs);
    const { embedding } = shown;
    const decidedAtMs = clock();
    const nearest = grounds.find(({ shot }) => shot === shown)?.candidate ?? shown.candidates[0];
    const draft = draftEvent(config, {
      decision,
      trackId,
      shown,
      nearest,
      firstGroup,
      liveness,
      masked: decideMasked(groundShots, shown),
      snapshot: this.#encodeSnapshot(shown),
      modelVersion,
      decidedAtMs,
    });
    const appearance: Appearance = { type: decision.type, person, embedding, eventAtMs, lastSeenMs };
    this.#appearances.add(appearance);
    this.#count(decision);
    if (decision.type === 'match') this.#addWait(groundShots, decidedAtMs);
    if (decision.type === 'unknown') this.#keepFace(trackId, shown);
    const beside = draftGrounds(config, decided, { shown, group: nearest?.group ?? firstGroup, modelVersion });
    return { kind: 'event', appearance, stored: this.#store(draft, beside) };
  }

  #addWait(shots: readonly SearchedShot[], decidedAtMs: number): void {
    const newestMs = shots.at(-1)?.capturedAtMs ?? decidedAtMs;
    this.counts.matchMs += Math.max(0, Math.round(decidedAtMs - newestMs));
  }

  #count({ type, reason }: Decision): void {
    this.counts[COUNTER[type]]++;
    const count = (this.#eventCounts.get(reason)?.count ?? 0) + 1;
    this.#eventCounts.set(reason, { type, reason, count });
  }

  /** Encodes the snapshot. A failure is logged, and the event goes out without a snapshot. */
  #encodeSnapshot({ crop }: SearchedShot): Uint8Array | undefined {
    const { config, encodeCrop, log } = this.#parts;
    if (!config.snapshots || !crop || !encodeCrop) return undefined;
    try {
      const jpeg = encodeCrop(crop);
      return jpeg.length <= MAX_SNAPSHOT_BYTES ? jpeg : undefined;
    } catch (error) {
      log.warn({ cameraId: config.id, reason: describeError(error) }, 'a snapshot could not be encoded');
      return undefined;
    }
  }

  #keepFace(trackId: number, { crop, embedding, condition, quality, capturedAtMs }: SearchedShot): void {
    const { config, unknownFaces, modelVersion, log } = this.#parts;
    if (!unknownFaces || !crop) return;
    try {
      const face = { cameraId: config.id, trackId, capturedAtMs, crop, embedding, condition, quality, modelVersion };
      unknownFaces.keep(face);
    } catch (error) {
      log.warn(
        { cameraId: config.id, reason: describeError(error) },
        'the face of an unknown person could not be kept',
      );
    }
  }

  /** Stores an event. Never rejects: a failure is counted, declared and logged when it begins. */
  async #store(draft: EventDraft, grounds: GroundsDraft): Promise<void> {
    const { events, log, config } = this.#parts;
    try {
      await events.emit(draft, grounds);
      this.#isFailing = false;
    } catch (error) {
      this.counts.lostEvents++;
      const code = error instanceof AppError ? error.code : 'INTERNAL';
      if (!this.#isFailing) {
        log.error({ cameraId: config.id, code, reason: describeError(error) }, 'an event could not be stored');
      }
      this.#isFailing = true;
    }
  }
}
