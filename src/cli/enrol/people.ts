// The people of an enrolment of whom no face is enrolled in the end, each with the reason and what to do.
import type { EnrolApi } from './api.js';
import type { PictureReason, PictureResult, ReasonCode } from './picture-result.js';
import type { PictureListing, SourcePerson } from './sources.js';

/** Collects, while pictures are processed, whose face is enrolled. */
export class EnrolledPeople {
  readonly #listing: PictureListing;
  readonly #enrolled = new Set<string>();
  /** Reasons of each refused picture, by person. */
  readonly #refused = new Map<string, ReasonCode[][]>();

  constructor(listing: PictureListing) {
    this.#listing = listing;
    for (const result of listing.refused) this.add(result);
  }

  add({ externalImageId: id, outcome, reasons }: PictureResult): void {
    if (id === undefined) return;
    if (outcome !== 'refused') return void this.#enrolled.add(id);
    const refused = this.#refused.get(id) ?? [];
    this.#refused.set(id, [...refused, reasons.map(({ reason }) => reason)]);
  }

  /**
   * Lists the people without a face in the group. Somebody whose pictures were all refused may have been enrolled before, by other means.
   * @throws AppError like EnrolClient.call
   */
  async listMissing(api: Pick<EnrolApi, 'findEnrolled'>): Promise<PictureResult[]> {
    const missing = this.#listing.people.filter(
      ({ externalImageId: id }) => id === undefined || !this.#enrolled.has(id),
    );
    const ids = new Set(missing.flatMap(({ externalImageId: id }) => (id === undefined ? [] : [id])));
    const before = ids.size === 0 ? ids : await api.findEnrolled(ids);
    const named = new Set<string>();
    return missing.flatMap((person) => {
      const { externalImageId: id, path } = person;
      // One person may have several folders.
      if (id !== undefined && (before.has(id) || named.has(id))) return [];
      if (id !== undefined) named.add(id);
      const reasons = [this.#explain(person)];
      return [{ path, ...(id !== undefined && { externalImageId: id }), outcome: 'not-enrolled' as const, reasons }];
    });
  }

  #explain({ externalImageId, reason }: SourcePerson): PictureReason {
    const refused = this.#refused.get(externalImageId ?? '') ?? [];
    if (reason) return reason;
    if (refused.length === 0) return { reason: 'no-picture', detail: 'there is no picture of this person' };
    const which = refused.length === 1 ? 'the only picture was refused' : `all ${refused.length} pictures were refused`;
    return { reason: 'all-refused', detail: `${which}, see above; ${advise(refused.flat())}` };
  }
}

/** @returns what to do about a person whose pictures were refused for these reasons */
function advise(reasons: readonly ReasonCode[]): string {
  if (reasons.includes('service-error')) return 'run the same command again';
  if (reasons.includes('lookalike') || reasons.includes('duplicate')) return 'find out whose face it is';
  return 'use another picture of this person';
}
