// Recognition at one camera: frames of faces in, one event for each appearance of a person out.
import { AppError, messageOf } from '../errors.js';
import type { CameraConfig } from '../config/schema.js';
import type { Face } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { SimilarityScale } from '../domain/similarity.js';
import type { Clock, Timers } from '../domain/time.js';
import type { EventSink } from '../events/event.js';
import type { Gallery } from '../gallery/gallery.types.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import { Announcer, type Announcement } from './announcer.js';
import type { Appearance } from './appearances.js';
import { BestShots, fitShot, type Shot } from './best-shots.js';
import { decide, decideAtEnd } from './decide.js';
import type { SeenShot } from './draft-event.js';
import { Tracker } from './tracker.js';
import { WatchedGroup } from './watched-group.js';

/**
 * A longer absence time holds for announced persons; a track, told by place alone, does not wait longer for its face: whoever steps
 * into the place of somebody who left would inherit their track, and be silent.
 */
const LONGEST_TRACK_GAP_MS = 1_000;
/** Similarity from which two strangers are one: a false accept in 10,000 comparisons. */
const SAME_STRANGER_SIMILARITY = 80;

export interface RecogniserParts {
  config: CameraConfig;
  vision: Pick<Vision, 'modelVersion' | 'embedCrops'>;
  gallery: Pick<Gallery, 'group' | 'searchByEmbedding'>;
  /** The id of an appKey by its name. */
  ownerOf: (name: string) => string | undefined;
  events: EventSink;
  scale: SimilarityScale;
  clock: Clock;
  timers: Timers;
  log: Log;
}

/** Counters since the service started. */
export interface RecogniserStats {
  openTracks: number;
  tracks: number;
  embedded: number;
  matches: number;
  unknowns: number;
  /** Decisions about somebody who was announced before their track broke. */
  repeats: number;
  /** Tracks that ended with too few good shots to tell anything. */
  undecided: number;
  /** Shots that the full queue refused, and shots that could not be embedded or searched otherwise. */
  refused: number;
  errors: number;
  /** Events that could not be stored. */
  lostEvents: number;
}

/** What is known of one track. */
interface Subject {
  trackId: number;
  firstSeenMs: number;
  lastSeenMs: number;
  shots: BestShots;
  /** In the order of their embedding; emptied by the decision. */
  seen: SeenShot[];
  hurried: boolean;
  /** Set by the decision. */
  appearance?: Appearance;
}

interface Wanted {
  subject: Subject;
  shot: Shot;
}

export class Recogniser {
  readonly #parts: RecogniserParts;
  readonly #group: WatchedGroup;
  readonly #tracker: Tracker;
  readonly #announcer: Announcer;
  readonly #subjects = new Map<number, Subject>();
  /** Capture time that never falls, even where the clock is set back. */
  #nowMs = 0;
  #lastCaptureMs: number | undefined;
  #idleTimer: unknown;
  #idling: Promise<void> = Promise.resolve();
  #stopped = false;
  #isFailing = false;
  #tracks = 0;
  #embedded = 0;
  #undecided = 0;
  #refused = 0;
  #errors = 0;

