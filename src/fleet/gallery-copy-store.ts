// Keeps a copied group in the gallery of a door.
import type { GroupCopies } from '../gallery/group-copies.js';
import type { GroupRef } from '../gallery/gallery.types.js';
import { decodePayload } from './face-payload.js';
import type { CopiedRecord, CopyStore, StagedVersion } from './group-copy.js';
import { decodeAppliedHead, type Head } from './head.js';

/** The head lies beside the faces and is written with them, as JSON. */
export class GalleryCopyStore implements CopyStore {
  readonly #copies: GroupCopies;
  readonly #ref: GroupRef;

  constructor(copies: GroupCopies, ref: GroupRef) {
    this.#copies = copies;
    this.#ref = ref;
  }

  /** Reads what a GroupCopy begins with. @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE, GROUP_NOT_FOUND */
  async read(): Promise<{ applied: Head | undefined; digests: ReadonlyMap<string, Buffer> }> {
    const { head, digests } = await this.#copies.read(this.#ref);
    return { applied: head === undefined ? undefined : decodeAppliedHead(head), digests };
  }

  async apply({
    head,
    puts,
    deletes,
  }: {
    head: Head;
    puts: readonly CopiedRecord[];
    deletes: readonly string[];
  }): Promise<void> {
    await this.#copies.apply(this.#ref, { head: JSON.stringify(head), puts: puts.map(decodePayload), deletes });
  }

  async confirm(head: Head): Promise<void> {
    await this.#copies.apply(this.#ref, { head: JSON.stringify(head), puts: [], deletes: [] });
  }

  async begin({ records }: { records: number }): Promise<StagedVersion> {
    const staged = await this.#copies.begin(this.#ref, { expected: records });
    return {
      add: (pieces) => staged.add(pieces.map(decodePayload)),
      commit: ({ head, deletes }) => staged.commit({ head: JSON.stringify(head), deletes }),
      abandon: () => staged.abandon(),
    };
  }
}
