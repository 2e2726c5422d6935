// The index of a copy in memory: which face of the group is which record of the fleet.
import { makeUnfit, type CheckedFace, type CopiedFace } from './copy-records.js';

/** Ids and sequences are unique in it. It holds no digests: they are read from the disk where they are needed. */
export class CopyIndex {
  readonly #sequences = new Map<string, number>();
  readonly #faceIds = new Map<number, string>();

  has(id: string): boolean {
    return this.#sequences.has(id);
  }

  /** @param id of the record, 32 hexadecimal digits @returns the face of the record; undefined for an unknown record */
  find(id: string): { sequence: number; faceId: string } | undefined {
    const sequence = this.#sequences.get(id);
    return sequence === undefined ? undefined : { sequence, faceId: this.#faceIds.get(sequence)! };
  }

  add({ id, sequence }: Pick<CopiedFace, 'id' | 'sequence'>, faceId: string): void {
    this.#sequences.set(id, sequence);
    this.#faceIds.set(sequence, faceId);
  }

  delete(id: string): void {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return;
    this.#sequences.delete(id);
    this.#faceIds.delete(sequence);
  }

  /** Lists the sequences that become free when records leave and faces come. @param leaving ids of records */
  listFreed(leaving: ReadonlySet<string>, faces: readonly Pick<CopiedFace, 'sequence'>[]): number[] {
    const taken = new Set(faces.map(({ sequence }) => sequence));
    return [...leaving].flatMap((id) => this.#sequences.get(id) ?? []).filter((sequence) => !taken.has(sequence));
  }

  /**
   * Checks that faces can take the place of those that leave: no sequence and no faceId stands in the copy twice.
   * @param leaving ids of records; those of the faces themselves are among them
   * @param hasFace tells whether the group has a face now @throws AppError FLEET_FORGED
   */
  requireFitting(
    faces: readonly CheckedFace[],
    leaving: ReadonlySet<string>,
    hasFace: (faceId: string) => boolean,
  ): void {
    const left = [...leaving].flatMap((id) => this.find(id) ?? []);
    const freeSequences = new Set(left.map(({ sequence }) => sequence));
    const freeFaceIds = new Set(left.map(({ faceId }) => faceId));
    const [sequences, faceIds] = [new Set<number>(), new Set<string>()];
    for (const { sequence, face } of faces) {
      const isTaken =
        sequences.has(sequence) ||
        faceIds.has(face.faceId) ||
        (this.#faceIds.has(sequence) && !freeSequences.has(sequence)) ||
        (hasFace(face.faceId) && !freeFaceIds.has(face.faceId));
      if (isTaken) throw makeUnfit('a face stands in it twice');
      sequences.add(sequence);
      faceIds.add(face.faceId);
    }
  }
}
