// What became of a picture, and why; as the terminal and the report say it.

/** Why a picture is refused or doubtful. A detail may change, a reason may not. */
export type ReasonCode =
  // Of the file.
  | 'no-person'
  | 'bad-id'
  | 'outside'
  | 'nested'
  | 'too-large'
  | 'unreadable'
  // Of the picture: doubts.
  | 'no-face'
  | 'several-faces'
  | 'small'
  | 'blurred'
  | 'turned-away'
  | 'masked'
  | 'lookalike'
  | 'duplicate'
  // Of the service.
  | 'not-accepted'
  | 'service-error';

export interface Reason {
  reason: ReasonCode;
  /** For a person. */
  detail: string;
  /** 0..100, of a lookalike or duplicate; with the enrolled face that it is so similar to. */
  similarity?: number;
  faceId?: string;
  /** Absent where that face has none. */
  belongsTo?: string;
}

export interface Outcome {
  /** Relative to the folder or the table. */
  path: string;
  externalImageId?: string;
  /** `doubtful` is enrolled, with reasons to look at it; `already` was enrolled before. */
  outcome: 'enrolled' | 'doubtful' | 'already' | 'refused';
  reasons: Reason[];
  faceId?: string;
}

export function refusal(path: string, externalImageId: string | undefined, ...reasons: Reason[]): Outcome {
  return { path, ...(externalImageId === undefined ? {} : { externalImageId }), outcome: 'refused', reasons };
}

/** One line for the terminal. */
export function outcomeLine({ outcome, path, reasons }: Outcome): string {
  const why = reasons.map(({ reason, detail }) => `${reason}: ${detail}`).join('; ');
  return `${outcome.padEnd(8)}  ${printable(path)}: ${printable(why)}\n`;
}

/** A file's name may hold anything; a terminal must not obey it. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
