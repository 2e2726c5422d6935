// The log of a fleet in a folder that its members share or carry: rsync, a USB stick, a mounted bucket. It needs no server.
import { createHash } from 'node:crypto';
import { constants, existsSync, watch, type Dirent, type FSWatcher } from 'node:fs';
import { mkdir, open, readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Timers } from '../domain/time.js';
import { AppError } from '../errors.js';
import {
  isWord,
  mustBeSubject,
  type Appended,
  type FleetLog,
  type LogState,
  type StreamMessage,
  type SubjectValue,
} from './fleet-log.js';

/** File that holds the value of a subject, in the folder of the subject. It is no word of a subject. */
const VALUE = 'value.bin';
const POSITION_DIGITS = 15;
/** Number of positions of a stream whose messages lie in one folder: neither an append nor a read goes through all of them. */
const PART_MESSAGES = 1_000;
/** A dot is in no word of a subject. */
const PART_PREFIX = 'part.';
/** Header of a value: its length and the beginning of its SHA-256. They show a file of which only a part has been copied. */
const LENGTH_BYTES = 4;
const CHECK_BYTES = 12;
const HEADER_BYTES = LENGTH_BYTES + CHECK_BYTES;
/** A larger file is none of the fleet. */
const MAX_FILE_BYTES = 32_000_000;
const READS_AT_ONCE = 32;

export interface FolderLogOptions {
  folder: string;
  /** Time between two looks at the folder while somebody watches it. */
  pollMs: number;
  timers: Timers;
  /** Makes names for files that are being written. */
  newId: () => string;
}

/** Limits of all streams together. */
export interface StreamLimits {
  maxAgeMs: number;
  maxBytes: number;
}

/**
 * Writes are atomic, by renaming: a reader sees the old value or the new one. A program that copies the folder may leave half a file: it counts as
 * none. Several processes may use one folder.
 */
export class FolderLog implements FleetLog {
  readonly #options: FolderLogOptions;
  readonly #watches = new Set<{ close: () => void }>();

  constructor(options: FolderLogOptions) {
    this.#options = options;
  }

