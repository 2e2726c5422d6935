// What is deleted leaves the files of the database: right after, under open readers, after a kill, from every level of LevelDB.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Operation, SealedStore, Space } from '../../src/store/sealed-store.js';
import { findInFiles } from './file-search.js';
import { openStore, startChild, temporaryDirectory, withRaw } from './support.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const key = (n: number): Buffer => bytes(`k${String(n).padStart(6, '0')}`);

/** Writes records of 2 kB, as faces are, in batches. @returns their operations, which hold the sealed bytes */
async function fill(store: SealedStore, space: Space, count: number, from = 0): Promise<Operation[]> {
  const all: Operation[] = [];
  for (let at = from; at < from + count; at += 200) {
    const length = Math.min(200, from + count - at);
    const batch = Array.from({ length }, (_, i) => space.put(key(at + i), randomBytes(2_000)));
    await store.write(batch);
    all.push(...batch);
  }
  return all;
}

const sealed = (operations: readonly Operation[], n: number): Buffer => operations[n]!.value!;

describe('a deleted record', () => {
  test('leaves the files, wherever LevelDB has it, and the others stay', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.openSpace('letters');
    // 16 MB: LevelDB's memory holds 4 MB, its first level 10 MB.
    const records = await fill(store, space, 8_000);
    const deleted = [0, 1, 2, 3_333, 7_000, 7_998, 7_999];
    for (const n of deleted) expect(await findInFiles(directory, sealed(records, n))).not.toEqual([]);
    for (const n of deleted) await store.write([space.erase(key(n))]);
    expect(store.stats().pendingErasures).toBeGreaterThan(0);
    await store.idle();
    expect(store.stats().pendingErasures).toBe(0);
    for (const n of deleted) expect(await findInFiles(directory, sealed(records, n))).toEqual([]);
    for (const n of [4, 3_332, 3_334, 7_997]) expect(await findInFiles(directory, sealed(records, n))).not.toEqual([]);
    expect(await space.count()).toBe(8_000 - deleted.length);
    expect(await space.findProblem()).toBeUndefined();
  }, 60_000);

  test('leaves them when it was written a moment before, together with its deletion', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.openSpace('letters');
    for (let round = 0; round < 5; round++) {
      const [record] = await fill(store, space, 1, round);
      await store.write([space.erase(key(round))]);
      await store.idle();
      expect(await findInFiles(directory, record!.value!)).toEqual([]);
    }
  });

  test('many at once leave them in one round', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.openSpace('letters');
    const records = await fill(store, space, 600);
    await Promise.all(records.slice(100, 400).map((_, i) => store.write([space.erase(key(100 + i))])));
    await store.idle();
    for (let n = 100; n < 400; n += 30) expect(await findInFiles(directory, sealed(records, n))).toEqual([]);
    expect(await findInFiles(directory, sealed(records, 99))).not.toEqual([]);
    expect(await space.count()).toBe(300);
  });

  test.each(['snapshot', 'walk'])('that an open %s can still read leaves them after its end', async (reader) => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.openSpace('letters');
    const records = await fill(store, space, 600);
    const walk = space.entries();
    const snapshot = reader === 'snapshot' ? await store.snapshot('letters') : undefined;
    if (!snapshot) await walk.next();
    await store.write([space.erase(key(300))]);
    await store.idle();
    expect(await findInFiles(directory, sealed(records, 300))).not.toEqual([]);
    expect(store.stats().pendingErasures).toBe(1);
    if (snapshot) await snapshot.close();
    else await walk.return(undefined);
    await expect.poll(() => store.stats().pendingErasures).toBe(0);
    expect(await findInFiles(directory, sealed(records, 300))).toEqual([]);
  });

  test('leaves them at the next start after a kill', async () => {
    const directory = await temporaryDirectory();
    const child = startChild(fileURLToPath(new URL('erase-child.ts', import.meta.url)), directory);
    const line = await child.line((text) => text.startsWith('{'));
    child.kill();
    await child.ended;
    const { deleted, kept } = JSON.parse(line) as Record<'deleted' | 'kept', string>;
    const store = await openStore(directory);
    await store.idle();
    expect(await findInFiles(directory, Buffer.from(deleted, 'hex'))).toEqual([]);
    expect(await findInFiles(directory, Buffer.from(kept, 'hex'))).not.toEqual([]);
    await store.stop();
    // Nothing is left to do.
    expect(await withRaw(directory, (level) => level.keys({ gte: bytes('x'), lt: bytes('y') }).all())).toEqual([]);
  });

  test('leaves them at the next start when the work was cut off before', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.openSpace('letters');
    const records = await fill(store, space, 600);
    const snapshot = await store.snapshot('letters');
    await store.write([space.erase(key(5))]);
    await store.idle();
    await store.stop();
    await snapshot.close();
    expect(await findInFiles(directory, sealed(records, 5))).not.toEqual([]);
    const again = await openStore(directory);
    await again.idle();
    expect(await findInFiles(directory, sealed(records, 5))).toEqual([]);
  });
});

test('the key record of a destroyed space leaves the files, and so do the old ones after a rotation', async () => {
  const directory = await temporaryDirectory();
  const store = await openStore(directory);
  const spaces = await Promise.all(
    [1, 2, 3].map((n) => store.createSpace('group', (s) => [s.put(key(n), bytes('v'))])),
  );
  await store.stop();
  const readKeys = (): Promise<Map<string, Buffer>> =>
    withRaw(directory, async (level) => {
      const records = await level.iterator({ gte: bytes('k'), lt: bytes('l') }).all();
      return new Map(records.map(([place, value]) => [place.subarray(1).toString('hex'), value]));
    });
  const before = await readKeys();
  expect(before.size).toBe(3);
  await store.start(new AbortController().signal);
  await store.destroySpace(store.spaces('group').find(({ id }) => id === spaces[0]!.id)!);
  await store.idle();
  expect(await findInFiles(directory, before.get(spaces[0]!.id)!)).toEqual([]);
  expect(await findInFiles(directory, before.get(spaces[1]!.id)!)).not.toEqual([]);
  await store.rotateMasterKey(Buffer.alloc(32, 9));
  for (const { id } of spaces) expect(await findInFiles(directory, before.get(id)!)).toEqual([]);
});
