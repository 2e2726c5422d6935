// The journal of an enrolment: what is done, so that nothing is done twice after a stop.
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../../errors.js';

const entrySchema = z.strictObject({
  /** Of the API, without the appKey. */
  service: z.string(),
  group: z.string(),
  /** A group that was deleted and made again is another one. */
  groupCreated: z.string(),
  externalImageId: z.string(),
  /** Of the file, SHA-256 in hex. */
  picture: z.string(),
  faceId: z.string(),
});
export type JournalEntry = z.infer<typeof entrySchema>;

/** What an entry is found again by. */
export type JournalKey = Omit<JournalEntry, 'faceId'>;

/** What every line begins with. */
const START = '{"service":';

/** JSON lines, appended to. The last line may be torn: the service is asked anyway before a face is enrolled. */
export class Journal {
  readonly #file: FileHandle;
  readonly #done: Set<string>;

  private constructor(file: FileHandle, done: Set<string>) {
    this.#file = file;
    this.#done = done;
  }

  /** Makes it (0600) where there is none. @throws AppError INVALID_PARAM: it is something else, or cannot be read or written */
  static async open(path: string): Promise<Journal> {
    const done = new Set<string>();
    try {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      const lines = text.split('\n');
      if (!START.startsWith(lines[0].slice(0, START.length))) {
        throw new AppError('INVALID_PARAM', `${path} is no journal of an enrolment`);
      }
      const torn = lines.pop() !== '';
      for (const line of lines) {
        const entry = parseEntry(line);
        if (entry) done.add(keyOf(entry));
      }
      const file = await open(path, 'a', 0o600);
      if (torn) await file.write('\n');
      return new Journal(file, done);
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      const reason = (cause as NodeJS.ErrnoException).code;
      throw new AppError('INVALID_PARAM', `the journal ${path} cannot be used (${reason}); name another with --state`, {
        cause,
      });
    }
  }

  has(key: JournalKey): boolean {
    return this.#done.has(keyOf(key));
  }

  async add(entry: JournalEntry): Promise<void> {
    this.#done.add(keyOf(entry));
    const { service, ...rest } = entry;
    await this.#file.write(`${JSON.stringify({ service, ...rest })}\n`);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function parseEntry(line: string): JournalEntry | undefined {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function keyOf({ service, group, groupCreated, externalImageId, picture }: JournalKey): string {
  return JSON.stringify([service, group, groupCreated, externalImageId, picture]);
}
