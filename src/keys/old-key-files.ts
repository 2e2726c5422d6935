// The plain registries of Lintel 0.2 in the data directory, and the record in the store that says which of them were taken over.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { AppError } from '../errors.js';
import { syncFolder } from '../platform/write-file.js';
import type { Operation, Space } from '../store/sealed-store.js';
import { MAX_REGISTRY_BYTES, type KeyKind } from './stored-keys.js';

const TAKEOVER_PLACE = Buffer.from('taken-over');

const takeoverSchema = z.object({ app: z.string().optional(), admin: z.string().optional() });

/** SHA-256 of each file that was taken over, in hexadecimal, by the kind of its keys. */
export type Takeover = z.infer<typeof takeoverSchema>;

/** A plain registry that exists. */
export interface OldFile {
  kind: KeyKind;
  path: string;
}

export interface ReadOldFile extends OldFile {
  content: Buffer;
  /** Hexadecimal. */
  sha256: string;
}

/** Returns those of the files that exist, of whatever type. */
export async function findOldFiles(files: readonly OldFile[]): Promise<OldFile[]> {
  const found = await Promise.all(files.map(({ path }) => lstat(path).catch(() => undefined)));
  return files.filter((_, i) => found[i] !== undefined);
}

/** Reads a plain registry. @throws AppError SECRET_INVALID: it is no file, cannot be read, or is longer than a registry can be */
export async function readOldFile({ kind, path }: OldFile): Promise<ReadOldFile> {
  try {
    // A link is not followed, and a pipe does not hold up the start.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new AppError('SECRET_INVALID', `${path} is not a file`);
      if (found.size > MAX_REGISTRY_BYTES) {
        throw new AppError('SECRET_INVALID', `${path} is longer than ${MAX_REGISTRY_BYTES} bytes`);
      }
      const content = await file.readFile();
      return { kind, path, content, sha256: createHash('sha256').update(content).digest('hex') };
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new AppError('SECRET_INVALID', `${path} cannot be read (${code})`, { cause });
  }
}

/** Removes a file durably. @throws errors of the file system */
export async function removeOldFile(path: string): Promise<void> {
  await rm(path);
  await syncFolder(dirname(path));
}

/** Reads what was taken over. @returns undefined for a store of an older version @throws AppError STORE_CORRUPT, STORE_UNAVAILABLE */
export async function readTakeover(space: Space): Promise<Takeover | undefined> {
  const content = await space.get(TAKEOVER_PLACE);
  return content && takeoverSchema.parse(JSON.parse(content.toString()));
}

/** Describes the record that these files were taken over, and that no other file ever will be. */
export function putTakeover(space: Space, files: readonly ReadOldFile[]): Operation {
  const takeover: Takeover = Object.fromEntries(files.map(({ kind, sha256 }) => [kind.id, sha256]));
  return space.put(TAKEOVER_PLACE, Buffer.from(JSON.stringify(takeover)));
}
