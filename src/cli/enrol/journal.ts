// The journal of an enrolment: the finished pictures, so that a second run enrols none of them again.
import { open, type FileHandle } from 'node:fs/promises';
import * as z from 'zod';
import { AppError } from '../../errors.js';
import { readFileAtMost } from '../../platform/read-file.js';

const entrySchema = z.strictObject({
  /** URL of the service, without the appKey. */
  service: z.string(),
  group: z.string(),
  /** Time of the group's creation: a group that was deleted and created again is another group. */
  groupCreated: z.string(),
  externalImageId: z.string(),
  /** SHA-256 of the file, in hex. */
  picture: z.string(),
  faceId: z.string(),
});
export type JournalEntry = z.infer<typeof entrySchema>;

/** The fields that identify an entry. */
export type JournalKey = Omit<JournalEntry, 'faceId'>;

/** A line has about 330 bytes: enough for a million pictures. */
const MAX_JOURNAL_BYTES = 400_000_000;

/** Start of every line. */
const START = '{"service":';

/** A file to which JSON lines are added. Its last line may be incomplete: the run searches for every face before it enrols it anyway. */
export class EnrolmentJournal {
  readonly #file: FileHandle;
  readonly #done: Set<string>;

  private constructor(file: FileHandle, done: Set<string>) {
    this.#file = file;
    this.#done = done;
  }

  /** Opens the file, or creates it with mode 0600. @throws AppError INVALID_PARAM where it is another kind of file or cannot be used */
  static async open(path: string): Promise<EnrolmentJournal> {
    const done = new Set<string>();
    try {
      const content = await readFileAtMost(path, MAX_JOURNAL_BYTES).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return Buffer.alloc(0);
        throw error;
      });
      const text = content.toString();
      if (!START.startsWith(text.split('\n', 1).join('').slice(0, START.length))) {
        throw new AppError('INVALID_PARAM', `${path} is not the journal of an enrolment`);
      }
      const lines = text.split('\n');
      const isTorn = lines.pop() !== '';
      for (const line of lines) {
        const entry = parseEntry(line);
        if (entry) done.add(formatKey(entry));
      }
      const file = await open(path, 'a', 0o600);
      if (isTorn) await file.write('\n');
      return new EnrolmentJournal(file, done);
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      const reason = (cause as NodeJS.ErrnoException).code;
      throw new AppError(
        'INVALID_PARAM',
        `the journal ${path} cannot be used (${reason}): name another file with --state`,
        {
          cause,
        },
      );
    }
  }

  has(key: JournalKey): boolean {
    return this.#done.has(formatKey(key));
  }

  async add(entry: JournalEntry): Promise<void> {
    this.#done.add(formatKey(entry));
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

function formatKey({ service, group, groupCreated, externalImageId, picture }: JournalKey): string {
  return JSON.stringify([service, group, groupCreated, externalImageId, picture]);
}
