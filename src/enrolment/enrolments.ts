// Guided enrolment from a camera: watches it, gathers frames of one person, and enrols the best of them.
import { isPaused, type CameraControl } from '../camera/camera-control.js';
import type { CameraConfig } from '../config/schema.js';
import { cosine } from '../domain/embedding.js';
import type { OtherModels } from '../domain/other-models.js';
import type { SimilarityScale } from '../domain/similarity.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, clientError } from '../errors.js';
import type { EnrolledFace, Gallery, GroupRef } from '../gallery/gallery.types.js';
import type { Vision } from '../vision/vision.js';
import { cosineFloor, reportedSimilarity } from '../domain/reported-similarity.js';
import { EnrolmentRefused, type EnrolmentReason, type FrameReason } from './enrolment-refused.js';
import { ShotCollector, type EnrolmentShot } from './shot-collector.js';

/** Between two looks at the time, and at whether the camera may still look. */
const TICK_MS = 250;
/** Similarity from which two frames are of one person: a false accept in 10,000 comparisons. */
const SAME_PERSON = 80;
/** So many of the frames must be of the person in the best one; one that was blurred by a move may be not. */
const SAME_SHARE = 0.8;
/** Two shots of less difference show the same. */
const OTHER_POSE_DEGREES = 6;
/** An aligned crop is all face. */
const WHOLE = { x0: 0, y0: 0, x1: 1, y1: 1 };
/** Enough to tell whether anybody is among them who has another name. */
const NEAREST_FACES = 50;

export interface EnrolmentsParts {
  cameras: Pick<CameraControl, 'views' | 'watch' | 'privacy'>;
  config: readonly Pick<CameraConfig, 'id' | 'appKey' | 'liveness' | 'livenessThreshold'>[];
  vision: Pick<Vision, 'modelVersion' | 'embedCrops'>;
  gallery: Pick<Gallery, 'group' | 'freePlaces' | 'enrol' | 'searchByEmbedding'>;
  /** The id of an appKey by its name; undefined where there is none. */
  ownerOf: (name: string) => string | undefined;
  scale: SimilarityScale;
  /** Groups of these are served as well. */
  otherModels?: OtherModels;
  /** Of the model set, where it has a liveness model: logit(live) - logit(spoof). */
  livenessThreshold?: number;
  clock: Clock;
  timers: Timers;
}

export interface EnrolmentWish {
  group: string;
  /** The name of the appKey; the camera's where it is not given. */
  appKey?: string;
  externalImageId: string;
  /** Fit frames to choose from. */
  frames: number;
  timeoutMs: number;
  minQuality: number;
  /** Similarity from which an enrolled face is the same person. */
  duplicateThreshold: number;
  /** Faces to enrol; several differ in pose. */
  faces: number;
}

export interface EnrolmentOutcome {
  groupId: string;
  imageId: string;
  /** The best one first. */
  faces: { face: EnrolledFace; quality: number }[];
  framesSeen: number;
  framesUsed: number;
  /** What was amiss meanwhile. */
  hints: { reason: EnrolmentReason; frames: number }[];
}

export interface Progress {
  collected: number;
  wanted: number;
  /** What would help now. */
  reason?: FrameReason;
}

export interface EnrolmentCall {
  /** As in AuditEntry. */
  actor: string;
  signal: AbortSignal;
  /** Whether who asked still may. */
  isAllowed: () => boolean;
  onProgress: (progress: Progress) => void;
}

interface Running {
  cancel: (error: unknown) => void;
}

/** One at a time for each camera. */
export class Enrolments {
  readonly #parts: EnrolmentsParts;
  readonly #running = new Map<string, Running>();
  #closed = false;

  constructor(parts: EnrolmentsParts) {
    this.#parts = parts;
  }

  isRunning(cameraId: string): boolean {
    return this.#running.has(cameraId);
  }

