// The sentences of `detail` about faces that cannot be recognised.
import type { FaceCondition } from '../../domain/condition.js';
import type { Face, FaceFlaw } from '../../domain/face.js';
import type { SimilarityScales } from '../../domain/similarity-scales.js';

/** Adjectives for each flaw. */
const FLAWS: Readonly<Record<FaceFlaw, string>> = {
  dark: 'too dark',
  bright: 'overexposed',
  blurred: 'blurred or too coarse',
  covered: 'covered',
  turned: 'turned away',
};
/** Causes that leave no measurable flaw. */
const NO_FLAW = 'covered, cut off or distorted';

/** Returns whether a face matches nobody because its embedding means nothing. A face without an embedding is not meant. */
export function isUnrecognisable(
  { embedding, condition }: { embedding?: Float32Array; condition?: FaceCondition | undefined },
  scales: SimilarityScales,
): boolean {
  return embedding !== undefined && !scales.isRecognisable(condition);
}

type Flawed = Pick<Face, 'flaw'>;

/** Returns the sentence about the faces that were not registered because they cannot be recognised; undefined where there are none. */
export function explainNotAdded(faces: readonly Flawed[]): string | undefined {
  if (faces.length === 0) return undefined;
  const [were, they] = faces.length === 1 ? ['1 face was', 'it cannot'] : [`${faces.length} faces were`, 'they cannot'];
  return `${were} not added: ${they} be recognised, because ${listCauses(faces)}.`;
}

/**
 * Returns the sentence about faces of a picture that match nobody because they cannot be recognised; undefined where there are none.
 * @param picture the parameter that holds the picture
 */
export function explainNoMatch(faces: readonly Flawed[], picture: string): string | undefined {
  if (faces.length === 0) return undefined;
  if (faces.length === 1) {
    return `A face in ${picture} cannot be recognised, because ${listCauses(faces)}: it matches nobody.`;
  }
  return `${faces.length} faces in ${picture} cannot be recognised, because ${listCauses(faces)}: they match nobody.`;
}

/** The sentence about an enrolled face that cannot be recognised. */
export const ENROLLED_UNRECOGNISABLE =
  'The enrolled face cannot be recognised, and matches nobody: register a better picture of the person.';

/** Joins sentences; undefined where there are none. */
export function joinSentences(...sentences: readonly (string | undefined)[]): string | undefined {
  const all = sentences.filter((sentence) => sentence !== undefined);
  return all.length === 0 ? undefined : all.join(' ');
}

function listCauses(faces: readonly Flawed[]): string {
  const counts = new Map<string, number>();
  for (const { flaw } of faces) {
    const cause = flaw ? FLAWS[flaw] : NO_FLAW;
    counts.set(cause, (counts.get(cause) ?? 0) + 1);
  }
  const [[only] = ['']] = [...counts];
  if (counts.size === 1) return faces.length === 1 ? `it is ${only}` : `they are ${only}`;
  const clauses = [...counts].map(([cause, count]) => `${count} ${count === 1 ? 'is' : 'are'} ${cause}`);
  return `${clauses.slice(0, -1).join(', ')} and ${clauses.at(-1)}`;
}
