// Recognition at one camera: frames of faces in, one event for each appearance of a person out.
import { AppError, describeError } from '../errors.js';
import type { EventCount, FrameConsumer } from '../camera/frame-consumer.js';
import type { CameraConfig } from '../config/schema.js';
import type { FalseAcceptCurve } from '../domain/false-accept.js';
import type { Box, Face } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { OtherModels } from '../domain/other-models.js';
import type { SimilarityScale } from '../domain/similarity.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import type { EventSink } from '../events/event.js';
import type { Gallery } from '../gallery/gallery.types.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import { Announcer, type StrangerKeeper } from './event-reporter.js';
import { fitShot, type Shot } from './best-shots.js';
import { personAgreedOn } from './identity.js';
import { Deliberation } from './track-decider.js';
import { Identities } from './tracks.js';
import { OtherEmbedder } from './other-embedder.js';
import type { Subject } from './track.js';
import { Tracker, type Link } from './path-tracker.js';
import { WatchedGroups } from './watched-groups.js';

/**
 * A longer absence time holds for announced persons; a path does not wait longer for its face: the longer, the likelier is it that
 * another face comes along it.
 */
const LONGEST_TRACK_GAP_MS = 1_000;
/** Similarity from which two shots of a camera are of one face: a false accept in 10,000 comparisons. */
const SAME_FACE_SIMILARITY = 80;
/** A decided face is looked at so often, to be sure that it is still the same; and so often while it touches another one. */
const RECHECK_MS = 5_000;
const TOUCHING_RECHECK_MS = 500;
/** Shots of one frame that are embedded; the others wait for the next frame. With a crowd the first decisions come sooner. */
const MOST_EMBEDDED = 4;
/** Beyond the interval of the last two frames nothing is foretold. */
const LONGEST_INTERVAL_MS = 1_000;

export interface RecogniserParts {
  config: CameraConfig;
  vision: Pick<Vision, 'modelVersion' | 'hasLiveness' | 'embedCrops'>;
  gallery: Pick<Gallery, 'group' | 'searchByEmbedding'>;
  /** The id of an appKey by its name. */
  ownerOf: (name: string) => string | undefined;
  events: EventSink;
  scale: SimilarityScale;
  /** Of the loaded embedder; needed where a target is configured in place of a threshold. */
  falseAccepts?: FalseAcceptCurve | undefined;
  /** Groups of these are watched as well. */
  otherModels?: OtherModels | undefined;
  /** The balanced threshold of the loaded liveness model. */
  defaultLivenessThreshold?: number | undefined;
  trust: TrustGuard;
  /** Why the picture of the camera cannot be trusted, for a person; undefined when all is well. */
  cameraProblem?: (() => string | undefined) | undefined;
  /** Aligned crop to JPEG; without it no event has a snapshot. */
  encodeCrop?: ((crop: Uint8Array) => Uint8Array) | undefined;
  /** Without it no face of a stranger is kept. */
  strangers?: StrangerKeeper | undefined;
  clock: Clock;
  timers: Timers;
  log: Log;
}

/** Counters since the service started; no interface, so that it is a record of numbers. */
export type RecogniserStats = {
  openTracks: number;
  tracks: number;
  /** How often another face was found where one was expected. */
  switches: number;
  embedded: number;
  matches: number;
  unknowns: number;
  spoofs: number;
  uncertains: number;
  /** Decisions about somebody who was announced before their track broke. */
  repeats: number;
  /** Decisions about somebody whose last event is too recent. */
  silenced: number;
  /** Tracks that ended with too few good shots to tell anything. */
  undecided: number;
  /** Shots that the full queue refused, and shots that could not be embedded or searched otherwise. */
  refused: number;
  errors: number;
  /** Events that could not be stored. */
  lostEvents: number;
};

/** A face of this frame, and whose it should be. */
interface Sight {
  link: Link;
  subject: Subject;
  face: Face;
}

