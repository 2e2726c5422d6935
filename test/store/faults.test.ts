// The sealed store among faults: wrong keys, moved and damaged records, destroyed spaces, locks, a disk that refuses.
import { randomBytes } from 'node:crypto';
import { readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Log } from '../../src/domain/log.js';
import { silentLog } from '../../src/domain/log.js';
import type { SealedStore, Space } from '../../src/store/sealed-store.js';
import { canLimitFiles } from './disk-limit.js';
import {
  collect,
  readContents,
  forever,
  openStore,
  startChild,
  temporaryDirectory,
  withCode,
  withRaw,
} from './support.js';
import { masterKey } from './values.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const childPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const dataPrefix = (space: Space): Buffer => Buffer.concat([bytes('d'), Buffer.from(space.id, 'hex')]);
const keyPlace = (space: Space): Buffer => Buffer.concat([bytes('k'), Buffer.from(space.id, 'hex')]);

/** A stopped store with one space and two records in it. */
async function storeWithRecords(directory: string): Promise<{ store: SealedStore; space: Space }> {
  const store = await openStore(directory);
  const space = await store.openSpace('letters');
  await store.write([space.put(bytes('a'), bytes('1')), space.put(bytes('b'), bytes('2'))]);
  await store.stop();
  return { store, space };
}

describe('the master key', () => {
  test('a wrong one is refused, and the right one still opens everything', async () => {
    const directory = await temporaryDirectory();
    await storeWithRecords(directory);
    const records = await withRaw(directory, (level) => level.iterator().all());
    await expect(openStore(directory, { masterKey: Buffer.alloc(32, 8) })).rejects.toEqual(withCode('STORE_KEY_WRONG'));
    expect(await withRaw(directory, (level) => level.iterator().all())).toEqual(records);

    const store = await openStore(directory);
    expect(await (await store.openSpace('letters')).get(bytes('a'))).toEqual(bytes('1'));
  });

  test('a directory without its check record is refused, not claimed', async () => {
    const directory = await temporaryDirectory();
    await storeWithRecords(directory);
    await withRaw(directory, (level) => level.del(bytes('c')));
    await expect(openStore(directory)).rejects.toEqual(withCode('STORE_CORRUPT'));
    expect(await withRaw(directory, (level) => level.get(bytes('c')))).toBeUndefined();
  });

  test('a damaged check record and a wrong key give different errors', async () => {
    const directory = await temporaryDirectory();
    await storeWithRecords(directory);
    await withRaw(directory, async (level) => {
      const check = (await level.get(bytes('c'))) as Buffer;
      check[check.length - 1]! ^= 1;
      await level.put(bytes('c'), check);
    });
    await expect(openStore(directory)).rejects.toEqual(withCode('STORE_CORRUPT'));
  });
});

/** Opens a space whose records do not add up, as those do who check it later. */
const openUnchecked = (store: SealedStore, label: string): Promise<Space> => store.openSpace(label, { check: 'later' });

