// Compares all faces of a gallery with what was published of them, in pieces.
import type { SourceFace } from '../gallery/group-copies.js';
import { Turns } from './at-once.js';
import { BUCKETS, PackedTable } from './packed-table.js';
import type { PublishedRecords } from './published-records.js';

const PRESENT = Buffer.alloc(0);

/** Content of a record by its id in hexadecimal; without `plain` it is deleted. */
export interface RecordChange {
  id: string;
  plain?: Buffer | undefined;
}

/** Records that are different in the gallery, and those that are the same and that the log lacks. */
export interface ComparedPiece {
  changed: RecordChange[];
  again: RecordChange[];
}

export interface FaceComparison {
  faces: AsyncIterable<SourceFace>;
  encode: (face: SourceFace) => { id: string; plain: Buffer };
  published: PublishedRecords;
  /** Ids of records that the log lacks. */
  missing: PackedTable;
  /** Number of records of a piece. */
  size: number;
}

/** Yields pieces that are not empty. Records of faces that are gone come at the end. */
export async function* compareFaces({
  faces,
  encode,
  published,
  missing,
  size,
}: FaceComparison): AsyncGenerator<ComparedPiece> {
  const seen = new PackedTable(0);
  const turns = new Turns();
  let piece: ComparedPiece = { changed: [], again: [] };
  const take = function* (least: number): Generator<ComparedPiece> {
    if (piece.changed.length + piece.again.length < least) return;
    const full = piece;
    piece = { changed: [], again: [] };
    yield full;
  };
  for await (const face of faces) {
    const { id, plain } = encode(face);
    seen.set(id, PRESENT);
    if (!published.isKnown(id, plain)) piece.changed.push({ id, plain });
    else if (missing.has(id)) piece.again.push({ id, plain });
    yield* take(size);
    await turns.next();
  }
  yield* take(1);
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for (const [id] of published.tree.entries(bucket)) if (!seen.has(id)) piece.changed.push({ id });
    yield* take(size);
    await turns.next();
  }
  yield* take(1);
}
