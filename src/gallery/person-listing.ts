// Lists of people: which externalImageIds a page has, and what is known of each person.
import type { EnrolledFace } from './gallery.types.js';
import type { BestAndWorst, PersonPageRequest, PersonSummary } from './person.types.js';

/**
 * Returns the smallest ids of a column that pass, each once, in order. It keeps few of them at a time: a group may have a million faces.
 * @param column ids by row; undefined for a face without one
 */
export function listPersonIds(
  column: readonly (string | undefined)[],
  { limit, after = '', prefix = '' }: PersonPageRequest,
): string[] {
  let smallest = new Set<string>();
  let ceiling: string | undefined;
  for (const id of column) {
    if (id === undefined || id <= after || !id.startsWith(prefix)) continue;
    if (ceiling !== undefined && id > ceiling) continue;
    smallest.add(id);
    if (smallest.size < 4 * limit) continue;
    const kept = sortIds(smallest).slice(0, limit);
    smallest = new Set(kept);
    ceiling = kept.at(-1);
  }
  return sortIds(smallest).slice(0, limit);
}

/** Sorts as the operators `<` and `>` compare. */
function sortIds(ids: Iterable<string>): string[] {
  return [...ids].sort((a, b) => (a < b ? -1 : Number(a > b)));
}

/** Adds up the faces of one person. */
export class PersonTally {
  readonly #externalImageId: string;
  #faces = 0;
  #masked = 0;
  #detectionScore: BestAndWorst | undefined;
  #recognisability: BestAndWorst | undefined;

  constructor(externalImageId: string) {
    this.#externalImageId = externalImageId;
  }

  add({ detectionScore, condition }: EnrolledFace): void {
    this.#faces++;
    this.#detectionScore = widen(this.#detectionScore, detectionScore);
    if (!condition) return;
    if (condition.masked) this.#masked++;
    this.#recognisability = widen(this.#recognisability, condition.recognisability);
  }

  /** Returns undefined without a face. */
  summary(): PersonSummary | undefined {
    if (!this.#detectionScore) return undefined;
    return {
      externalImageId: this.#externalImageId,
      faces: this.#faces,
      masked: this.#masked,
      detectionScore: this.#detectionScore,
      ...(this.#recognisability && { recognisability: this.#recognisability }),
    };
  }
}

function widen(range: BestAndWorst | undefined, value: number): BestAndWorst {
  return { best: Math.max(range?.best ?? value, value), worst: Math.min(range?.worst ?? value, value) };
}