describe('records that do not open', () => {
  const b = Buffer.from('b');
  type Damage = (level: Parameters<Parameters<typeof withRaw>[1]>[0], space: Space) => Promise<void>;
  const damages: [string, Damage][] = [
    [
      'moved to another key',
      async (level, space) => {
        const a = await level.get(Buffer.concat([dataPrefix(space), bytes('a')]));
        await level.put(Buffer.concat([dataPrefix(space), b]), a as Buffer);
      },
    ],
    [
      'altered',
      async (level, space) => {
        const place = Buffer.concat([dataPrefix(space), b]);
        const sealed = (await level.get(place)) as Buffer;
        sealed[25]! ^= 1;
        await level.put(place, sealed);
      },
    ],
    ['replaced by noise', (level, space) => level.put(Buffer.concat([dataPrefix(space), b]), randomBytes(60))],
  ];
  test.each(damages)('%s: reported, skipped and kept', async (_, damage) => {
    const directory = await temporaryDirectory();
    const { store, space } = await storeWithRecords(directory);
    await withRaw(directory, (level) => damage(level, space));
    await store.start(forever);
    const again = await openUnchecked(store, 'letters');
    const damaged: string[] = [];
    const read = await collect(
      again.entries({}, (key, error) => {
        expect(error).toEqual(withCode('STORE_CORRUPT'));
        damaged.push(key.toString());
      }),
    );
    expect(read).toEqual([[bytes('a'), bytes('1')]]);
    expect(damaged).toEqual(['b']);
    expect(await again.count()).toBe(2);
    await expect(collect(again.entries())).rejects.toEqual(withCode('STORE_CORRUPT'));
    await expect(again.get(b)).rejects.toEqual(withCode('STORE_CORRUPT'));
  });

  test('a record does not open in another space, whatever its key', async () => {
    const directory = await temporaryDirectory();
    const { store, space } = await storeWithRecords(directory);
    await store.start(forever);
    const other = await store.openSpace('other');
    await store.stop();
    await withRaw(directory, async (level) => {
      const sealed = (await level.get(Buffer.concat([dataPrefix(space), bytes('a')]))) as Buffer;
      await level.put(Buffer.concat([dataPrefix(other), bytes('a')]), sealed);
    });
    await store.start(forever);
    await expect(store.openSpace('other')).rejects.toEqual(withCode('STORE_ALTERED'));
    await expect((await openUnchecked(store, 'other')).get(bytes('a'))).rejects.toEqual(withCode('STORE_CORRUPT'));
  });

  test('a damaged key record is reported, and its space is neither served nor swept', async () => {
    const directory = await temporaryDirectory();
    const { space } = await storeWithRecords(directory);
    await withRaw(directory, async (level) => {
      const sealed = (await level.get(keyPlace(space))) as Buffer;
      sealed[30]! ^= 1;
      await level.put(keyPlace(space), sealed);
    });
    const errors: object[] = [];
    const log: Log = { ...silentLog, error: (fields) => void errors.push(fields) };
    const store = await openStore(directory, { log });
    await store.idle();
    expect(errors).toEqual([expect.objectContaining({ space: space.id })]);
    expect(store.spaces('letters')).toEqual([]);
    expect(store.stats()).toMatchObject({ spaces: 0, damagedSpaces: 1 });
    expect(store.health().status).toBe('degraded');
    await store.stop();
    const range = { gte: dataPrefix(space), lt: Buffer.concat([dataPrefix(space), Buffer.of(0xff)]) };
    expect(await withRaw(directory, (level) => level.keys(range).all())).toHaveLength(2);
  });
});

describe('a damaged database', () => {
  test('without its file CURRENT it is refused, and its files stay', async () => {
    const directory = await temporaryDirectory();
    await storeWithRecords(directory);
    await rm(join(directory, 'CURRENT'));
    const before = (await readdir(directory)).sort();
    await expect(openStore(directory)).rejects.toEqual(withCode('STORE_CORRUPT'));
    expect((await readdir(directory)).sort()).toEqual(before);
  });

  test('with a manifest cut off it is STORE_CORRUPT', async () => {
    const directory = await temporaryDirectory();
    await storeWithRecords(directory);
    const manifest = (await readdir(directory)).find((name) => name.startsWith('MANIFEST')) as string;
    await truncate(join(directory, manifest), 10);
    await expect(openStore(directory)).rejects.toEqual(withCode('STORE_CORRUPT'));
  });
});

