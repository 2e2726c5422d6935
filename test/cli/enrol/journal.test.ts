// The journal of an enrolment: it is usable after an interruption, also when its last line is incomplete.
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

/** @returns those of these pictures that are in the journal */
async function known(path: string, ...pictures: string[]): Promise<string[]> {
  const journal = await EnrolmentJournal.open(path);
  await journal.close();
  return pictures.filter((picture) => journal.has(entry(picture)));
}

describe('the journal', () => {
  it('has every added entry, in the same run and in later ones, and is private', async () => {
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
  ])('treats an entry with %j as another entry', async (change) => {
    const path = join(tempDir(), 'j');
    await write(path, 'a');
    const journal = await EnrolmentJournal.open(path);
    expect(journal.has(entry('a', change))).toBe(false);
    await journal.close();
  });

  it.each([1, 5, 60])('can be continued when its last line lacks %i bytes', async (lacking) => {
    const path = join(tempDir(), 'j');
    await write(path, 'a', 'b');
    truncateSync(path, statSync(path).size - 1 - lacking);
    await write(path, 'c');
    expect(await known(path, 'a', 'b', 'c')).toEqual(['a', 'c']);
  });

  it('can be continued twice when its first line is incomplete', async () => {
    const path = join(tempDir(), 'j');
    await write(path, 'a');
    truncateSync(path, 7);
    await write(path, 'b');
    await write(path, 'c');
    expect(await known(path, 'a', 'b', 'c')).toEqual(['b', 'c']);
  });

  it('does not append to another kind of file', async () => {
    const path = join(tempDir(), 'letter');
    writeFileSync(path, 'Dear Alice,\n');
    await expect(EnrolmentJournal.open(path)).rejects.toMatchObject({ code: 'INVALID_PARAM' });
    appendFileSync(path, 'yours');
    await expect(EnrolmentJournal.open(path)).rejects.toThrow('is not the journal');
    expect(readFileSync(path, 'utf8')).toBe('Dear Alice,\nyours');
  });

  it('reports a path that cannot be written', async () => {
    await expect(EnrolmentJournal.open(join(tempDir(), 'no/j'))).rejects.toThrow(
      '(ENOENT): name another file with --state',
    );
  });
});
