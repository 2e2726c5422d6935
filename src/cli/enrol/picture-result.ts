// The result of one picture of an enrolment and its reasons, as the terminal and the report show them.

/** Reason for which a picture is refused or doubtful. The text of a detail may change, a reason may not. */
export type ReasonCode =
  // About a person without an enrolled face.
  | 'no-picture'
  | 'all-refused'
  // About the file.
  | 'no-person'
  | 'bad-id'
  | 'outside'
  | 'nested'
  | 'too-large'
  | 'unreadable'
  // About the face in the picture.
  | 'no-face'
  | 'several-faces'
  | 'small'
  | 'blurred'
  | 'turned-away'
  | 'masked'
  | 'lookalike'
  | 'duplicate'
  // About the answer of the service. `identity`: the face was enrolled, and may not be the person that the externalImageId names.
  | 'identity'
  | 'not-accepted'
  | 'service-error';

export interface PictureReason {
  reason: ReasonCode;
  /** Text for a person. */
  detail: string;
  /** Similarity (0..100) to the enrolled face `faceId`; present for a lookalike and a duplicate. */
  similarity?: number;
  faceId?: string;
  /** The externalImageId of that face; absent where it has none. */
  belongsTo?: string;
}

/** The result of one picture; or, with the outcome `not-enrolled`, of one person of whom no face is enrolled in the group. */
export interface PictureResult {
  /** Path relative to the folder or the table; that of the folder for a person. */
  path: string;
  externalImageId?: string;
  /** `doubtful`: enrolled, but the reasons are worth a look. `already`: enrolled before. */
  outcome: 'enrolled' | 'doubtful' | 'already' | 'refused' | 'not-enrolled';
  reasons: PictureReason[];
  faceId?: string;
}

export function refusePicture(
  path: string,
  externalImageId: string | undefined,
  ...reasons: PictureReason[]
): PictureResult {
  return { path, ...(externalImageId === undefined ? {} : { externalImageId }), outcome: 'refused', reasons };
}

/** @returns one line for the terminal */
export function formatResult({ outcome, path, reasons }: PictureResult): string {
  const details = reasons.map(({ reason, detail }) => `${reason}: ${detail}`).join('; ');
  return `${outcome.padEnd(8)}  ${replaceControls(path)}: ${replaceControls(details)}\n`;
}

/** Replaces control characters, which the name of a file can contain and a terminal would obey. */
function replaceControls(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