describe('destroying a space', () => {
  test('removes its records and every trace of its key, and leaves the others alone', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const other = await store.createSpace('group', (s) => [s.put(bytes('a'), bytes('other'))]);
    const space = await store.createSpace('group', (s) =>
      Array.from({ length: 1_200 }, (_, i) => s.put(bytes(`k${i}`), bytes('v'))),
    );
    await store.stop();
    const sealedKey = (await withRaw(directory, (level) => level.get(keyPlace(space)))) as Buffer;
    const holdsKey = async (): Promise<boolean> =>
      [...(await readContents(directory)).values()].some((content) => content.includes(sealedKey.subarray(9)));
    expect(await holdsKey()).toBe(true);

    await store.start(forever);
    const again = store.spaces('group').find(({ id }) => id === space.id) as Space;
    await store.destroySpace(again);
    expect(store.spaces('group').map(({ id }) => id)).toEqual([other.id]);
    await store.idle();
    expect(await holdsKey()).toBe(false);
    await store.stop();
    const left = await withRaw(directory, (level) => level.keys().all());
    expect(left.filter((key) => key.includes(Buffer.from(space.id, 'hex')))).toEqual([]);
    await store.start(forever);
    expect(await store.spaces('group')[0]!.get(bytes('a'))).toEqual(bytes('other'));
  });

  test('closes it to writes from the call on, but not to those before', async () => {
    const store = await openStore(await temporaryDirectory());
    const space = await store.createSpace('group', () => []);
    const write = store.write([space.put(bytes('a'), bytes('1'))]);
    const destroyed = store.destroySpace(space);
    expect(() => space.put(bytes('b'), bytes('2'))).toThrow(TypeError);
    expect(() => space.delete(bytes('a'))).toThrow(TypeError);
    await Promise.all([write, destroyed]);
    await store.idle();
    expect(await space.count()).toBe(0);
    await expect(store.destroySpace(space)).rejects.toThrow(TypeError);
  });

  test('that was cut off is finished at the next start', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.createSpace('letters', (s) =>
      Array.from({ length: 5_000 }, (_, i) => s.put(bytes(`k${i}`), bytes('v'))),
    );
    const listPlaces = (): Promise<Buffer[]> =>
      withRaw(directory, async (level) =>
        (await level.keys().all()).filter((key) => key.includes(Buffer.from(space.id, 'hex'))),
      );
    await store.destroySpace(space);
    // The stop does not wait for the removal of the records.
    await store.stop();
    expect((await listPlaces()).length).toBeGreaterThan(0);
    await store.start(forever);
    const kept = await store.createSpace('letters', (s) => [s.put(bytes('a'), bytes('kept'))]);
    await store.idle();
    expect(await kept.get(bytes('a'))).toEqual(bytes('kept'));
    await store.stop();
    expect(await listPlaces()).toEqual([]);
  });
});

describe('one directory, one process', () => {
  test('a second store in the same process is STORE_LOCKED', async () => {
    const directory = await temporaryDirectory();
    await openStore(directory);
    await expect(openStore(directory)).rejects.toEqual(withCode('STORE_LOCKED'));
  });

  test('a second process is STORE_LOCKED until the first has ended', async () => {
    const directory = await temporaryDirectory();
    const child = startChild(childPath('lock-child.ts'), directory, masterKey.toString('hex'));
    await child.line((line) => line === 'open');
    await expect(openStore(directory)).rejects.toEqual(
      expect.objectContaining({ code: 'STORE_LOCKED', message: 'another process has the data directory open' }),
    );
    child.kill();
    await child.ended;
    await openStore(directory);
  });
});

describe.skipIf(!canLimitFiles)('a disk that refuses writes', () => {
  test.each(['half-written', 'nothing-more', 'back-by-itself'])('%s', async (scenario) => {
    const directory = await temporaryDirectory();
    const child = startChild(childPath('full-disk-child.ts'), directory, scenario);
    expect(await child.ended).toBe(0);
    const report = JSON.parse(child.lines.at(-1) as string) as Record<string, unknown>;
    expect(report).toEqual({
      refused: ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'],
      whileRefused: scenario === 'half-written' ? 'ok' : 'failed',
      afterwards: 'ok',
      records: { a: '1', b: '2', later: 'yes' },
      afterRestart: { a: '1', b: '2', later: 'yes' },
    });
  });
});
