// Recognition at one camera: takes frames with faces, and makes one event of each appearance of a person.
import type { EventCount, FrameConsumer } from '../camera/frame-consumer.js';
import { FramePace } from '../camera/frame-pace.js';
import type { SeenTrack } from '../camera/seen-tracks.js';
import type { CameraConfig } from '../config/camera-schema.js';
import type { ChallengeSink, HeadChallenge, HeadSide } from '../domain/challenge.js';
import type { Box } from '../domain/face.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { OtherModels } from '../domain/other-models.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Clock, Timers } from '../domain/time.js';
import type { TrustGuard } from '../domain/trust.js';
import { describeError } from '../errors.js';
import type { EventSink } from '../events/event.js';
import type { CopyTrust } from '../gallery/copy-trust.js';
import type { Gallery } from '../gallery/gallery.types.js';
import type { Successors } from '../gallery/successors.js';
import type { AnalysedFrame, Vision } from '../vision/vision.js';
import { Challenges } from './challenges.js';
import { describeTrack } from './describe-track.js';
import { EventReporter, type UnknownFaceKeeper } from './event-reporter.js';
import { FacePlaces } from './face-places.js';
import { findAgreedPerson } from './identity.js';
import { demandsChallenge, demandsLiveness, pickLivenessThreshold, type DefaultThresholds } from './liveness-mode.js';
import { OtherEmbedder } from './other-embedder.js';
import { PathTracker } from './path-tracker.js';
import { Patience } from './patience.js';
import { PendingWork } from './pending-work.js';
import type { RecogniserStats } from './recogniser-stats.js';
import { judgeMask, type SearchedShot } from './shot.js';
import { giveBack, ShotChoice, type TrackedShot } from './shot-choice.js';
import { createShotProbes, SAME_FACE_SIMILARITY } from './shot-probe.js';
import { markCropMasked, ShotSearch, type EmbeddedCrop } from './shot-search.js';
import type { Track } from './track.js';
import { TrackDecider } from './track-decider.js';
import { Tracks } from './tracks.js';
import { WatchedGroups } from './watched-groups.js';

/** A face whose shot was not recognisable has no other shot for this time: a covered face must not cost an embedding in each frame. */
const UNRECOGNISABLE_PAUSE_MS = 200;
export interface RecogniserParts {
  config: CameraConfig;
  vision: Pick<Vision, 'modelVersion' | 'hasLiveness' | 'embedCrops'>;
  gallery: Pick<Gallery, 'group' | 'searchPersons' | 'compareWithPerson'>;
  /** Finds the groups that follow others under the next models; without it there are none. */
  successors?: Pick<Successors, 'describe' | 'confirms'> | undefined;
  /** Tells which groups are copies that are too old to be relied on; default: none. */
  copyTrust?: CopyTrust | undefined;
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

export class Recogniser implements FrameConsumer<RecogniserStats> {
  readonly #parts: RecogniserParts;
  readonly #groups: WatchedGroups;
  readonly #paths: PathTracker;
  readonly #tracks: Tracks;
  readonly #places: FacePlaces;
  readonly #choice: ShotChoice;
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
    this.#places = new FacePlaces({ paths: this.#paths, tracks: this.#tracks, pace });
    this.#search = new ShotSearch({ cameraId: config.id, vision, groups, others, log });
    this.#reporter = new EventReporter({ ...parts, patience, modelVersion, sameCosine });
    this.#challenges = new Challenges({
      ...parts,
      cameraId: config.id,
      isMirrored: config.flip !== 'none',
      sink: parts.challenges,
    });
    this.#choice = new ShotChoice({ config, hasLiveness, challenges: this.#challenges, pace });
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
      if (tracked && tracked.track.state !== 'settled') tracked.track.see(face, nowMs);
      return tracked ? this.#choice.take({ ...tracked, face }, frame, nowMs) : [];
    });
    const shown = await this.#embed(this.#choice.limit(shots));
    work.add(...shown.map((track) => this.#decider.onShot(track, nowMs)));
    this.#reporter.forget(this.#earliestOpenMs(), nowMs);
    await work.finish();
    this.#setIdleTimer();
  }

  settledBoxes(): Box[] {
    return this.#places.settled(this.#nextMs);
  }

  restingBoxes(): Box[] {
    return this.#places.resting(this.#nextMs);
  }

  knownBoxes(): Box[] | undefined {
    return this.#places.known(this.#nextMs);
  }

  matchedBoxes(): Box[] {
    return this.#places.matched(this.#nowMs);
  }

  seenTracks(): SeenTrack[] {
    const challenges = this.#challenges.list();
    const rule = this.#parts.config;
    return this.#places
      .inSight(this.#nowMs)
      .map(({ track, box }) =>
        describeTrack(track, { box, rule, challenges, liveness: this.#decider.peekLiveness(track) }),
      );
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

  /** Time at which the next frame is expected. */
  get #nextMs(): number {
    return this.#nowMs + this.#intervalMs;
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
