// Guided enrolment from a camera: collects shots of one person, checks them, and enrols the best of them.
import type { CameraControl } from '../camera/camera-control.js';
import { findShortestIntervalMs, type CameraConfig } from '../config/camera-schema.js';
import type { Clock, Timers } from '../domain/time.js';
import { AppError, clientError } from '../errors.js';
import type { EnrolledFace, GroupRef, NewFace } from '../gallery/gallery.types.js';
import type { UnknownShot } from '../recognition/event-reporter.js';
import { MIN_LIVENESS_SAMPLES } from '../recognition/liveness.js';
import { demandsLiveness, pickLivenessThreshold, type DefaultThresholds } from '../recognition/liveness-mode.js';
import type { Vision } from '../vision/vision.js';
import { collectShots, describeProgress, findProblem } from './collect-shots.js';
import type { EnrolmentCall, EnrolmentRequest, EnrolmentResult } from './enrolment.types.js';
import { EnrolmentRefused, type FrameReason } from './enrolment-refused.js';
import type { FaceReport } from './face-report.types.js';
import { GroupEnrolment, type GroupEnrolmentParts, type WatchingCamera } from './group-enrolment.js';
import {
  chooseFaces,
  judgeEmbedded,
  judgeLiveness,
  selectPersonShots,
  type EmbeddedShot,
  type PersonShots,
} from './person-shots.js';
import { ShotCollector } from './shot-collector.js';

/** Bounding box of a face whose picture is its aligned crop, as fractions. */
const WHOLE_PICTURE = { x0: 0, y0: 0, x1: 1, y1: 1 };

type EnrolmentCamera = WatchingCamera &
  Pick<CameraConfig, 'id' | 'liveness' | 'livenessThreshold' | 'maxFps' | 'source'>;

export interface EnrolmentsParts extends GroupEnrolmentParts {
  cameras: Pick<CameraControl, 'views' | 'watch' | 'privacy'>;
  config: readonly EnrolmentCamera[];
  vision: Pick<Vision, 'modelVersion' | 'embedCrops'>;
  /** Thresholds of the liveness model, in logit(live) - logit(spoof); absent without such a model. */
  livenessThresholds?: DefaultThresholds;
  clock: Clock;
  timers: Timers;
}

/** One enrolment that was begun. */
interface Enrolment {
  camera: EnrolmentCamera;
  ref: GroupRef;
  request: EnrolmentRequest;
  call: EnrolmentCall;
  collector: ShotCollector;
  /** Rejects when the enrolment is cancelled. */
  cancelled: Promise<never>;
}

/** Runs at most one enrolment at a time for each camera. */
export class Enrolments {
  readonly #parts: EnrolmentsParts;
  readonly #group: GroupEnrolment;
  /** Function that cancels the running enrolment, by camera id. */
  readonly #running = new Map<string, (error: AppError) => void>();
  #closed = false;

  constructor(parts: EnrolmentsParts) {
    this.#parts = parts;
    this.#group = new GroupEnrolment(parts);
  }

  isRunning(cameraId: string): boolean {
    return this.#running.has(cameraId);
  }