  /**
   * What can be told at once is thrown at once; the rest comes with the promise.
   * @throws AppError CAMERA_NOT_FOUND, PRIVACY_ON, CAMERA_UNAVAILABLE, NOT_FOUND: no such appKey, GROUP_NOT_FOUND,
   * MODEL_VERSION_MISMATCH, QUOTA_EXCEEDED, STOPPED; the promise: EnrolmentRefused as well, SERVER_BUSY, STORE_UNAVAILABLE
   */
  begin(cameraId: string, wish: EnrolmentWish, call: EnrolmentCall): Promise<EnrolmentOutcome> {
    const { cameras, config } = this.#parts;
    if (this.#closed) throw new AppError('STOPPED', 'the service is stopping');
    const camera = config.find(({ id }) => id === cameraId);
    if (!camera) throw new AppError('CAMERA_NOT_FOUND', 'there is no such camera');
    if (cameras.privacy) throw new AppError('PRIVACY_ON', 'privacy is on');
    if (this.isRunning(cameraId)) {
      throw clientError('CAMERA_UNAVAILABLE', 'Somebody is being enrolled at this camera already.');
    }
    const ref = this.#group(wish, camera.appKey);
    const cancelled = new Promise<never>((_, reject) => this.#running.set(cameraId, { cancel: reject }));
    cancelled.catch(() => undefined);
    return this.#enrol(camera, ref, wish, call, cancelled).finally(() => this.#running.delete(cameraId));
  }

  /**
   * A face that was kept of a camera's stranger, as if it were one picture.
   * @throws AppError as begin and its promise
   */
  async enrolKept(
    kept: { cameraId: string; embedding: Float32Array; modelVersion: string },
    wish: Pick<EnrolmentWish, 'group' | 'appKey' | 'externalImageId' | 'duplicateThreshold'>,
    actor: string,
  ): Promise<{ groupId: string; imageId: string; face: EnrolledFace }> {
    const camera = this.#parts.config.find(({ id }) => id === kept.cameraId);
    if (!camera) throw new AppError('CAMERA_NOT_FOUND', 'the camera is not there any more');
    const ref = this.#group(wish, camera.appKey);
    const { modelVersion } = this.#parts.gallery.group(ref);
    if (kept.modelVersion !== modelVersion) {
      const detail = `The face was kept under the models ${kept.modelVersion}, the group was enrolled under ${modelVersion}.`;
      throw clientError('MODEL_VERSION_MISMATCH', detail);
    }
    // Nobody asked the stranger to show that they live.
    if (camera.liveness === 'required') throw new EnrolmentRefused('liveness-missing');
    this.#mustBeNew(ref, kept.embedding, wish);
    const { externalImageId } = wish;
    const face = { externalImageId, bbox: WHOLE, detectionScore: 1, embedding: kept.embedding };
    const { imageId, enrolled } = await this.#parts.gallery.enrol(ref, [face], actor);
    return { groupId: ref.groupId, imageId, face: enrolled[0] };
  }

  /** Of one camera, or all. */
  cancel(error: AppError, cameraId?: string): void {
    for (const [id, { cancel }] of this.#running) if (cameraId === undefined || id === cameraId) cancel(error);
  }

  /** Ends those under way and begins no other. */
  close(): void {
    this.#closed = true;
    this.cancel(new AppError('STOPPED', 'the service is stopping'));
  }

  async #enrol(
    camera: EnrolmentsParts['config'][number],
    ref: GroupRef,
    wish: EnrolmentWish,
    call: EnrolmentCall,
    cancelled: Promise<never>,
  ): Promise<EnrolmentOutcome> {
    const needsLiveness = camera.liveness === 'required';
    const collector = new ShotCollector({ ...wish, needsLiveness });
    await this.#collect(camera.id, collector, wish, call, cancelled);
    if (needsLiveness) this.#mustLive(collector.shots, camera.livenessThreshold ?? this.#parts.livenessThreshold);
    const { vision, gallery } = this.#parts;
    const crops = collector.shots.map(({ crop }) => crop);
    const { modelVersion } = gallery.group(ref);
    const embeddings = await Promise.race([vision.embedCrops(crops, modelVersion), cancelled]);
    const chosen = this.#choose(collector.shots, embeddings, wish.faces, this.#scaleOf(modelVersion));
    if (gallery.group(ref).modelVersion !== modelVersion) {
      throw clientError('MODEL_VERSION_MISMATCH', 'The group was made anew, under other models, in the meantime.');
    }
    this.#mustBeNew(ref, chosen[0].embedding, wish);
    // Nobody is enrolled for a client who has left or lost their key, or while the cameras must not look.
    if (call.signal.aborted) throw clientGone();
    if (!call.isAllowed()) throw keyRevoked();
    if (this.#parts.cameras.privacy) throw new AppError('PRIVACY_ON', 'privacy is on');
    const { imageId, enrolled } = await gallery.enrol(
      ref,
      chosen.map(({ shot, embedding }) => ({
        externalImageId: wish.externalImageId,
        bbox: shot.bbox,
        detectionScore: shot.detectionScore,
        embedding,
      })),
      call.actor,
    );
    return {
      groupId: ref.groupId,
      imageId,
      faces: enrolled.map((face, i) => ({ face, quality: chosen[i].shot.quality })),
      framesSeen: collector.seen,
      framesUsed: collector.shots.length,
      hints: collector.amiss(),
    };
  }

  /** Until enough fit frames are gathered. */
  async #collect(
    cameraId: string,
    collector: ShotCollector,
    { timeoutMs, frames }: EnrolmentWish,
    { signal, isAllowed, onProgress }: EnrolmentCall,
    cancelled: Promise<never>,
  ): Promise<void> {
    const { cameras, clock, timers } = this.#parts;
    const deadlineMs = clock() + timeoutMs;
    let timer: unknown;
    let unwatch: (() => void) | undefined;
    let told: Progress = { collected: 0, wanted: frames };
    try {
      const collected = new Promise<void>((resolve, reject) => {
        unwatch = cameras.watch(cameraId, (frame) => {
          const reason = collector.take(frame);
          const progress = { collected: collector.shots.length, wanted: frames, ...(reason && { reason }) };
          const isNew = progress.collected !== told.collected || progress.reason !== told.reason;
          if (isNew) onProgress(progress);
          told = progress;
          if (collector.isComplete) resolve();
        });
        const tick = (): void => {
          if (signal.aborted) return reject(clientGone());
          if (!isAllowed()) return reject(keyRevoked());
          if (cameras.privacy) return reject(new AppError('PRIVACY_ON', 'privacy is on'));
          if (isPaused(cameras, cameraId)) return reject(new AppError('CAMERA_UNAVAILABLE', 'the camera is paused'));
          if (clock() < deadlineMs) {
            timer = timers.setTimeout(tick, TICK_MS);
            return;
          }
          if (collector.isEnough) resolve();
          else if (collector.seen > 0) reject(collector.refusal());
          else reject(clientError('CAMERA_UNAVAILABLE', 'The camera showed no picture in that time.'));
        };
        timer = timers.setTimeout(tick, TICK_MS);
        signal.addEventListener('abort', tick, { once: true });
      });
      await Promise.race([collected, cancelled]);
    } finally {
      unwatch?.();
      timers.clearTimeout(timer);
    }
  }

  /** @throws AppError NOT_FOUND, GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, QUOTA_EXCEEDED */
  #group({ group: groupId, appKey }: Pick<EnrolmentWish, 'group' | 'appKey'>, cameraKey: string): GroupRef {
    const { gallery, vision, otherModels, ownerOf } = this.#parts;
    const owner = ownerOf(appKey ?? cameraKey);
    if (owner === undefined) throw clientError('NOT_FOUND', 'There is no valid appKey of this name.');
    const ref = { owner, groupId };
    const { modelVersion } = gallery.group(ref);
    if (modelVersion !== vision.modelVersion && !otherModels?.has(modelVersion)) {
      const detail = `The group was enrolled under the models ${modelVersion}, which are not installed.`;
      throw clientError('MODEL_VERSION_MISMATCH', detail);
    }
    if (gallery.freePlaces(ref) <= 0) throw clientError('QUOTA_EXCEEDED', 'The group is full.');
    return ref;
  }

  #scaleOf(modelVersion: string): SimilarityScale {
    const { scale, otherModels } = this.#parts;
    return otherModels?.get(modelVersion)?.scale ?? scale;
  }

