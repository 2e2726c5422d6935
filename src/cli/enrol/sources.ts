// The pictures to enrol and their people: from a folder with one folder for each person, or from a table.
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { AppError } from '../../errors.js';
import { ID_RULE, readTable } from './csv.js';
import { refusePicture, type PictureReason, type PictureResult } from './picture-result.js';

const PICTURE_EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png'];

export interface SourcePicture {
  /** Absolute path, with symbolic links resolved. */
  file: string;
  /** Path for reports, relative to the folder or the table. */
  path: string;
  externalImageId: string;
}

export interface PictureListing {
  /** In the order of their paths, or of the table. */
  pictures: SourcePicture[];
  /** Entries that cannot be enrolled, whatever the picture shows. */
  refused: PictureResult[];
  /** Number of hidden files, and of files that are no pictures by their names. */
  ignoredFiles: number;
}

/**
 * @param source a folder, or a table `path,externalImageId`. The paths in a table are relative to its folder and must stay inside it.
 * @param map a table `folder,externalImageId`, for folders whose names are not the externalImageIds
 * @throws AppError INVALID_PARAM where the source does not exist, or a table is not valid
 */
export async function listPictures(source: string, map?: string): Promise<PictureListing> {
  const found = await stat(source).catch((cause: unknown) => {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new AppError('INVALID_PARAM', `${source} cannot be read (${reason})`, { cause });
  });
  if (found.isDirectory()) return listFolder(source, map);
  if (map !== undefined) throw new AppError('INVALID_PARAM', '--map can be used with a folder only, not with a table');
  return listTable(source);
}

async function listFolder(source: string, map: string | undefined): Promise<PictureListing> {
  const root = await realpath(source);
  const rows = map === undefined ? undefined : await readTable(map, ['folder']);
  const idByFolder = rows && new Map(rows.map(({ name, externalImageId }) => [name, externalImageId]));
  const listing: PictureListing = { pictures: [], refused: [], ignoredFiles: 0 };
  const names = await listNames(root);
  const missing = rows?.find(({ name }) => !names.includes(name));
  if (missing) {
    throw new AppError('INVALID_PARAM', `the table ${map}: line ${missing.line}: there is no folder with this name`);
  }
  for (const name of names) {
    const entry = await resolveEntry(root, join(root, name));
    if (name.startsWith('.')) {
      listing.ignoredFiles++;
    } else if (entry === 'outside') {
      listing.refused.push(refusePicture(name, undefined, OUTSIDE));
    } else if (entry?.kind === 'folder') {
      const externalImageId = idByFolder ? idByFolder.get(name) : name;
      await listPerson(listing, { root, folder: entry.file, name, externalImageId });
    } else if (entry?.kind === 'file' && isPicture(name)) {
      listing.refused.push(
        refusePicture(name, undefined, { reason: 'no-person', detail: "it is in no person's folder" }),
      );
    } else {
      listing.ignoredFiles++;
    }
  }
  return listing;
}

/** Adds the pictures in one person's folder to the listing. */
async function listPerson(
  listing: PictureListing,
  person: { root: string; folder: string; name: string; externalImageId: string | undefined },
): Promise<void> {
  const { root, folder, name, externalImageId } = person;
  for (const file of await listNames(folder)) {
    const path = join(name, file);
    const entry = await resolveEntry(root, join(folder, file));
    const refuse = (reason: PictureReason) => listing.refused.push(refusePicture(path, externalImageId, reason));
    if (file.startsWith('.')) {
      listing.ignoredFiles++;
    } else if (entry !== 'outside' && entry?.kind === 'folder') {
      refuse({ reason: 'nested', detail: "folders inside a person's folder are not read" });
    } else if (!isPicture(file)) {
      listing.ignoredFiles++;
    } else if (externalImageId === undefined) {
      refuse({ reason: 'no-person', detail: 'its folder is not in the table' });
    } else if (!EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId)) {
      refuse({ reason: 'bad-id', detail: `the name of the folder is not an externalImageId: ${ID_RULE}` });
    } else if (entry === 'outside') {
      refuse(OUTSIDE);
    } else if (entry === undefined) {
      refuse(NO_FILE);
    } else {
      listing.pictures.push({ file: entry.file, path, externalImageId });
    }
  }
}

async function listTable(source: string): Promise<PictureListing> {
  const table = await realpath(source);
  const root = dirname(table);
  const listing: PictureListing = { pictures: [], refused: [], ignoredFiles: 0 };
  for (const { name, externalImageId } of await readTable(table, ['path', 'file'])) {
    const entry = await resolveEntry(root, resolve(root, name));
    const refuse = (reason: PictureReason) => listing.refused.push(refusePicture(name, externalImageId, reason));
    if (!isPicture(name)) refuse({ reason: 'unreadable', detail: 'it does not end in .jpg, .jpeg or .png' });
    else if (entry === 'outside') refuse(OUTSIDE);
    else if (entry?.kind !== 'file') refuse(NO_FILE);
    else listing.pictures.push({ file: entry.file, path: name, externalImageId });
  }
  return listing;
}

/** @returns the default path of the journal: beside the folder or the table */
export function getDefaultJournal(source: string): string {
  return join(dirname(source), '.lintel-enrol.jsonl');
}

const OUTSIDE: PictureReason = { reason: 'outside', detail: 'it is outside the folder, or a link that leads outside' };
const NO_FILE: PictureReason = { reason: 'unreadable', detail: 'there is no such file' };

/**
 * Resolves the links of a path, as long as they stay in `root`.
 * @returns undefined where the path is neither a file nor a folder, or does not exist
 */
async function resolveEntry(
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

async function listNames(folder: string): Promise<string[]> {
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
