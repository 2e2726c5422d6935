// The journal: found again after a stop, whatever the stop left of its last line.
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnrolmentJournal, type JournalEntry } from '../../../src/cli/enrol/journal.js';
import { tempDir } from '../../support/temp-dir.js';

const entry = (picture: string, changes: Partial<JournalEntry> = {}): JournalEntry => ({
  service: 'http://127.0.0.1:8080',
  group: 'door',
  groupCreated: '2030-01-31T12:00:00',
  externalImageId: 'alice',
  picture,
  faceId: 'f',
  ...changes,
});

async function write(path: string, ...pictures: string[]): Promise<void> {
  const journal = await EnrolmentJournal.open(path);
  for (const picture of pictures) await journal.add(entry(picture));
  await journal.close();
}

/** Which of these pictures are in it. */
async function known(path: string, ...pictures: string[]): Promise<string[]> {
  const journal = await EnrolmentJournal.open(path);
  await journal.close();
  return pictures.filter((picture) => journal.has(entry(picture)));
}

describe('the journal', () => {
  it('knows what was added, in the same run and in later ones, and is private', async () => {
    const path = join(tempDir(), 'j');
    const journal = await EnrolmentJournal.open(path);
    await journal.add(entry('a'));
    expect(journal.has(entry('a'))).toBe(true);
    await journal.close();
    expect(await known(path, 'a', 'b')).toEqual(['a']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each<Partial<JournalEntry>>([
    { service: 'http://127.0.0.1:8081' },
    { group: 'yard' },
    { groupCreated: '2030-02-01T12:00:00' },
    { externalImageId: 'bob' },
    { picture: 'b' },
  ])('takes an entry with another %j for another one', async (change) => {
    const path = join(tempDir(), 'j');
    await write(path, 'a');
    const journal = await EnrolmentJournal.open(path);
    expect(journal.has(entry('a', change))).toBe(false);
    await journal.close();
  });

  it.each([1, 5, 60])('goes on after a last line that lacks %i bytes', async (lacking) => {
    const path = join(tempDir(), 'j');
    await write(path, 'a', 'b');
    truncateSync(path, statSync(path).size - 1 - lacking);
    await write(path, 'c');
    expect(await known(path, 'a', 'b', 'c')).toEqual(['a', 'c']);
  });

  it('goes on after a first line that is torn, more than once', async () => {
    const path = join(tempDir(), 'j');
    await write(path, 'a');
    truncateSync(path, 7);
    await write(path, 'b');
    await write(path, 'c');
    expect(await known(path, 'a', 'b', 'c')).toEqual(['b', 'c']);
  });

  it('does not append to a file that is something else', async () => {
    const path = join(tempDir(), 'letter');
    writeFileSync(path, 'Dear Alice,\n');
    await expect(EnrolmentJournal.open(path)).rejects.toMatchObject({ code: 'INVALID_PARAM' });
    appendFileSync(path, 'yours');
    await expect(EnrolmentJournal.open(path)).rejects.toThrow('is not the journal');
    expect(readFileSync(path, 'utf8')).toBe('Dear Alice,\nyours');
  });

  it('says where it cannot be written', async () => {
    await expect(EnrolmentJournal.open(join(tempDir(), 'no/j'))).rejects.toThrow(
      '(ENOENT): name another file with --state',
    );
  });
});
