// Enrols under the next models as well what is enrolled in a group that has a successor: a second embedding of the same crop.
import type { OtherModels } from '../domain/other-models.js';
import type { Log } from '../domain/log.js';
import { describeError } from '../errors.js';
import type { GroupRef } from '../gallery/gallery.types.js';
import type { Successors } from '../gallery/successors.js';
import type { Vision } from '../vision/vision.js';

/** A face that was enrolled, with its aligned crop (see `Face.crop`). */
export interface EnrolledCrop {
  faceId: string;
  crop: Uint8Array;
}

export interface SuccessorEnrolmentParts {
  successors: Pick<Successors, 'describe' | 'isKept' | 'enrol'>;
  vision: Pick<Vision, 'modelVersion' | 'embedCrops'>;
  otherModels?: OtherModels | undefined;
  log: Log;
}

export class SuccessorEnrolment {
  readonly #parts: SuccessorEnrolmentParts;

  constructor(parts: SuccessorEnrolmentParts) {
    this.#parts = parts;
  }

  /** Returns whether enrolments into the group are to be followed here: the caller then needs the crops. */
  isWanted(ref: GroupRef): boolean {
    const { successors, vision, otherModels } = this.#parts;
    const next = successors.isKept(ref) ? successors.describe(ref) : undefined;
    return (
      next !== undefined && (next.modelVersion === vision.modelVersion || otherModels?.has(next.modelVersion) === true)
    );
  }

  /**
   * Enrols faces in the successor. Never rejects: a person for whom it fails is enrolled in the group alone, and counts as missing in the
   * successor until they are enrolled again.
   */
  async follow(ref: GroupRef, faces: readonly EnrolledCrop[], actor: string): Promise<void> {
    if (faces.length === 0 || !this.isWanted(ref)) return;
    const { successors, vision, log } = this.#parts;
    try {
      const next = successors.describe(ref);
      const embedded = await vision.embedCrops(
        faces.map(({ crop }) => crop),
        next?.modelVersion,
      );
      const succeeding = faces.flatMap(({ faceId }, i) => (embedded[i] ? [{ faceId, ...embedded[i] }] : []));
      await successors.enrol(ref, succeeding, actor);
    } catch (error) {
      const fields = { groupId: ref.groupId, faces: faces.length, error: describeError(error) };
      log.warn(fields, 'faces could not be enrolled under the next models: their people are missing there');
    }
  }
}
