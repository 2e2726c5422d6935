// Recognition at one camera: takes frames with faces, and makes one event of each appearance of a person.
import type { EventCount, FrameConsumer } from '../camera/frame-consumer.js';
import { FramePace } from '../camera/frame-pace.js';
import type { CameraConfig } from '../config/camera-schema.js';
import type { ChallengeSink, HeadChallenge, HeadSide } from '../domain/challenge.js';
import type { Box, Face } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { OtherModels } from '../domain/other-models.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { describeError } from '../errors.js';
import type { EventSink } from '../events/event.js';
import type { Gallery } from '../gallery/gallery.types.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import { Challenges } from './challenges.js';
import { EventReporter, type UnknownFaceKeeper } from './event-reporter.js';
import { findAgreedPerson } from './identity.js';
import { demandsChallenge, demandsLiveness, pickLivenessThreshold, type DefaultThresholds } from './liveness-mode.js';
import { OtherEmbedder } from './other-embedder.js';
import { DOUBTFUL_GAP_MS, PathTracker, type PathStep } from './path-tracker.js';
import { Patience } from './patience.js';
import { PendingWork } from './pending-work.js';
import type { RecogniserStats } from './recogniser-stats.js';
import { createShot, judgeMask, type SearchedShot, type Shot } from './shot.js';
import { createShotProbes, SAME_FACE_SIMILARITY } from './shot-probe.js';
import { markCropMasked, ShotSearch, type EmbeddedCrop } from './shot-search.js';
import type { Track } from './track.js';
import { TrackDecider } from './track-decider.js';
import { Tracks } from './tracks.js';
import { WatchedGroups } from './watched-groups.js';

/** Interval of the checks that a decided track still shows the same face; and the same while every step is in doubt. */
const RECHECK_MS = 5_000;
const MIN_RECHECK_MS = 500;
/** A face whose shot was not recognisable has no other shot for this time: a covered face must not cost an embedding in each frame. */
const UNRECOGNISABLE_PAUSE_MS = 200;
/**
 * Shots that are embedded in a frame of 250 ms or less; in a crowd the others wait for the next frame, so that the first decisions come
 * sooner. Where frames are further apart, the next frame is late for that, and more of them are embedded.
 */
const EMBEDDED_PER_FRAME = 4;
const EMBEDDED_FRAME_MS = 250;
/** Most shots of a frame, however far it is from the next one. */
const MAX_EMBEDDED_PER_FRAME = 20;

export interface RecogniserParts {
  config: CameraConfig;
  vision: Pick<Vision, 'modelVersion' | 'hasLiveness' | 'embedCrops'>;
  gallery: Pick<Gallery, 'group' | 'searchPersons' | 'compareWithPerson'>;
  /** Returns the id of an appKey by its name; undefined when there is none. */
  findOwner: (name: string) => string | undefined;
  events: EventSink;
  /** Takes the challenges of a camera with `liveness: challenge`. */
  challenges: ChallengeSink;
  /** Chooses the side of a challenge, so that nobody can predict it. */
  chooseSide: () => HeadSide;
  /** Scales of the vision's model version. */
  scales: SimilarityScales;
  /** Further installed models; groups of these are watched as well. */
  otherModels?: OtherModels | undefined;
  /** Thresholds of the loaded liveness model, for cameras that have none of their own. */
  livenessThresholds?: DefaultThresholds | undefined;
  trust: TrustGuard;
  /** Returns why the picture of the camera cannot be trusted, in words; undefined while it can. */
  cameraProblem?: (() => string | undefined) | undefined;
  /** Encodes an aligned crop as JPEG; without it no event has a snapshot. */
  encodeCrop?: ((crop: Uint8Array) => Uint8Array) | undefined;
  /** Without it no face of an unknown person is kept. */
  unknownFaces?: UnknownFaceKeeper | undefined;
  clock: Clock;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
  timers: Timers;
  log: Log;
}

/** A face of this frame, with the track that it should continue. */
interface TrackedFace {
  step: PathStep;
  track: Track;
  face: Face;
}

/** A shot of this frame that is to be embedded. */
interface TrackedShot {
  step: PathStep;
  track: Track;
  shot: Shot;
  /** True: it would be an answer to the challenge of the track. */
  isAnswer?: boolean;
}

