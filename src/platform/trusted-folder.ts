// Finds what other users could change in a folder that only the service may write: its owner, its modes, and links in it.
import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** Permission bits of the group and of others for writing. */
const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ANYBODY = 0o002;
/** In a folder with this bit, only the owner of an entry may rename or remove it. */
const STICKY = 0o1000;

/** Why a folder is not safe: one sentence without its end, which names the path, its mode or owner, and how to fix it. */
export type FolderFault = string;

export interface TrustedFolderOptions {
  /** User who may own everything, beside root. Default: the user of this process. */
  userId?: number;
  /** Number of faults after which the search ends. */
  limit?: number;
}

/**
 * Checks a folder and what lies in it, one level deep: everything belongs to this user or to root, nobody else can write to it, and no
 * entry is a symbolic link. The folder itself may be reached through a link. A folder that does not exist has no fault.
 * @returns the faults, at most `limit` (5)
 * @throws errors of the file system, such as EACCES
 */
export async function findFolderFaults(path: string, options: TrustedFolderOptions = {}): Promise<FolderFault[]> {
  const { userId = process.geteuid?.() ?? 0, limit = 5 } = options;
  const folder = await examine(path, stat);
  if (!folder) return [];
  const faults = listFaults(path, folder, userId);
  if (!folder.isDirectory()) return faults;
  for (const name of await readdir(path)) {
    if (faults.length >= limit) break;
    const entry = join(path, name);
    // LevelDB removes files while a service runs.
    const found = await examine(entry, lstat);
    if (found) faults.push(...listFaults(entry, found, userId));
  }
  return faults.slice(0, limit);
}

/** Returns the nearest folder above `path` in which anybody can replace what lies on the way to it; undefined when there is none. */
export async function findOpenParent(path: string): Promise<string | undefined> {
  for (let child = resolve(path), parent = dirname(child); parent !== child; child = parent, parent = dirname(child)) {
    const found = await examine(parent, stat);
    if (found && (found.mode & WRITABLE_BY_ANYBODY) !== 0 && (found.mode & STICKY) === 0) return parent;
  }
  return undefined;
}

function listFaults(path: string, file: Stats, userId: number): FolderFault[] {
  if (file.isSymbolicLink()) return [`${path} is a symbolic link; put what it points to in its place`];
  const { mode, uid } = file;
  const faults: FolderFault[] = [];
  const options = file.isDirectory() ? ' -R' : '';
  if (uid !== userId && uid !== 0) {
    faults.push(`${path} belongs to another user (${uid}); change that with: chown${options} ${userId} ${path}`);
  }
  if ((mode & WRITABLE_BY_OTHERS) !== 0) {
    const digits = (mode & 0o7777).toString(8);
    faults.push(`other users can write to ${path} (mode ${digits}); forbid that with: chmod${options} go-w ${path}`);
  }
  return faults;
}

async function examine(path: string, read: (path: string) => Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await read(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