  /**
   * Begins an enrolment. Problems that are known at once are thrown; later ones reject the promise.
   * @throws AppError CAMERA_NOT_FOUND, PRIVACY_ON, CAMERA_UNAVAILABLE, NOT_FOUND (no such appKey), GROUP_NOT_FOUND,
   * MODEL_VERSION_MISMATCH, QUOTA_EXCEEDED, STOPPED; EnrolmentRefused; the promise also SERVER_BUSY, STORE_UNAVAILABLE
   */
  begin(cameraId: string, request: EnrolmentRequest, call: EnrolmentCall): Promise<EnrolmentResult> {
    const { cameras, config } = this.#parts;
    if (this.#closed) throw new AppError('STOPPED', 'the service is stopping');
    const camera = config.find(({ id }) => id === cameraId);
    if (!camera) throw new AppError('CAMERA_NOT_FOUND', 'there is no such camera');
    if (cameras.privacy) throw new AppError('PRIVACY_ON', 'privacy is on');
    if (this.isRunning(cameraId)) {
      throw clientError('CAMERA_UNAVAILABLE', 'Somebody is being enrolled at this camera already.');
    }
    const ref = this.#group.find(request.group, request.appKey ?? camera.appKey);
    const collector = new ShotCollector({ ...request, needsLiveness: demandsLiveness(camera.liveness) });
    if (collector.needed * findShortestIntervalMs(camera) > request.timeoutMs) {
      throw new EnrolmentRefused('too-few-frames');
    }
    const cancelled = new Promise<never>((_, reject) => this.#running.set(cameraId, reject));
    cancelled.catch(() => undefined);
    return this.#enrol({ camera, ref, request, call, collector, cancelled }).finally(() =>
      this.#running.delete(cameraId),
    );
  }

  /**
   * Enrols the kept face of an unknown person, as if it were one picture.
   * @throws AppError as `begin` and its promise
   */
  async enrolKept(
    kept: Pick<UnknownShot, 'cameraId' | 'embedding' | 'condition' | 'quality' | 'modelVersion' | 'crop'>,
    request: Pick<EnrolmentRequest, 'group' | 'appKey' | 'externalImageId' | 'duplicateThreshold' | 'enrolment'>,
    actor: string,
  ): Promise<{ groupId: string; imageId: string; face: EnrolledFace }> {
    const camera = this.#parts.config.find(({ id }) => id === kept.cameraId);
    if (!camera) throw new AppError('CAMERA_NOT_FOUND', 'the camera of the kept face is not configured any more');
    const ref = this.#group.find(request.group, request.appKey ?? camera.appKey);
    const { modelVersion } = this.#parts.gallery.group(ref);
    if (kept.modelVersion !== modelVersion) {
      const detail = `The face was kept under the models ${kept.modelVersion}, the group was enrolled under ${modelVersion}.`;
      throw clientError('MODEL_VERSION_MISMATCH', detail);
    }
    // One kept shot is too few for the liveness decision.
    if (demandsLiveness(camera.liveness)) throw new EnrolmentRefused('liveness-missing');
    const { embedding, condition } = kept;
    if (!this.#group.findScales(modelVersion).isRecognisable(condition)) throw new EnrolmentRefused('not-recognisable');
    const embedded = { embedding, ...(condition && { condition }) };
    this.#group.requireNew(ref, embedded, request);
    const { externalImageId } = request;
    const { quality } = kept;
    const face = {
      externalImageId,
      bbox: WHOLE_PICTURE,
      detectionScore: 1,
      quality,
      origin: 'stranger' as const,
      ...embedded,
    };
    const { imageId, enrolled } = await this.#group.store(ref, { faces: [face], crops: [kept.crop], request, actor });
    const [first] = enrolled;
    if (!first) throw new TypeError('the gallery enrolled no face');
    return { groupId: ref.groupId, imageId, face: first };
  }

  /** Cancels the enrolment at one camera, or at all cameras. @param error rejects their promises */
  cancel(error: AppError, cameraId?: string): void {
    for (const [id, cancel] of this.#running) if (cameraId === undefined || id === cameraId) cancel(error);
  }

  /** Cancels the running enrolments, and begins no others. */
  close(): void {
    this.#closed = true;
    this.cancel(new AppError('STOPPED', 'the service is stopping'));
  }

  async #enrol(enrolment: Enrolment): Promise<EnrolmentResult> {
    const { ref, request, call, collector } = enrolment;
    const { gallery, cameras } = this.#parts;
    const { modelVersion } = gallery.group(ref);
    const shots = await this.#collectPerson(enrolment, modelVersion);
    this.#group.requireSame(ref, modelVersion);
    const chosen = chooseFaces(shots, request.faces);
    const [best] = chosen;
    this.#group.requireNew(ref, best, request);
    const closest = this.#group.findClosest(ref, best, request);
    const problem = findProblem(call, cameras);
    if (problem) throw problem;
    const faces = chosen.map(({ bbox, detectionScore, quality, embedding, condition }): NewFace => {
      const { externalImageId } = request;
      const facts = { quality, origin: 'camera' as const };
      return { externalImageId, bbox, detectionScore, ...facts, embedding, ...(condition && { condition }) };
    });
    const { imageId, enrolled } = await this.#group.store(ref, {
      faces,
      crops: chosen.map(({ crop }) => crop),
      request,
      actor: call.actor,
    });
    return {
      groupId: ref.groupId,
      imageId,
      faces: chosen.flatMap(({ quality }, i) => {
        const face = enrolled[i];
        return face ? [{ face, quality }] : [];
      }),
      report: describeShot(best),
      ...(closest && { closest }),
      framesSeen: collector.seen,
      framesUsed: collector.shots.length,
      hints: collector.listReasons(),
    };
  }

  /**
   * Collects shots until enough of them are recognisable and show one person and, where the camera requires it, until the liveness of that person is decided: by the
   * shots of that person alone, so that a live person in the frame does not make a picture of another person count as live.
   * @throws EnrolmentRefused, and what `collectShots` and the vision throw
   */
  async #collectPerson(
    { camera, request, call, collector, cancelled }: Enrolment,
    modelVersion: string,
  ): Promise<PersonShots> {
    const { cameras, vision, clock, timers } = this.#parts;
    const livenessThreshold = pickLivenessThreshold(camera, this.#parts.livenessThresholds);
    const scales = this.#group.findScales(modelVersion);
    const deadlineMs = clock() + request.timeoutMs;
    const shots: EmbeddedShot[] = [];
    for (;;) {
      await collectShots({ cameras, cameraId: camera.id, collector, deadlineMs, call, cancelled, clock, timers });
      const added = collector.shots.slice(shots.length);
      const crops = added.map(({ crop }) => crop);
      const faces = added.length === 0 ? [] : await Promise.race([vision.embedCrops(crops, modelVersion), cancelled]);
      let reason: FrameReason | undefined;
      faces.forEach((face, i) => {
        const shot = added[i];
        if (!shot) return;
        const problem = judgeEmbedded({ ...shot, ...face }, scales);
        if (!problem) return void shots.push({ ...shot, ...face });
        collector.discard(shot, problem);
        reason = problem;
      });
      if (reason) {
        call.onProgress(describeProgress(collector, undefined, reason));
        continue;
      }
      const person = selectPersonShots(shots, scales);
      if (!demandsLiveness(camera.liveness)) return person;
      if (livenessThreshold === undefined) throw new EnrolmentRefused('liveness-missing');
      const verdict = judgeLiveness(person, livenessThreshold, collector.evidence());
      if (verdict === 'live') return person;
      const isOver = clock() >= deadlineMs || !collector.extend(MIN_LIVENESS_SAMPLES);
      if (verdict === 'spoof' || isOver) {
        throw new EnrolmentRefused(person.length < MIN_LIVENESS_SAMPLES ? 'liveness-missing' : 'liveness-not-live');
      }
    }
  }
}

function describeShot({ bbox, pose, measures, detectionScore, masked, condition }: EmbeddedShot): FaceReport {
  return {
    bbox,
    pose,
    quality: measures,
    detectionScore,
    ...(masked === undefined ? {} : { masked }),
    ...(condition && { condition }),
  };
}