export class Recogniser implements FrameConsumer<RecogniserStats> {
  readonly #parts: RecogniserParts;
  readonly #groups: WatchedGroups;
  readonly #paths: PathTracker;
  readonly #tracks: Tracks;
  readonly #search: ShotSearch;
  readonly #reporter: EventReporter;
  readonly #challenges: Challenges;
  readonly #decider: TrackDecider;
  readonly #pace: FramePace;
  readonly #patience: Patience;
  /** Time by the frames; never decreases, even when the clock is set back. */
  #nowMs = 0;
  #intervalMs = 0;
  /** Time by which the newest frame came later than expected; 0 after an interruption in which the source was lost. */
  #lateMs = 0;
  #lastCaptureMs: number | undefined;
  #idleTimer: unknown;
  /** Events of the tracks that ended without a further frame. */
  #idleWork: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** Increases when all tracks are forgotten; results of work that was begun before are dropped. */
  #generation = 0;

  constructor(parts: RecogniserParts) {
    const { config, scales, vision, livenessThresholds, log } = parts;
    const { modelVersion, hasLiveness } = vision;
    const sameCosine = scales.scale.toCosine(SAME_FACE_SIMILARITY);
    const pace = new FramePace(config);
    const patience = new Patience(config, pace);
    // A lost path and a lost track wait for the same time, which follows the pace. A late frame ends neither by being late.
    const findGapMs = (): number => patience.gapMs + this.#lateMs;
    const limits = {
      get absenceMs() {
        return findGapMs();
      },
      get gapMs() {
        return findGapMs();
      },
    };
    this.#parts = parts;
    this.#pace = pace;
    this.#patience = patience;
    const others = new OtherEmbedder({ cameraId: config.id, vision, log });
    const otherProblem = (version: string): string | undefined => others.problem(version);
    const groups = new WatchedGroups({ ...parts, modelVersion, otherProblem });
    this.#groups = groups;
    this.#paths = new PathTracker(limits);
    this.#tracks = new Tracks({ sameCosine, limits, shotLimit: config.outOf });
    this.#search = new ShotSearch({ cameraId: config.id, vision, groups, others, log });
    this.#reporter = new EventReporter({ ...parts, patience, modelVersion, sameCosine });
    this.#challenges = new Challenges({
      ...parts,
      cameraId: config.id,
      isMirrored: config.flip !== 'none',
      sink: parts.challenges,
    });
    this.#decider = new TrackDecider({
      ...parts,
      patience,
      groups,
      reporter: this.#reporter,
      challenges: this.#challenges,
      hasLiveness,
      livenessThreshold: pickLivenessThreshold(config, livenessThresholds) ?? 0,
    });
  }

  async onFrame(frame: AnalysedFrame): Promise<void> {
    if (this.#isStopped) return;
    this.#clearIdleTimer();
    this.#advance(frame.capturedAtMs);
    const nowMs = this.#nowMs;
    const work = new PendingWork();
    const boxes = frame.faces.map(({ boxPx }) => boxPx);
    const { steps, ended } = this.#paths.update(nowMs, boxes);
    const gone = [...ended.flatMap((pathId) => this.#tracks.endPath(pathId)), ...this.#tracks.endLost(nowMs)];
    work.add(...gone.map((track) => this.#decider.onEnd(track, nowMs)));
    const seen = this.#tracks.update(steps, nowMs);
    work.add(...seen.map(({ track }) => this.#decider.onFrame(track, nowMs)));
    const shots = frame.faces.flatMap((face, i) => {
      const tracked = seen[i];
      if (tracked && tracked.track.state !== 'settled') tracked.track.evidence.add(face, nowMs);
      return tracked ? this.#takeShot({ ...tracked, face }, frame) : [];
    });
    const shown = await this.#embed(this.#limitShots(shots));
    work.add(...shown.map((track) => this.#decider.onShot(track, nowMs)));
    this.#reporter.forget(this.#earliestOpenMs(), nowMs);
    await work.finish();
    this.#setIdleTimer();
  }

  settledBoxes(): Box[] {
    const nextMs = this.#nowMs + this.#intervalMs;
    // Frames that are far apart put every step in doubt, so that each face must be compared again, and needs its crop.
    const isDoubtNext = this.#pace.intervalMs > DOUBTFUL_GAP_MS;
    return this.#tracks.inSight().flatMap(([pathId, track]) => {
      if (this.#isDue(track, nextMs)) return [];
      if (isDoubtNext && nextMs - track.checkedAtMs >= MIN_RECHECK_MS) return [];
      return this.#paths.expectedAt(pathId, nextMs) ?? [];
    });
  }

  matchedBoxes(): Box[] {
    return this.#tracks
      .inSight()
      .filter(([, { decision, isDoubtful }]) => decision?.type === 'match' && !isDoubtful)
      .flatMap(([pathId]) => this.#paths.expectedAt(pathId, this.#nowMs) ?? []);
  }

  forgetAll(): void {
    this.#generation++;
    this.#clearIdleTimer();
    this.#paths.endAll();
    this.#tracks.endAll();
    this.#challenges.withdrawAll();
  }

  openChallenges(): HeadChallenge[] {
    return this.#challenges.list();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#clearIdleTimer();
    await this.#idleWork;
  }

  stats(): RecogniserStats {
    return {
      openTracks: this.#tracks.all().length,
      tracks: this.#tracks.count,
      switches: this.#tracks.switches,
      ...this.#reporter.counts,
      ...this.#search.counts,
      ...this.#challenges.counts,
      undecided: this.#decider.undecided,
    };
  }

  eventCounts(): EventCount[] {
    return this.#reporter.eventCounts();
  }

  health(): Health {
    const { config, vision } = this.#parts;
    const isMissing = demandsLiveness(config.liveness) && !vision.hasLiveness;
    const problem =
      (isMissing ? 'liveness is required, and the model set has no model for it: nobody is matched' : undefined) ??
      this.#groups.problem() ??
      (demandsChallenge(config.liveness) ? this.#patience.describeSlowness() : undefined) ??
      this.#reporter.problem() ??
      this.#search.problem();
    return problem === undefined ? { status: 'ok' } : { status: 'degraded', detail: problem };
  }

  /** Returns whether a shot of a track would be useful at a time. */
  #isDue({ state, isDoubtful, checkedAtMs, dueAtMs, notBeforeMs }: Track, atMs: number): boolean {
    if (atMs < notBeforeMs) return false;
    if (state === 'open' || isDoubtful) return true;
    return atMs - checkedAtMs >= RECHECK_MS || (dueAtMs !== undefined && atMs >= dueAtMs);
  }

  /** Returns the shot to embed now, if the track of this face needs one. */
  #takeShot({ step, track, face }: TrackedFace, frame: AnalysedFrame): TrackedShot[] {
    const { config, vision } = this.#parts;
    const isWatched = demandsChallenge(config.liveness) && track.state !== 'settled';
    const isAnswer = isWatched && this.#challenges.watch(track, face, this.#nowMs);
    if (this.#nowMs < track.notBeforeMs) return [];
    const needsLiveness = demandsLiveness(config.liveness) && vision.hasLiveness && track.state !== 'settled';
    const shot = createShot(face, frame, needsLiveness);
    if (isAnswer && shot && track.state === 'open') {
      track.bestShots.count(shot, this.#nowMs);
      return [{ step, track, shot, isAnswer }];
    }
    if (track.state === 'open') {
      const taken = track.bestShots.take(shot, this.#nowMs, track.isDecisionNear);
      return taken ? [{ step, track, shot: taken }] : [];
    }
    const isTooSoon = step.isTouching && this.#nowMs - track.checkedAtMs < MIN_RECHECK_MS;
    if (!shot || isTooSoon || !this.#isDue(track, this.#nowMs)) return [];
    return [{ step, track, shot }];
  }

  /** Returns the shots that are embedded in this frame: those of open tracks first, then by quality. The others are given back. */
  #limitShots(shots: readonly TrackedShot[]): TrackedShot[] {
    const frames = this.#pace.spanMs(1, EMBEDDED_FRAME_MS) / EMBEDDED_FRAME_MS;
    const limit = Math.min(MAX_EMBEDDED_PER_FRAME, Math.floor(EMBEDDED_PER_FRAME * frames));
    if (shots.length <= limit) return [...shots];
    const rank = ({ track }: TrackedShot): number => (track.state === 'open' ? 1 + track.shots.length : 0);
    const sorted = shots.toSorted((a, b) => rank(b) - rank(a) || b.shot.quality - a.shot.quality);
    sorted.slice(limit).forEach((one) => giveBack(one, one.shot));
    return sorted.slice(0, limit);
  }

  /** Embeds and searches the shots of a frame. @returns the tracks that got a shot */
  async #embed(shots: readonly TrackedShot[]): Promise<Track[]> {
    if (shots.length === 0) return [];
    const generation = this.#generation;
    const isCancelled = (): boolean => generation !== this.#generation;
    const plain = shots.map(({ shot }) => shot);
    const result = await this.#search.embed(plain, this.#nowMs, isCancelled);
    switch (result.kind) {
      case 'embedded':
        return shots.flatMap((one, i) => {
          const embedded = result.embedded[i];
          return (embedded && this.#assign(one, embedded)) ?? [];
        });
      case 'busy':
        shots.forEach((one) => giveBack(one, one.shot));
        return [];
      case 'failed':
        // A crop that breaks its worker is not tried again.
        shots.forEach((one) => giveBack(one, undefined));
        return [];
      case 'cancelled':
        return [];
    }
  }

  /**
   * Searches an embedded shot, by the mean of the alike shots of the track that it shows, and adds it to that track. A shot that is not
   * recognisable counts as no shot at all.
   * @returns the track; undefined when no track got the shot
   */
  #assign({ step, track, shot, isAnswer }: TrackedShot, found: EmbeddedCrop): Track | undefined {
    const { config, scales, unknownFaces } = this.#parts;
    const nowMs = this.#nowMs;
    const { crop, masked: maskedByModel, ...rest } = shot;
    // Either verdict counts: the mask model sees what the embedding may not show.
    const embedded = maskedByModel === true ? markCropMasked(found) : found;
    const { condition } = embedded;
    if (!scales.isRecognisable(condition)) {
      this.#search.counts.unrecognisable++;
      track.notBeforeMs = nowMs + UNRECOGNISABLE_PAUSE_MS;
      if (track.state === 'open') track.bestShots.giveBack(undefined);
      return undefined;
    }
    const masked = judgeMask(config.mask, maskedByModel, condition);
    const shown = this.#tracks.identify(step.pathId, { ...embedded, quality: shot.quality }, nowMs);
    if (shown !== track) {
      if (track.state === 'open') track.bestShots.giveBack(undefined);
      if (shown.state === 'open') shown.bestShots.count(shot, nowMs);
    }
    const earlier = shown.shots.filter(({ atMs }) => nowMs - atMs <= this.#patience.shotLifeMs);
    const candidates = this.#search.findCandidates(createShotProbes({ ...rest, ...embedded }, earlier, scales));
    if (!candidates) {
      if (shown.state === 'open') shown.bestShots.giveBack(undefined);
      return undefined;
    }
    if (shown.state === 'provisional') shown.dueAtMs = this.#decider.nextShotMs(nowMs);
    const person = findAgreedPerson({ candidates }, config.margin);
    if (shown.state === 'settled') {
      if (!this.#decider.reopens(shown, person)) return shown;
      shown.bestShots.count(shot, nowMs);
    }
    const isCropNeeded = config.snapshots || unknownFaces !== undefined;
    const searched: SearchedShot = { ...rest, ...embedded, candidates, atMs: nowMs };
    shown.add({ ...searched, ...(masked !== undefined && { masked }), ...(isCropNeeded && { crop }) }, person);
    if (isAnswer && shown === track) this.#decider.onAnswer(track, nowMs);
    return shown;
  }

  #earliestOpenMs(): number {
    const open = this.#tracks.all().filter(({ state }) => state === 'open');
    return Math.min(this.#nowMs, ...open.map(({ firstSeenMs }) => firstSeenMs));
  }

  #advance(capturedAtMs: number): void {
    const elapsedMs = Math.max(0, capturedAtMs - (this.#lastCaptureMs ?? capturedAtMs));
    this.#pace.observe(elapsedMs);
    // After an interruption the next frame is expected at the pace of the ones before.
    this.#intervalMs = Math.min(elapsedMs, this.#pace.intervalMs);
    // A source that is silent for longer counts as lost: then everybody appears again.
    this.#lateMs = elapsedMs <= this.#parts.config.readTimeoutMs ? elapsedMs - this.#intervalMs : 0;
    if (this.#lateMs > 0) this.#reporter.bridge(this.#nowMs, this.#lateMs);
    this.#nowMs += elapsedMs;
    this.#lastCaptureMs = capturedAtMs;
  }

  /** Tracks normally end by later frames. After the last frame of a lost camera or a file, this timer ends them. */
  #setIdleTimer(): void {
    if (this.#isStopped || this.#tracks.all().length === 0) return;
    this.#idleTimer = this.#parts.timers.setTimeout(() => {
      const work = new PendingWork();
      work.add(this.#idleWork);
      this.#paths.endAll();
      work.add(...this.#tracks.endAll().map((track) => this.#decider.onEnd(track, this.#nowMs)));
      this.#idleWork = work.finish().catch((error: unknown) => {
        const fields = { cameraId: this.#parts.config.id, reason: describeError(error) };
        this.#parts.log.error(fields, 'a track could not be decided at its end');
      });
    }, this.#patience.idleMs);
  }

  #clearIdleTimer(): void {
    if (this.#idleTimer !== undefined) this.#parts.timers.clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
  }
}

/** Gives a shot back to an open track. A check of a decided track is made later instead. @param again the shot, if it may be tried again */
function giveBack({ track }: TrackedShot, again: Shot | undefined): void {
  if (track.state === 'open') track.bestShots.giveBack(again);
}
