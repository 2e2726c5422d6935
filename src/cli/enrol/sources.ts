// The pictures to enrol and their people: from a folder with one folder for each person, or from a table.
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { AppError, describeError } from '../../errors.js';
import { ID_RULE, readTable } from './csv.js';
import { refusePicture, type PictureReason, type PictureResult } from './picture-result.js';

/** Endings of the names of pictures. What a picture is, its content decides: phones give the name .jpg to HEIC as well. */
const PICTURE_EXTENSIONS: readonly string[] = [
  ...['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.avif', '.heic', '.heif', '.hif', '.gif', '.tif', '.tiff'],
  // Named here to be refused with a reason, and not ignored.
  '.bmp',
];
/** Endings of videos, such as the one that a phone stores beside a live photo. */
const VIDEO_EXTENSIONS: readonly string[] = ['.mov', '.mp4', '.m4v', '.avi', '.mkv', '.webm', '.3gp'];

export interface SourcePicture {
  /** Absolute path, with symbolic links resolved. */
  file: string;
  /** Path for reports, relative to the folder or the table. */
  path: string;
  externalImageId: string;
}

/** A person of the source, with or without pictures. */
export interface SourcePerson {
  /** Absent where the folder is not in the table --map. */
  externalImageId?: string;
  /** Name of the folder, or the first path of the table. */
  path: string;
  /** Why the folder yields no picture, whatever is in it; absent where it yields some. */
  reason?: PictureReason;
}

export interface PictureListing {
  /** In the order of their paths, or of the table. */
  pictures: SourcePicture[];
  /** Entries that cannot be enrolled, whatever the picture shows. */
  refused: PictureResult[];
  /** Every person of the source, in its order. */
  people: SourcePerson[];
  /** Number of files that are videos by their names. */
  ignoredVideos: number;
  /** Number of hidden files, and of other files that are no pictures by their names. */
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
  const listing = createListing();
  const names = await listNames(root);
  const missing = rows?.find(({ name }) => !names.includes(name));
  if (missing) {
    throw new AppError('INVALID_PARAM', `the table ${map}: line ${missing.line}: there is no folder with this name`);
  }
  for (const name of names) {
    const entry = await resolveEntry(root, join(root, name));
    const externalImageId = idByFolder ? idByFolder.get(name) : name;
    if (name.startsWith('.')) {
      listing.ignoredFiles++;
    } else if (entry === 'outside') {
      listing.refused.push(refusePicture(name, undefined, OUTSIDE));
    } else if (entry?.kind === 'folder') {
      await listPerson(listing, { root, folder: entry.file, name, externalImageId });
    } else if (entry?.kind === 'file' && isPicture(name)) {
      listing.refused.push(
        refusePicture(name, undefined, { reason: 'no-person', detail: "it is in no person's folder" }),
      );
    } else {
      ignore(listing, name);
    }
  }
  return listing;
}

function createListing(): PictureListing {
  return { pictures: [], refused: [], people: [], ignoredVideos: 0, ignoredFiles: 0 };
}

/** Counts a file that is no picture. @returns what it is, as the report names it */
function ignore(listing: PictureListing, file: string): string {
  const extension = extname(file).toLowerCase();
  if (VIDEO_EXTENSIONS.includes(extension)) {
    listing.ignoredVideos++;
    return `a video (${extension})`;
  }
  listing.ignoredFiles++;
  if (file.startsWith('.')) return 'a hidden file';
  return extension === '' ? 'a file without an ending' : `a file ${extension}`;
}

interface PersonFolder {
  root: string;
  folder: string;
  name: string;
  externalImageId: string | undefined;
}

/** Adds one person, and the pictures in the folder of the person, to the listing. */
async function listPerson(listing: PictureListing, person: PersonFolder): Promise<void> {
  const { folder, name, externalImageId } = person;
  const add = (reason?: PictureReason) => {
    listing.people.push({
      ...(externalImageId !== undefined && { externalImageId }),
      path: name,
      ...(reason && { reason }),
    });
  };
  let files: string[];
  try {
    files = await listNames(folder);
  } catch (error) {
    return add({ reason: 'unreadable', detail: `${describeError(error)}; check its owner and its mode` });
  }
  const before = listing.pictures.length + listing.refused.length;
  const others = new Set<string>();
  for (const file of files) {
    const other = await listPersonFile(listing, person, file);
    if (other !== undefined) others.add(other);
  }
  const problem = findFolderProblem(externalImageId);
  if (problem) return add(problem);
  if (listing.pictures.length + listing.refused.length > before) return add();
  const holds = files.length === 0 ? 'is empty' : `holds no picture, but ${[...others].sort().join(', ')}`;
  add({ reason: 'no-picture', detail: `the folder ${holds}; put a picture of this person into it` });
}

/** @returns the reason to refuse all pictures of a folder */
function findFolderProblem(externalImageId: string | undefined): PictureReason | undefined {
  if (externalImageId === undefined) return { reason: 'no-person', detail: 'its folder is not in the table' };
  if (EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId)) return undefined;
  return { reason: 'bad-id', detail: `the name of the folder is not an externalImageId: ${ID_RULE}` };
}

/** Adds one file of a person's folder to the listing. @returns what it is where it is no picture */
async function listPersonFile(
  listing: PictureListing,
  { root, folder, name, externalImageId }: PersonFolder,
  file: string,
): Promise<string | undefined> {
  const path = join(name, file);
  const entry = await resolveEntry(root, join(folder, file));
  const refuse = (reason: PictureReason) => void listing.refused.push(refusePicture(path, externalImageId, reason));
  const problem = findFolderProblem(externalImageId);
  if (!file.startsWith('.') && entry !== 'outside' && entry?.kind === 'folder') {
    refuse({ reason: 'nested', detail: "folders inside a person's folder are not read" });
  } else if (file.startsWith('.') || !isPicture(file)) {
    return ignore(listing, file);
  } else if (problem || externalImageId === undefined) {
    if (problem) refuse(problem);
  } else if (entry === 'outside') {
    refuse(OUTSIDE);
  } else if (entry === undefined) {
    refuse(NO_FILE);
  } else {
    listing.pictures.push({ file: entry.file, path, externalImageId });
  }
  return undefined;
}

async function listTable(source: string): Promise<PictureListing> {
  const table = await realpath(source);
  const root = dirname(table);
  const listing = createListing();
  const known = new Set<string>();
  for (const { name, externalImageId } of await readTable(table, ['path', 'file'])) {
    if (!known.has(externalImageId)) listing.people.push({ externalImageId, path: name });
    known.add(externalImageId);
    const entry = await resolveEntry(root, resolve(root, name));
    const refuse = (reason: PictureReason) => listing.refused.push(refusePicture(name, externalImageId, reason));
    if (!isPicture(name))
      refuse({
        reason: 'unreadable',
        detail: `its name does not end like that of a picture (${PICTURE_EXTENSIONS.join(' ')})`,
      });
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