  #mustLive(shots: readonly EnrolmentShot[], threshold: number | undefined): void {
    const scores = shots.map(({ livenessScore }) => livenessScore ?? Number.NaN);
    const fused = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    if (threshold === undefined || Number.isNaN(fused)) throw new EnrolmentRefused('liveness-missing');
    if (fused < threshold) throw new EnrolmentRefused('liveness-not-live');
  }

  /** @returns the best shots, all of one person, the best of all first, the others in another pose each */
  #choose(
    shots: readonly EnrolmentShot[],
    embeddings: readonly Float32Array[],
    count: number,
    scale: SimilarityScale,
  ): { shot: EnrolmentShot; embedding: Float32Array }[] {
    const all = shots.map((shot, i) => ({ shot, embedding: embeddings[i] }));
    all.sort((a, b) => b.shot.quality - a.shot.quality);
    const [best] = all;
    const same = all.filter(({ embedding }) => {
      return reportedSimilarity(scale, cosine(best.embedding, embedding)) >= SAME_PERSON;
    });
    if (same.length < SAME_SHARE * all.length) throw new EnrolmentRefused('not-the-same-person');
    const chosen = [best];
    for (const one of same) {
      if (chosen.length >= count) break;
      if (chosen.every(({ shot }) => differs(shot.pose, one.shot.pose))) chosen.push(one);
    }
    return chosen;
  }

  #mustBeNew(
    ref: GroupRef,
    embedding: Float32Array,
    { externalImageId, duplicateThreshold }: Pick<EnrolmentWish, 'externalImageId' | 'duplicateThreshold'>,
  ): void {
    const { gallery } = this.#parts;
    const scale = this.#scaleOf(gallery.group(ref).modelVersion);
    const options = { limit: NEAREST_FACES, minCosine: cosineFloor(scale, duplicateThreshold) };
    for (const match of gallery.searchByEmbedding(ref, embedding, options)) {
      const similarity = reportedSimilarity(scale, match.cosine);
      if (similarity < duplicateThreshold || match.face.externalImageId === externalImageId) continue;
      const { faceId, externalImageId: other } = match.face;
      const enrolledAs = { faceId, similarity, ...(other === undefined ? {} : { externalImageId: other }) };
      throw new EnrolmentRefused('already-enrolled-as-somebody-else', enrolledAs);
    }
  }
}

function clientGone(): AppError {
  return new AppError('STOPPED', 'the client went away');
}

function keyRevoked(): AppError {
  return clientError('UNAUTHORIZED_ADMIN_KEY', 'The admin key was revoked meanwhile.');
}

function differs(a: EnrolmentShot['pose'], b: EnrolmentShot['pose']): boolean {
  return Math.hypot(a.yaw - b.yaw, a.pitch - b.pitch) >= OTHER_POSE_DEGREES;
}