interface Wanted extends Sight {
  shot: Shot;
}

export class Recogniser implements FrameConsumer<RecogniserStats> {
  readonly #parts: RecogniserParts;
  readonly #groups: WatchedGroups;
  readonly #others: OtherEmbedder;
  readonly #tracker: Tracker;
  readonly #identities: Identities;
  readonly #announcer: Announcer;
  readonly #deliberation: Deliberation;
  readonly #gapMs: number;
  /** Time of the frames that never falls, even where the clock is set back. */
  #nowMs = 0;
  #intervalMs = 0;
  #lastCaptureMs: number | undefined;
  #idleTimer: unknown;
  #idling: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Grows when all are forgotten; what was begun for them is dropped then. */
  #generation = 0;
  #isFailing = false;
  #embedded = 0;
  #refused = 0;
  #errors = 0;

  constructor(parts: RecogniserParts) {
    const { config, scale, vision, falseAccepts, defaultLivenessThreshold = 0 } = parts;
    const { modelVersion, hasLiveness } = vision;
    const sameCosine = scale.toCosine(SAME_FACE_SIMILARITY);
    const gapMs = Math.min(config.absenceMs, LONGEST_TRACK_GAP_MS);
    this.#parts = parts;
    this.#gapMs = gapMs;
    this.#others = new OtherEmbedder({ ...parts, cameraId: config.id });
    const otherProblem = (version: string): string | undefined => this.#others.problem(version);
    this.#groups = new WatchedGroups({ ...parts, modelVersion, falseAccepts, otherProblem });
    this.#tracker = new Tracker({ absenceMs: gapMs });
    this.#identities = new Identities({ sameCosine, gapMs, shotLimit: config.outOf });
    this.#announcer = new Announcer({ ...parts, modelVersion, sameCosine });
    this.#deliberation = new Deliberation({
      ...parts,
      groups: this.#groups,
      announcer: this.#announcer,
      hasLiveness,
      livenessThreshold: config.livenessThreshold ?? defaultLivenessThreshold,
    });
  }

  /** Takes the frames of one camera in the order of capture, one call after the other. Resolves when its events are stored. */
  async onFrame(frame: AnalysedFrame): Promise<void> {
    if (this.#stopped) return;
    this.#clearIdleTimer();
    this.#advance(frame.capturedAtMs);
    const nowMs = this.#nowMs;
    const { links, ended } = this.#tracker.update(
      nowMs,
      frame.faces.map((face) => face.boxPx),
    );
    const gone = [...ended.flatMap((pathId) => this.#identities.endPath(pathId)), ...this.#identities.endLost(nowMs)];
    const announced = gone.map((subject) => this.#deliberation.end(subject, nowMs));
    const subjects = this.#identities.see(links, nowMs);
    announced.push(...subjects.map((subject) => this.#deliberation.tick(subject, nowMs)));
    const sights = frame.faces.map((face, i): Sight => ({ face, link: links[i], subject: subjects[i] }));
    const shown = await this.#embed(this.#affordable(sights.flatMap((sight) => this.#look(sight, frame))));
    announced.push(...shown.map((subject) => this.#deliberation.consider(subject, nowMs)));
    this.#announcer.forget(this.#earliestOpenMs(), nowMs);
    await Promise.all(announced);
    this.#setIdleTimer();
  }

  /** Where faces are expected in the next frame that need nothing but to be found there, in pixels of the frame. */
  settledBoxes(): Box[] {
    const nextMs = this.#nowMs + this.#intervalMs;
    return this.#identities.inSight().flatMap(([pathId, subject]) => {
      if (this.#isDue(subject, nextMs)) return [];
      return this.#tracker.expectedAt(pathId, nextMs) ?? [];
    });
  }

  /** Where the persons who were matched were last seen for sure, in pixels of the frame. */
  matchedBoxes(): Box[] {
    return this.#identities
      .inSight()
      .filter(([, { outcome, isDoubtful }]) => outcome?.type === 'match' && !isDoubtful)
      .flatMap(([pathId]) => this.#tracker.expectedAt(pathId, this.#nowMs) ?? []);
  }

  /** The camera must not look any more: nothing is told of those in sight, and nothing is kept of them. */
  forgetAll(): void {
    this.#generation++;
    this.#clearIdleTimer();
    this.#tracker.endAll();
    this.#identities.endAll();
  }

  /** Nothing is decided after this; resolves when what was decided is stored. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#clearIdleTimer();
    await this.#idling;
  }

  stats(): RecogniserStats {
    return {
      openTracks: this.#identities.all().length,
      tracks: this.#identities.count,
      switches: this.#identities.switches,
      embedded: this.#embedded,
      ...this.#announcer.counts,
      undecided: this.#deliberation.undecided,
      refused: this.#refused,
      errors: this.#errors,
    };
  }

  eventCounts(): EventCount[] {
    return this.#announcer.eventCounts();
  }

  health(): Health {
    const { config, vision } = this.#parts;
    const isMissing = config.liveness === 'required' && !vision.hasLiveness;
    const problem =
      (isMissing ? 'liveness is required, and the model set has no model for it: nobody is matched' : undefined) ??
      this.#groups.problem() ??
      this.#announcer.problem() ??
      (this.#isFailing ? 'faces cannot be embedded or searched' : undefined);
    return problem === undefined ? { status: 'ok' } : { status: 'degraded', detail: problem };
  }

  /** Whether a shot of a subject would be of use at a time. */
  #isDue({ state, isDoubtful, checkedAtMs, dueAtMs }: Subject, atMs: number): boolean {
    if (state === 'open' || isDoubtful) return true;
    return atMs - checkedAtMs >= RECHECK_MS || (dueAtMs !== undefined && atMs >= dueAtMs);
  }

  /** @returns the shot to embed now, if the subject of this face needs one */
  #look(sight: Sight, frame: AnalysedFrame): Wanted[] {
    const { subject, link, face } = sight;
    const { config, vision } = this.#parts;
    const isLivenessNeeded = config.liveness === 'required' && vision.hasLiveness && subject.state !== 'settled';
    const shot = fitShot(face, frame, isLivenessNeeded);
    if (subject.state === 'open') {
      const taken = subject.shots.take(shot, this.#nowMs, subject.hurried);
      return taken ? [{ ...sight, shot: taken }] : [];
    }
    const isTooSoon = link.isTouching && this.#nowMs - subject.checkedAtMs < TOUCHING_RECHECK_MS;
    if (!shot || isTooSoon || !this.#isDue(subject, this.#nowMs)) return [];
    return [{ ...sight, shot }];
  }

  /** The best shots, those of faces that wait for their decision first; the others give theirs back. */
  #affordable(wanted: readonly Wanted[]): Wanted[] {
    if (wanted.length <= MOST_EMBEDDED) return [...wanted];
    const rank = ({ subject }: Wanted): number => (subject.state === 'open' ? 1 + subject.seen.length : 0);
    const sorted = wanted.toSorted((a, b) => rank(b) - rank(a) || b.shot.quality - a.shot.quality);
    sorted.slice(MOST_EMBEDDED).forEach((one) => giveBack(one, one.shot));
    return sorted.slice(0, MOST_EMBEDDED);
  }

  /** All shots of a frame in one batch. @returns the subjects that they showed */
  async #embed(wanted: readonly Wanted[]): Promise<Subject[]> {
    if (wanted.length === 0) return [];
    const generation = this.#generation;
    try {
      const { vision } = this.#parts;
      const crops = wanted.map(({ shot }) => shot.crop);
      // It may throw: before anything is begun that nobody would wait for.
      const versions = this.#groups.otherVersions();
      // Who is who along the tracks is told by the models in use, also where all groups are of others.
      const [embeddings, others] = await Promise.all([
        vision.embedCrops(crops),
        this.#others.embed(crops, versions, this.#nowMs),
      ]);
      if (generation !== this.#generation) return [];
      const candidates = embeddings.map((embedding, i) => this.#groups.nearest(embedding, others[i]));
      this.#embedded += embeddings.length;
      this.#isFailing = false;
      return wanted.map((one, i) => this.#assign(one, embeddings[i], candidates[i]));
    } catch (error) {
      // A crop that breaks its worker is not tried twice; one that found the queue full is.
      const isBusy = error instanceof AppError && error.code === 'SERVER_BUSY';
      wanted.forEach((one) => giveBack(one, isBusy ? one.shot : undefined));
      if (isBusy) this.#refused += wanted.length;
      else this.#failed(error, wanted.length);
      return [];
    }
  }

  #assign(
    { link, subject, shot }: Wanted,
    embedding: Float32Array,
    candidates: ReturnType<WatchedGroups['nearest']>,
  ): Subject {
    const { config, strangers } = this.#parts;
    const nowMs = this.#nowMs;
    const { quality } = shot;
    const shown = this.#identities.identify({ pathId: link.trackId, embedding, quality }, nowMs);
    if (shown !== subject) {
      if (subject.state === 'open') subject.shots.giveBack(undefined);
      if (shown.state === 'open') shown.shots.count(shot, nowMs);
    }
    if (shown.state === 'provisional') shown.dueAtMs = this.#deliberation.nextLookMs(nowMs);
    const person = personAgreedOn({ candidates }, config.margin);
    if (shown.state === 'settled') {
      if (!this.#deliberation.reopens(shown, person)) return shown;
      shown.shots.count(shot, nowMs);
    }
    const { crop, ...rest } = shot;
    const isCropWanted = config.snapshots || strangers !== undefined;
    const seen = { ...rest, embedding, candidates, atMs: nowMs, ...(isCropWanted && { crop }) };
    shown.add(seen, person);
    return shown;
  }

  #earliestOpenMs(): number {
    const open = this.#identities.all().filter(({ state }) => state === 'open');
    return Math.min(this.#nowMs, ...open.map(({ firstSeenMs }) => firstSeenMs));
  }

  #advance(capturedAtMs: number): void {
    const elapsedMs = Math.max(0, capturedAtMs - (this.#lastCaptureMs ?? capturedAtMs));
    this.#intervalMs = Math.min(elapsedMs, LONGEST_INTERVAL_MS);
    this.#nowMs += elapsedMs;
    this.#lastCaptureMs = capturedAtMs;
  }

  /** Tracks end by the frames that follow; when a camera is lost or its file ended, none follow. */
  #setIdleTimer(): void {
    if (this.#stopped || this.#identities.all().length === 0) return;
    this.#idleTimer = this.#parts.timers.setTimeout(() => {
      this.#tracker.endAll();
      const ends = this.#identities.endAll().map((subject) => this.#deliberation.end(subject, this.#nowMs));
      this.#idling = Promise.all(ends).then(() => undefined);
    }, this.#gapMs);
  }

  #clearIdleTimer(): void {
    if (this.#idleTimer !== undefined) this.#parts.timers.clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
  }

  #failed(error: unknown, shots: number): void {
    const { log, config } = this.#parts;
    this.#errors += shots;
    const code = error instanceof AppError ? error.code : 'INTERNAL';
    const fields = { cameraId: config.id, code, reason: describeError(error) };
    if (!this.#isFailing) log.warn(fields, 'a face could not be embedded or searched');
    this.#isFailing = true;
  }
}

/** Checks of decided faces are simply made another time. @param again the shot, where it may be tried again */
function giveBack({ subject }: Wanted, again: Shot | undefined): void {
  if (subject.state === 'open') subject.shots.giveBack(again);
}