  constructor(parts: RecogniserParts) {
    const { config, gallery, ownerOf, scale, events, clock, log } = parts;
    const { modelVersion } = parts.vision;
    const sameCosine = scale.toCosine(SAME_STRANGER_SIMILARITY);
    this.#parts = parts;
    this.#group = new WatchedGroup({
      appKey: config.appKey,
      groupId: config.group,
      ownerOf,
      gallery,
      modelVersion,
      scale,
    });
    this.#tracker = new Tracker({ absenceMs: Math.min(config.absenceMs, LONGEST_TRACK_GAP_MS) });
    this.#announcer = new Announcer({ config, events, modelVersion, sameCosine, clock, log });
  }

  /** Takes the frames of one camera in the order of capture, one call after the other. Resolves when its events are stored. */
  async onFrame(frame: AnalysedFrame): Promise<void> {
    if (this.#stopped) return;
    this.#clearIdleTimer();
    this.#advance(frame.capturedAtMs);
    const boxes = frame.faces.map((face) => face.boxPx);
    const { trackIds, ended } = this.#tracker.update(this.#nowMs, boxes);
    const ends = ended.map((trackId) => this.#endTrack(trackId));
    const wanted = frame.faces.flatMap((face, index) => this.#look(trackIds[index], face, frame));
    if (wanted.length > 0) await this.#embed(wanted);
    const decisions = wanted.map(({ subject }) => this.#decide(subject));
    this.#announcer.forget(this.#earliestUndecidedMs());
    await Promise.all([...ends, ...decisions]);
    this.#setIdleTimer();
  }

  /** Nothing is decided after this; resolves when what was decided is stored. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#clearIdleTimer();
    await this.#idling;
  }

  stats(): RecogniserStats {
    return {
      openTracks: this.#tracker.size,
      tracks: this.#tracks,
      embedded: this.#embedded,
      ...this.#announcer.counts,
      undecided: this.#undecided,
      refused: this.#refused,
      errors: this.#errors,
    };
  }

  health(): Health {
    const problem =
      this.#group.problem() ??
      this.#announcer.problem() ??
      (this.#isFailing ? 'faces cannot be embedded or searched' : undefined);
    return problem === undefined ? { status: 'ok' } : { status: 'degraded', detail: problem };
  }

  /** @returns the shot to embed now, if the track of this face needs one */
  #look(trackId: number, face: Face, frame: AnalysedFrame): Wanted[] {
    const subject = this.#subjects.get(trackId) ?? this.#newSubject(trackId);
    subject.lastSeenMs = this.#nowMs;
    if (subject.appearance) {
      subject.appearance.seenAtMs = this.#nowMs;
      return [];
    }
    const shot = subject.shots.take(fitShot(face, frame), this.#nowMs, subject.hurried);
    return shot ? [{ subject, shot }] : [];
  }

  #newSubject(trackId: number): Subject {
    const nowMs = this.#nowMs;
    const shots = new BestShots(this.#parts.config.outOf);
    const subject: Subject = { trackId, firstSeenMs: nowMs, lastSeenMs: nowMs, shots, seen: [], hurried: true };
    this.#subjects.set(trackId, subject);
    this.#tracks++;
    return subject;
  }

  /** All shots of a frame in one batch. */
  async #embed(wanted: readonly Wanted[]): Promise<void> {
    try {
      const embeddings = await this.#parts.vision.embedCrops(wanted.map(({ shot }) => shot.crop));
      const candidates = embeddings.map((embedding) => this.#group.nearest(embedding));
      this.#embedded += embeddings.length;
      this.#isFailing = false;
      wanted.forEach(({ subject, shot }, index) => {
        const { capturedAtMs, bbox, quality, masked } = shot;
        const embedding = embeddings[index];
        subject.seen.push({ capturedAtMs, bbox, quality, masked, embedding, candidates: candidates[index] });
      });
    } catch (error) {
      // A crop that breaks its worker is not tried twice; one that found the queue full is.
      const isBusy = error instanceof AppError && error.code === 'SERVER_BUSY';
      wanted.forEach(({ subject, shot }) => subject.shots.giveBack(isBusy ? shot : undefined));
      if (isBusy) this.#refused += wanted.length;
      else this.#failed(error, wanted.length);
    }
  }

  async #decide(subject: Subject): Promise<void> {
    const { config } = this.#parts;
    const decision = decide(subject.seen, config);
    switch (decision.kind) {
      case 'undecided':
        subject.hurried = decision.leading > 0 || subject.seen.length < config.agree;
        return;
      case 'unknown':
        return this.#settle(subject, this.#announcer.unknown(subject, subject.seen));
      case 'match':
        return this.#settle(subject, this.#announcer.match(subject, decision.person, decision.agreeing));
    }
  }

  async #endTrack(trackId: number): Promise<void> {
    const subject = this.#subjects.get(trackId);
    this.#subjects.delete(trackId);
    if (!subject || subject.appearance) return;
    if (decideAtEnd(subject.seen, this.#parts.config) === 'unknown') {
      return this.#settle(subject, this.#announcer.unknown(subject, subject.seen));
    }
    this.#undecided++;
  }

  async #settle(subject: Subject, { appearance, emission }: Announcement): Promise<void> {
    subject.appearance = appearance;
    subject.seen = [];
    await emission;
  }

  #earliestUndecidedMs(): number {
    let earliestMs = this.#nowMs;
    for (const { appearance, firstSeenMs } of this.#subjects.values()) {
      if (!appearance) earliestMs = Math.min(earliestMs, firstSeenMs);
    }
    return earliestMs;
  }

  #advance(capturedAtMs: number): void {
    this.#nowMs += Math.max(0, capturedAtMs - (this.#lastCaptureMs ?? capturedAtMs));
    this.#lastCaptureMs = capturedAtMs;
  }

  /** Tracks end by the frames that follow; when a camera is lost or its file ended, none follow. */
  #setIdleTimer(): void {
    if (this.#stopped || this.#subjects.size === 0) return;
    this.#idleTimer = this.#parts.timers.setTimeout(
      () => {
        this.#idling = Promise.all(this.#tracker.endAll().map((trackId) => this.#endTrack(trackId))).then(
          () => undefined,
        );
      },
      Math.min(this.#parts.config.absenceMs, LONGEST_TRACK_GAP_MS),
    );
  }

  #clearIdleTimer(): void {
    if (this.#idleTimer !== undefined) this.#parts.timers.clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
  }

  #failed(error: unknown, shots: number): void {
    const { log, config } = this.#parts;
    this.#errors += shots;
    const code = error instanceof AppError ? error.code : 'INTERNAL';
    const fields = { cameraId: config.id, code, reason: messageOf(error) };
    if (!this.#isFailing) log.warn(fields, 'a face could not be embedded or searched');
    this.#isFailing = true;
  }
}
