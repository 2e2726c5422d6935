// Which pictures are to be enrolled, and as whom: from a folder with a folder for each person, or from a table.
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { AppError } from '../../errors.js';
import { ID_RULE, readTable } from './csv.js';
import { refusal, type Outcome, type Reason } from './picture-result.js';

const PICTURE_EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png'];

export interface Picture {
  /** Absolute, symbolic links resolved. */
  file: string;
  /** As reports name it: relative to the folder or the table. */
  path: string;
  externalImageId: string;
}

export interface Listing {
  /** In the order of their paths, or of the table. */
  pictures: Picture[];
  /** What is no picture to begin with. */
  refused: Outcome[];
  /** Files that are no pictures by their names, and hidden ones. */
  leftAlone: number;
}

/**
 * @param source a folder, or a table `path,externalImageId` whose paths are relative to its own folder and must lie in it
 * @param map a table `folder,externalImageId`: who the folders are, where their names are not their externalImageIds
 * @throws AppError INVALID_PARAM: there is no such folder or table, a table that is not valid
 */
export async function listPictures(source: string, map?: string): Promise<Listing> {
  const found = await stat(source).catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new AppError('INVALID_PARAM', `${source} cannot be read (${reason})`, { cause });
  });
  if (found.isDirectory()) return listFolder(source, map);
  if (map !== undefined) throw new AppError('INVALID_PARAM', '--map goes with a folder, not with a table');
  return listTable(source);
}

async function listFolder(source: string, map: string | undefined): Promise<Listing> {
  const root = await realpath(source);
  const rows = map === undefined ? undefined : await readTable(map, ['folder']);
  const idOf = rows && new Map(rows.map(({ name, externalImageId }) => [name, externalImageId]));
  const listing: Listing = { pictures: [], refused: [], leftAlone: 0 };
  const entries = await sortedNames(root);
  const missing = rows?.find(({ name }) => !entries.includes(name));
  if (missing) {
    throw new AppError('INVALID_PARAM', `the table ${map}: line ${missing.line}: there is no folder of this name`);
  }
  for (const name of entries) {
    const entry = await lookAt(root, join(root, name));
    if (name.startsWith('.')) {
      listing.leftAlone++;
    } else if (entry === 'outside') {
      listing.refused.push(refusal(name, undefined, OUTSIDE));
    } else if (entry?.kind === 'folder') {
      const id = idOf ? idOf.get(name) : name;
      await listPerson(listing, { root, folder: entry.file, name, externalImageId: id });
    } else if (entry?.kind === 'file' && isPicture(name)) {
      listing.refused.push(refusal(name, undefined, { reason: 'no-person', detail: "it lies in no person's folder" }));
    } else {
      listing.leftAlone++;
    }
  }
  return listing;
}

async function listPerson(
  listing: Listing,
  person: { root: string; folder: string; name: string; externalImageId: string | undefined },
): Promise<void> {
  const { root, folder, name, externalImageId } = person;
  for (const file of await sortedNames(folder)) {
    const path = join(name, file);
    const entry = await lookAt(root, join(folder, file));
    const refuse = (reason: Reason) => listing.refused.push(refusal(path, externalImageId, reason));
    if (file.startsWith('.')) {
      listing.leftAlone++;
    } else if (entry !== 'outside' && entry?.kind === 'folder') {
      refuse({ reason: 'nested', detail: "folders in a person's folder are not looked into" });
    } else if (!isPicture(file)) {
      listing.leftAlone++;
    } else if (externalImageId === undefined) {
      refuse({ reason: 'no-person', detail: 'its folder is not in the table' });
    } else if (!EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId)) {
      refuse({ reason: 'bad-id', detail: `the folder's name is no externalImageId: ${ID_RULE}` });
    } else if (entry === 'outside') {
      refuse(OUTSIDE);
    } else if (entry === undefined) {
      refuse(NO_FILE);
    } else {
      listing.pictures.push({ file: entry.file, path, externalImageId });
    }
  }
}

async function listTable(source: string): Promise<Listing> {
  const table = await realpath(source);
  const root = dirname(table);
  const listing: Listing = { pictures: [], refused: [], leftAlone: 0 };
  for (const { name, externalImageId } of await readTable(table, ['path', 'file'])) {
    const entry = await lookAt(root, resolve(root, name));
    const refuse = (reason: Reason) => listing.refused.push(refusal(name, externalImageId, reason));
    if (!isPicture(name)) refuse({ reason: 'unreadable', detail: 'it is no .jpg, .jpeg or .png' });
    else if (entry === 'outside') refuse(OUTSIDE);
    else if (entry?.kind !== 'file') refuse(NO_FILE);
    else listing.pictures.push({ file: entry.file, path: name, externalImageId });
  }
  return listing;
}

/** Where the journal lies by default: beside the folder or the table. */
export function defaultJournal(source: string): string {
  return join(dirname(source), '.lintel-enrol.jsonl');
}

const OUTSIDE: Reason = { reason: 'outside', detail: 'it is, or leads, outside the folder' };
const NO_FILE: Reason = { reason: 'unreadable', detail: 'there is no such file' };

/** What a path stands for, links followed as long as they stay in `root`. @returns undefined: neither file nor folder, or not there */
async function lookAt(
  root: string,
  path: string,
): Promise<{ kind: 'file' | 'folder'; file: string } | 'outside' | undefined> {
  try {
    const file = await realpath(path);
    if (!`${file}${sep}`.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) return 'outside';
    const found = await stat(file);
    if (found.isDirectory()) return { kind: 'folder', file };
    return found.isFile() ? { kind: 'file', file } : undefined;
  } catch {
    return undefined;
  }
}

async function sortedNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new AppError('INVALID_PARAM', `the folder ${basename(folder)} cannot be read (${reason})`, { cause });
  }
}

function isPicture(name: string): boolean {
  return PICTURE_EXTENSIONS.includes(extname(name).toLowerCase());
}
