// Enrolment from an uploaded picture: the checks of an enrolment before a camera, on one picture. Liveness cannot be judged on it.
import { toFractionBox, type AnalysedImage, type Face } from '../domain/face.js';
import { AppError, clientError } from '../errors.js';
import type { EnrolledFace, NewFace } from '../gallery/gallery.types.js';
import type { Vision } from '../vision/vision.js';
import type { EnrolmentCall, EnrolmentRequest } from './enrolment.types.js';
import { EnrolmentRefused, type FrameReason } from './enrolment-refused.js';
import type { ClosestOther, FaceReport } from './face-report.types.js';
import { judgeFrame } from './frame-check.js';
import { GroupEnrolment, type GroupEnrolmentParts } from './group-enrolment.js';
import { judgeEmbedded } from './person-shots.js';

/** Entry of the audit log: what it says about a face from an uploaded picture. */
const FACTS = { origin: 'file', liveness: 'not-judged' } as const;

export interface PictureEnrolmentRequest extends Pick<
  EnrolmentRequest,
  'group' | 'externalImageId' | 'minQuality' | 'duplicateThreshold' | 'enrolment'
> {
  /** Name of the appKey that owns the group. */
  appKey: string;
  /** True: nothing is stored. */
  dryRun: boolean;
}

export interface PictureEnrolmentResult {
  groupId: string;
  /** Absent for a dry run. */
  enrolled?: EnrolledFace;
  report: FaceReport;
  closest?: ClosestOther;
}

export interface PictureEnrolmentsParts extends GroupEnrolmentParts {
  vision: Pick<Vision, 'modelVersion' | 'analyseImage'>;
}

export class PictureEnrolments {
  readonly #parts: PictureEnrolmentsParts;
  readonly #group: GroupEnrolment;

  constructor(parts: PictureEnrolmentsParts) {
    this.#parts = parts;
    this.#group = new GroupEnrolment(parts);
  }

  /**
   * Enrols the only person of a picture.
   * @param bytes file, JPEG or PNG; not changed
   * @throws AppError NOT_FOUND (no such appKey), GROUP_NOT_FOUND, MODEL_VERSION_MISMATCH, QUOTA_EXCEEDED, UNAUTHORIZED_ADMIN_KEY,
   * STORE_UNAVAILABLE, and those of Vision.analyseImage; EnrolmentRefused
   */
  async enrol(
    bytes: Uint8Array,
    request: PictureEnrolmentRequest,
    { actor, signal, isAllowed }: Pick<EnrolmentCall, 'actor' | 'signal' | 'isAllowed'>,
  ): Promise<PictureEnrolmentResult> {
    const { vision, gallery } = this.#parts;
    const ref = this.#group.find(request.group, request.appKey);
    const { modelVersion } = gallery.group(ref);
    const options = { embed: 1, mask: true, liveness: false, crops: true };
    const isOther = modelVersion !== vision.modelVersion;
    const image = await vision.analyseImage(bytes, { ...options, ...(isOther && { modelVersion }) }, signal);
    if (!isAllowed()) throw clientError('UNAUTHORIZED_ADMIN_KEY', 'The admin key was revoked meanwhile.');
    if (signal.aborted) throw new AppError('STOPPED', 'the client went away');
    this.#group.requireSame(ref, modelVersion);
    const { face, report, probe } = this.#judge(image, request, modelVersion);
    try {
      this.#group.requireNew(ref, probe, request);
      const closest = this.#group.findClosest(ref, probe, request);
      const { externalImageId } = request;
      const { detectionScore } = face;
      const facts = { quality: report.quality.overall, origin: 'file' as const };
      const toStore: NewFace = { externalImageId, bbox: report.bbox, detectionScore, ...facts, ...probe };
      const result = { groupId: ref.groupId, report, ...(closest && { closest }) };
      if (request.dryRun) {
        this.#group.requireOwnId(ref, { faces: [toStore], request });
        return result;
      }
      const storing = { faces: [toStore], crops: [face.crop], request, actor, facts: FACTS };
      const stored = await this.#group.store(ref, storing);
      const [enrolled] = stored.enrolled;
      if (!enrolled) throw clientError('QUOTA_EXCEEDED', 'The group is full.');
      return { ...result, enrolled };
    } catch (error) {
      throw error instanceof EnrolmentRefused
        ? new EnrolmentRefused(error.reason, { ...error.details, report })
        : error;
    }
  }

  /** Returns the one fit face of the picture. @throws EnrolmentRefused */
  #judge(
    image: AnalysedImage,
    { minQuality }: PictureEnrolmentRequest,
    modelVersion: string,
  ): { face: Face; report: FaceReport; probe: Pick<NewFace, 'embedding' | 'condition'> } {
    const verdict = judgeFrame(image, minQuality);
    const [largest] = image.faces;
    const report = largest && describeFace(largest, image);
    const refuse = (reason: FrameReason): never => {
      throw new EnrolmentRefused(reason, { ...(report && { report }), isPicture: true });
    };
    if ('reason' in verdict) return refuse(verdict.reason);
    const { face } = verdict;
    const { embedding, condition, masked } = face;
    if (!report || !embedding || face.isAlignmentSure === false) return refuse('obscured');
    const problem = judgeEmbedded(
      { ...(condition && { condition }), ...(masked === undefined ? {} : { masked }) },
      this.#group.findScales(modelVersion),
    );
    if (problem) return refuse(problem);
    return { face, report, probe: { embedding, ...(condition && { condition }) } };
  }
}

function describeFace(face: Face, image: AnalysedImage): FaceReport | undefined {
  const { boxPx, pose, quality, detectionScore, masked, condition, flaw } = face;
  if (!quality) return undefined;
  return {
    bbox: toFractionBox(boxPx, image),
    pose,
    quality,
    detectionScore,
    ...(masked === undefined ? {} : { masked }),
    ...(condition && { condition }),
    ...(flaw && { flaw }),
  };
}