  get state(): LogState {
    return existsSync(this.#options.folder)
      ? { isConnected: true }
      : { isConnected: false, detail: 'The folder of the fleet does not exist.' };
  }

  async put(subject: string, value: Uint8Array): Promise<void> {
    await this.#write(this.#findFile(subject), value);
  }

  async get(subject: string): Promise<Buffer | undefined> {
    return reach(() => readIfThere(this.#findFile(subject)));
  }

  async *getMany(subjects: Iterable<string>): AsyncGenerator<{ subject: string; value: Buffer | undefined }> {
    let batch: string[] = [];
    const read = (): Promise<{ subject: string; value: Buffer | undefined }[]> => {
      const names = batch;
      batch = [];
      return Promise.all(names.map(async (subject) => ({ subject, value: await this.get(subject) })));
    };
    for (const subject of subjects) {
      batch.push(subject);
      if (batch.length === READS_AT_ONCE) yield* await read();
    }
    yield* await read();
  }

  async remove(subject: string): Promise<void> {
    const file = this.#findFile(subject);
    await reach(() => rm(file, { force: true }));
    // An empty folder takes room; one that holds other subjects stays.
    await rmdir(dirname(file)).catch(() => undefined);
  }

  async removeAll(prefix: string): Promise<void> {
    const folder = dirname(this.#findFile(prefix));
    for (const { name } of await reach(() => listEntries(folder))) {
      if (name !== VALUE) await reach(() => rm(join(folder, name), { recursive: true, force: true }));
    }
  }

  async *list(prefix: string): AsyncGenerator<string> {
    yield* this.#walk(mustBeSubject(prefix), false);
  }

  async *readAll(prefix: string): AsyncGenerator<SubjectValue> {
    let batch: string[] = [];
    for await (const subject of this.list(prefix)) {
      batch.push(subject);
      if (batch.length < READS_AT_ONCE) continue;
      yield* this.#readPresent(batch);
      batch = [];
    }
    yield* this.#readPresent(batch);
  }

  /** Looks at the folder at intervals, and at once where the system reports that a member of this machine writes. */
  async watch(prefix: string, listener: (subject: string | undefined) => void): Promise<() => Promise<void>> {
    const { timers, pollMs, folder } = this.#options;
    let seen = await this.#stamp(prefix);
    let timer: unknown;
    let isLooking = false;
    let isAgain = false;
    const look = async (): Promise<void> => {
      isAgain = isLooking;
      if (isLooking) return;
      isLooking = true;
      timers.clearTimeout(timer);
      try {
        const now = await this.#stamp(prefix);
        const changed = [...new Set([...seen.keys(), ...now.keys()])].filter(
          (name) => seen.get(name) !== now.get(name),
        );
        seen = now;
        for (const subject of changed) if (this.#watches.has(token)) listener(subject);
      } catch {
        // A folder that is away now may come back changed.
        seen = new Map();
        if (this.#watches.has(token)) listener(undefined);
      }
      isLooking = false;
      if (this.#watches.has(token)) timer = timers.setTimeout(() => void look(), isAgain ? 0 : pollMs);
    };
    const token = { close: () => (timers.clearTimeout(timer), watcher?.close()) };
    this.#watches.add(token);
    timer = timers.setTimeout(() => void look(), pollMs);
    const watcher = await watchFolder(join(folder, 'new'), () => this.#watches.has(token) && void look());
    return async () => {
      this.#watches.delete(token);
      token.close();
    };
  }

  async append(stream: string, id: string, message: Uint8Array, after?: number): Promise<Appended> {
    const folder = this.#findStream(stream);
    const name = createHash('sha256').update(id).digest('hex').slice(0, 32);
    // An id is looked for among the messages of the last two parts: those of the last thousand messages and more.
    const parts = (await reach(() => listParts(folder))).slice(-2);
    const lists = await Promise.all(parts.map((part) => reach(() => listNames(join(folder, part)))));
    let last = 0;
    for (const known of lists.flat()) {
      const position = readPosition(known);
      if (known.endsWith(`-${name}`)) return { outcome: 'repeat', position };
      last = Math.max(last, position);
    }
    if (after !== undefined && after !== last) return { outcome: 'moved', position: last };
    // Two members that append at the same moment get the same position and different names: both messages are kept.
    const position = last + 1;
    await this.#write(join(folder, namePart(position), `${formatPosition(position)}-${name}`), message);
    // A value that a power cut takes away is written again by its owner; a message is not.
    await syncFolder(join(folder, namePart(position)));
    return { outcome: 'added', position };
  }

  async *read(stream: string, after: number): AsyncGenerator<StreamMessage> {
    const folder = this.#findStream(stream);
    const first = namePart(after + 1);
    for (const part of await reach(() => listParts(folder))) {
      if (part < first) continue;
      for (const name of (await reach(() => listNames(join(folder, part)))).sort()) {
        const position = readPosition(name);
        const message = position > after ? await reach(() => readIfThere(join(folder, part, name))) : undefined;
        if (message) yield { position, message };
      }
    }
  }

  /**
   * Removes the oldest messages of all streams beyond the limits, and never the newest one of a stream, from which its positions go on.
   * @returns the number of messages that were removed @throws AppError FLEET_UNREACHABLE
   */
  async limitStreams({ maxAgeMs, maxBytes }: StreamLimits, nowMs: number): Promise<number> {
    const found: { file: string; bytes: number; writtenMs: number; isNewest: boolean }[] = [];
    await reach(async () => {
      for await (const folder of walkStreams(join(this.#options.folder, 'streams'))) {
        const parts = await listParts(folder);
        for (const part of parts) {
          const names = (await listNames(join(folder, part))).sort();
          for (const name of names) {
            const file = join(folder, part, name);
            const { size, mtimeMs: writtenMs } = await stat(file);
            const bytes = Math.max(0, size - HEADER_BYTES);
            found.push({ file, bytes, writtenMs, isNewest: part === parts.at(-1) && name === names.at(-1) });
          }
        }
      }
    });
    let bytes = found.reduce((sum, one) => sum + one.bytes, 0);
    let removed = 0;
    for (const one of found.sort((a, b) => a.writtenMs - b.writtenMs)) {
      if (one.isNewest || (bytes <= maxBytes && nowMs - one.writtenMs <= maxAgeMs)) continue;
      await reach(() => rm(one.file, { force: true }));
      bytes -= one.bytes;
      removed++;
    }
    return removed;
  }

  async close(): Promise<void> {
    for (const watched of this.#watches) watched.close();
    this.#watches.clear();
  }

  #findFile(subject: string): string {
    return join(this.#options.folder, 'values', ...mustBeSubject(subject).split('.'), VALUE);
  }

  #findStream(stream: string): string {
    return join(this.#options.folder, 'streams', ...mustBeSubject(stream).split('.'));
  }

  async #write(file: string, value: Uint8Array): Promise<void> {
    const { folder, newId } = this.#options;
    const fresh = join(folder, 'new', newId());
    await reach(async () => {
      await mkdir(dirname(fresh), { recursive: true });
      await writeSafely(fresh, value);
      try {
        await this.#move(fresh, file);
      } catch (error) {
        // Somebody removed the empty folder in between.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        await this.#move(fresh, file);
      }
    });
  }

  async #move(fresh: string, file: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    // A link in the folder must not lead a write elsewhere.
    const [place, whole] = await Promise.all([realpath(dirname(file)), realpath(this.#options.folder)]);
    if (!place.startsWith(whole + sep)) throw Object.assign(new Error('a link leads out of it'), { code: 'ELOOP' });
    await rename(fresh, file);
  }

  async *#readPresent(subjects: readonly string[]): AsyncGenerator<SubjectValue> {
    for await (const { subject, value } of this.getMany(subjects)) if (value) yield { subject, value };
  }

  /** Walks through what members wrote, and nothing else: other names, links and files in the way are left out. */
  async *#walk(subject: string, isBelow: boolean): AsyncGenerator<string> {
    const folder = dirname(this.#findFile(subject));
    for (const entry of await reach(() => listEntries(folder))) {
      if (entry.name === VALUE) {
        if (isBelow && entry.isFile()) yield subject;
      } else if (isWord(entry.name) && entry.isDirectory()) yield* this.#walk(`${subject}.${entry.name}`, true);
    }
  }

  /** Returns what tells one value of each subject below a prefix from another one. */
  async #stamp(prefix: string): Promise<Map<string, string>> {
    const stamps = new Map<string, string>();
    for await (const subject of this.list(prefix)) {
      const found = await stat(this.#findFile(subject)).catch(() => undefined);
      if (found) stamps.set(subject, `${found.ino} ${found.mtimeMs} ${found.size}`);
    }
    return stamps;
  }
}

/** Formats a position so that names sort like positions. */
function formatPosition(position: number): string {
  return String(position).padStart(POSITION_DIGITS, '0');
}

function readPosition(name: string): number {
  return Number(name.slice(0, POSITION_DIGITS));
}

/** Names the folder of a stream in which the message at a position lies. */
function namePart(position: number): string {
  return `${PART_PREFIX}${formatPosition(Math.floor(position / PART_MESSAGES))}`;
}

/** Lists the folders of a stream's messages, the oldest first. */
async function listParts(folder: string): Promise<string[]> {
  return (await listNames(folder)).filter((name) => name.startsWith(PART_PREFIX)).sort();
}

/** Lists the folders that hold parts of a stream. */
async function* walkStreams(folder: string): AsyncGenerator<string> {
  const names = await listNames(folder);
  if (names.some((name) => name.startsWith(PART_PREFIX))) yield folder;
  for (const name of names) if (!name.startsWith(PART_PREFIX)) yield* walkStreams(join(folder, name));
}

async function listNames(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

async function listEntries(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}

/** Reads the value of a file. @returns undefined where there is none, or only a part of it, or something that is no file of a member */
async function readIfThere(file: string): Promise<Buffer | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const opened = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(error.code ?? '')) return undefined;
    throw error;
  });
  if (!opened) return undefined;
  try {
    const found = await opened.stat();
    if (!found.isFile() || found.size > MAX_FILE_BYTES) return undefined;
    return decodeFile(await opened.readFile());
  } finally {
    await opened.close();
  }
}

function encodeHeader(value: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, createHash('sha256').update(value).digest().subarray(0, CHECK_BYTES)]);
}

function decodeFile(bytes: Buffer): Buffer | undefined {
  const value = bytes.subarray(HEADER_BYTES);
  const isWhole = bytes.length >= HEADER_BYTES && encodeHeader(value).equals(bytes.subarray(0, HEADER_BYTES));
  return isWhole ? value : undefined;
}

async function writeSafely(file: string, value: Uint8Array): Promise<void> {
  const opened = await open(file, 'wx', 0o644);
  try {
    await opened.writev([encodeHeader(value), value]);
    await opened.sync();
  } finally {
    await opened.close();
  }
}

/** Makes a new name in a folder survive a power cut, where the file system can. */
async function syncFolder(folder: string): Promise<void> {
  const opened = await open(folder, constants.O_RDONLY).catch(() => undefined);
  await opened?.sync().catch(() => undefined);
  await opened?.close();
}

/** Calls back at changes in a folder. @returns undefined where the system cannot watch it */
async function watchFolder(folder: string, onChange: () => void): Promise<FSWatcher | undefined> {
  try {
    await mkdir(folder, { recursive: true });
    const watcher = watch(folder, { persistent: false }, onChange);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

async function reach<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new AppError('FLEET_UNREACHABLE', `the folder of the fleet cannot be used (${code})`, { cause });
  }
}
