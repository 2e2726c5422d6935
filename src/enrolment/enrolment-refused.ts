// The reasons for which a guided enrolment is refused, and the hints that the person gets meanwhile.
import { AppError } from '../errors.js';
import type { FaceReport } from './face-report.types.js';

/** Problems of one frame: the hint for the person, and the text of the refusal when the problem stays. */
export const FRAME_REASONS = {
  'no-face': { hint: 'step in front of the camera', refusal: 'No face was seen.' },
  'several-faces': { hint: 'only one person, please', refusal: 'Others were in sight.' },
  'too-small': { hint: 'come closer', refusal: 'The face was too small.' },
  tilted: {
    hint: 'hold the head upright; if it is upright, the camera hangs turned: set its key rotate',
    refusal: 'The head was tilted by more than 45 degrees, or the camera hangs turned and its key rotate is not set.',
  },
  turned: { hint: 'look at the camera', refusal: 'The face was turned away.' },
  blurred: { hint: 'hold still', refusal: 'The face was blurred.' },
  'too-dark': { hint: 'more light on the face', refusal: 'The face was too dark.' },
  'too-bright': { hint: 'less light on the face', refusal: 'The face was too bright.' },
  masked: { hint: 'take the mask off', refusal: 'The face was masked.' },
  'not-recognisable': {
    hint: 'keep the whole face in sight, in good light',
    refusal: 'The face could not be recognised: it was covered, cut off, or badly lit.',
  },
  obscured: { hint: 'keep the whole face in sight', refusal: 'The face was not seen clearly.' },
} as const;

export type FrameReason = keyof typeof FRAME_REASONS;

/** Texts of the refusals of an uploaded picture, where those of a camera do not fit. */
const PICTURE_REFUSALS: Partial<Record<FrameReason, string>> = {
  'no-face': 'The picture has no face of at least 60 x 60 px.',
  'several-faces': 'The picture shows several faces.',
  tilted: 'The head is tilted by more than 45 degrees, or the picture is not upright.',
};

/** Problems of all frames together, with the text of the refusal. */
export const PERSON_REASONS = {
  'not-the-same-person': 'The frames do not show one person.',
  'already-enrolled-as-somebody-else': 'The person is enrolled under another externalImageId.',
  'id-of-somebody-else': 'Another person is enrolled under this externalImageId.',
  'liveness-not-live': 'The frames do not show clearly that the person is alive and not a picture.',
  'too-few-frames': 'The camera analyses too few frames in this time: set timeoutMs higher, or maxFps of the camera.',
  'liveness-missing': 'The camera requires liveness, and too few frames of the person have a liveness score.',
} as const;

export type EnrolmentReason = FrameReason | keyof typeof PERSON_REASONS;

export const ENROLMENT_REASONS = [...Object.keys(FRAME_REASONS), ...Object.keys(PERSON_REASONS)] as [
  EnrolmentReason,
  ...EnrolmentReason[],
];

/** Enrolled face that refuses the enrolment: of the same person under another externalImageId, or of another person under this one. */
export interface EnrolledAs {
  faceId: string;
  externalImageId?: string;
  similarity: number;
}

export interface RefusalDetails {
  enrolledAs?: EnrolledAs;
  /** The largest face of the picture; absent for an enrolment from a camera. */
  report?: FaceReport;
  /** True for an uploaded picture. */
  isPicture?: boolean;
}

/** Foreseen end of an enrolment without an enrolled face. */
export class EnrolmentRefused extends AppError {
  readonly reason: EnrolmentReason;
  readonly details: RefusalDetails;

  constructor(reason: EnrolmentReason, details: RefusalDetails = {}) {
    const detail = describeReason(reason, details.isPicture);
    super('ENROLMENT_REFUSED', detail, { detail });
    this.reason = reason;
    this.details = details;
  }
}

function describeReason(reason: EnrolmentReason, isPicture = false): string {
  if (!isFrameReason(reason)) return PERSON_REASONS[reason];
  return (isPicture ? PICTURE_REFUSALS[reason] : undefined) ?? FRAME_REASONS[reason].refusal;
}

function isFrameReason(reason: EnrolmentReason): reason is FrameReason {
  return reason in FRAME_REASONS;
}
