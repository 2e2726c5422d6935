// Lists of people: which externalImageIds a page has, and what is known of each person.
import type { EnrolledFace } from './gallery.types.js';
import type { BestAndWorst, PersonPageRequest, PersonSummary } from './person.types.js';

/**
 * Returns the smallest ids of a column that pass, each once, in order. It keeps few of them at a time: a group may have a million faces.
 * @param column ids by row; undefined for a face without one
 */
export function listPersonIds(
  column: readonly (string | undefined)[],
  { limit, after = '', prefix = '', search = '' }: PersonPageRequest,
): string[] {
  const part = search.toLowerCase();
  let smallest = new Set<string>();
  let ceiling: string | undefined;
  for (const id of column) {
    if (id === undefined || id <= after || !id.startsWith(prefix)) continue;
    if (ceiling !== undefined && id > ceiling) continue;
    // Last, because it costs most.
    if (part !== '' && !id.toLowerCase().includes(part)) continue;
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
  #quality: BestAndWorst | undefined;
  #recognisable: number | undefined;
  #firstMs = Infinity;
  #lastMs = -Infinity;

  constructor(externalImageId: string) {
    this.#externalImageId = externalImageId;
  }

  /** @param isRecognisable undefined where the models are not installed */
  add({ detectionScore, condition, quality, enrolledAtMs }: EnrolledFace, isRecognisable: boolean | undefined): void {
    this.#faces++;
    this.#detectionScore = widen(this.#detectionScore, detectionScore);
    if (quality !== undefined) this.#quality = widen(this.#quality, quality);
    if (isRecognisable !== undefined) this.#recognisable = (this.#recognisable ?? 0) + Number(isRecognisable);
    // A face without a time is older than all that have one.
    this.#firstMs = Math.min(this.#firstMs, enrolledAtMs ?? -Infinity);
    this.#lastMs = Math.max(this.#lastMs, enrolledAtMs ?? -Infinity);
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
      ...(this.#quality && { quality: this.#quality }),
      ...(this.#recognisable !== undefined && { recognisable: this.#recognisable }),
      ...(Number.isFinite(this.#firstMs) && { firstEnrolledAtMs: this.#firstMs }),
      ...(Number.isFinite(this.#lastMs) && { lastEnrolledAtMs: this.#lastMs }),
    };
  }
}

function widen(range: BestAndWorst | undefined, value: number): BestAndWorst {
  return { best: Math.max(range?.best ?? value, value), worst: Math.min(range?.worst ?? value, value) };
}
