// Searches the files of a database for the bytes of sealed records.
import { readContents } from './support.js';

const SNIPPET_BYTES = 24;
/** Version, key id and nonce: neighbouring records share the first two. */
const HEADER_BYTES = 21;

/**
 * Cuts a sealed record into pieces of its ciphertext and tag. Any part of the record that a file holds contains at least one, unless
 * LevelDB cut it into parts of fewer than 48 bytes.
 */
export function cutSnippets(sealed: Buffer): Buffer[] {
  const snippets: Buffer[] = [];
  for (let at = HEADER_BYTES; at + SNIPPET_BYTES <= sealed.length; at += SNIPPET_BYTES) {
    snippets.push(sealed.subarray(at, at + SNIPPET_BYTES));
  }
  return snippets;
}

/** Lists the names of the files that hold any part of the record. A file that LevelDB removes meanwhile is left out. */
export async function findInFiles(directory: string, sealed: Buffer): Promise<string[]> {
  const snippets = cutSnippets(sealed);
  const contents = await readContents(directory);
  return [...contents].filter(([, content]) => snippets.some((one) => content.includes(one))).map(([name]) => name);
}
