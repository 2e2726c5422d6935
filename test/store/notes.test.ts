// Notes that go with writes: in their batch, in order, once; and a journal that fails refuses what hangs on it.
import { expect, test } from 'vitest';
import type { AuditEntry } from '../../src/domain/audit.js';
import { AppError } from '../../src/errors.js';
import type { NoteJournal, Note, Operation, Space } from '../../src/store/sealed-store.js';
import { openStore, temporaryDirectory, withCode } from './support.js';

/** Writes the subject's `n` of every entry into one record, and remembers how it went. */
class Remembering implements NoteJournal {
  readonly calls: string[] = [];
  fails = false;
  readonly #space: Space;

  constructor(space: Space) {
    this.#space = space;
  }

  note(...numbers: number[]): Note {
    const drafts = numbers.map((n): AuditEntry => ({ action: 'camera.viewed', actor: 'cli', subject: { n } }));
    return { journal: this, drafts };
  }

  async begin(drafts: readonly AuditEntry[]): Promise<Operation[]> {
    const numbers = drafts.map(({ subject }) => String(subject.n)).join(',');
    this.calls.push(numbers);
    if (this.fails) throw new AppError('STORE_CORRUPT', 'the journal cannot go on');
    return [this.#space.put(Buffer.from('notes'), Buffer.from(numbers))];
  }

  end(written: boolean): void {
    this.calls.push(written ? 'written' : 'refused');
  }
}

test('writes that share a batch share a turn of the journal, in the order of the calls', async () => {
  const store = await openStore(await temporaryDirectory());
  const space = await store.openSpace('letters');
  const journal = new Remembering(space);
  const put = (key: string): Operation => space.put(Buffer.from(key), Buffer.from('x'));
  const { batches } = store.stats();
  await Promise.all([
    store.write([put('a')], journal.note(1, 2)),
    store.write([put('b')]),
    store.write([], journal.note(3)),
  ]);
  expect(store.stats().batches).toBe(batches + 1);
  expect(journal.calls).toEqual(['1,2,3', 'written']);
  expect((await space.get(Buffer.from('notes')))?.toString()).toBe('1,2,3');
});

test('spaces are made and destroyed with their notes', async () => {
  const store = await openStore(await temporaryDirectory());
  const journal = new Remembering(await store.openSpace('letters'));
  const made = await store.createSpace('more', () => [], journal.note(1));
  await store.destroySpace(made, journal.note(2));
  expect(journal.calls).toEqual(['1', 'written', '2', 'written']);
});

test('a journal that fails refuses the write, and the next one goes on', async () => {
  const store = await openStore(await temporaryDirectory());
  const space = await store.openSpace('letters');
  const journal = new Remembering(space);
  journal.fails = true;
  const key = Buffer.from('a');
  await expect(store.write([space.put(key, Buffer.from('x'))], journal.note(1))).rejects.toEqual(
    withCode('STORE_CORRUPT'),
  );
  expect(await space.get(key)).toBeUndefined();
  journal.fails = false;
  await store.write([space.put(key, Buffer.from('y'))], journal.note(2));
  expect((await space.get(key))?.toString()).toBe('y');
  expect(journal.calls).toEqual(['1', 'refused', '2', 'written']);
  expect(store.health().status).toBe('ok');
});
