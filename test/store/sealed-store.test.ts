// The sealed store on a real LevelDB: spaces, batches, order, and its life from start to stop.
import { chmod, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { SealedStore, type KeyRange } from '../../src/store/sealed-store.js';
import { collect, forever, openStore, temporaryDirectory, withCode } from './support.js';
import { masterKey } from './values.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const text = ([key, value]: [Buffer, Buffer]): string => `${key.toString()}=${value.toString()}`;

describe('spaces', () => {
  test('what was written is there, and is there again after a restart', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.openSpace('outbox');
    await store.write([space.put(bytes('a'), bytes('1')), space.put(bytes('b'), bytes('2'))]);
    await store.write([space.delete(bytes('a')), space.put(bytes('c'), bytes(''))]);
    const expected = ['b=2', 'c='];
    expect((await collect(space.entries())).map(text)).toEqual(expected);
    await store.stop();

    await store.start(forever);
    const again = await store.openSpace('outbox');
    expect(again.id).toBe(space.id);
    expect((await collect(again.entries())).map(text)).toEqual(expected);
    expect(await again.get(bytes('b'))).toEqual(bytes('2'));
    expect(await again.get(bytes('a'))).toBeUndefined();
  });

  test('do not see each other, not even at the edges of their ranges', async () => {
    const store = await openStore(await temporaryDirectory());
    const spaces = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((label) =>
        store.createSpace(label, (s) => [
          s.put(Buffer.of(0), bytes(label)),
          s.put(Buffer.alloc(9, 0xff), bytes(label)),
        ]),
      ),
    );
    for (const [i, space] of spaces.entries()) {
      const values = (await collect(space.entries())).map(([, value]) => value.toString());
      expect(values).toEqual(Array(2).fill('abcde'[i]));
    }
  });

  test('are found by their label', async () => {
    const store = await openStore(await temporaryDirectory());
    const one = await store.createSpace('group', () => []);
    const two = await store.createSpace('group', () => []);
    await store.openSpace('outbox');
    expect(new Set(store.spaces('group'))).toEqual(new Set([one, two]));
    expect(store.spaces('nothing')).toEqual([]);
    expect(store.stats().spaces).toBe(3);
  });

  test('two callers at once open one space', async () => {
    const store = await openStore(await temporaryDirectory());
    const [one, two] = await Promise.all([store.openSpace('outbox'), store.openSpace('outbox')]);
    expect(one).toBe(two);
    expect(await store.openSpace('outbox')).toBe(one);
    expect(store.stats().spaces).toBe(1);
  });

  test('one batch may change several spaces', async () => {
    const store = await openStore(await temporaryDirectory());
    const [one, two] = [await store.openSpace('one'), await store.openSpace('two')];
    await store.write([one.put(bytes('k'), bytes('1')), two.put(bytes('k'), bytes('2'))]);
    expect([await one.get(bytes('k')), await two.get(bytes('k'))]).toEqual([bytes('1'), bytes('2')]);
  });
});

describe('ranges', () => {
  const cases: [string, KeyRange, string][] = [
    ['everything', {}, 'abcdef'],
    ['gt', { gt: bytes('b') }, 'cdef'],
    ['gte', { gte: bytes('b') }, 'bcdef'],
    ['lt', { lt: bytes('b') }, 'a'],
    ['lte', { lte: bytes('b') }, 'ab'],
    ['both ends', { gt: bytes('a'), lte: bytes('d') }, 'bcd'],
    ['limit', { gt: bytes('a'), limit: 2 }, 'bc'],
    ['limit 0', { limit: 0 }, ''],
    ['reverse', { reverse: true }, 'fedcba'],
    ['reverse with an end and a limit', { lt: bytes('e'), reverse: true, limit: 2 }, 'dc'],
    ['nothing in between', { gt: bytes('f') }, ''],
  ];
  test.each(cases)('%s', async (_, range, expected) => {
    const store = await openStore(await temporaryDirectory());
    const space = await store.openSpace('letters');
    await store.write([...'fbdace'].map((letter) => space.put(bytes(letter), bytes(letter))));
    expect((await collect(space.entries(range))).map(([key]) => key.toString()).join('')).toBe(expected);
    expect((await collect(space.keys(range))).map(String).join('')).toBe(expected);
    expect(await space.count(range)).toBe(expected.length);
  });

  test('more entries than one chunk holds come in order', async () => {
    const store = await openStore(await temporaryDirectory());
    const space = await store.openSpace('numbers');
    const key = (n: number): Buffer => {
      const buffer = Buffer.alloc(4);
      buffer.writeUInt32BE(n);
      return buffer;
    };
    await store.write(Array.from({ length: 1_000 }, (_, i) => space.put(key(i), key(i))));
    const read = await collect(space.entries());
    expect(read.map(([k]) => k.readUInt32BE())).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
  });

  test('a walk sees the space as it was when it began, and may be broken off', async () => {
    const store = await openStore(await temporaryDirectory());
    const space = await store.openSpace('letters');
    await store.write([...'abc'].map((letter) => space.put(bytes(letter), bytes(letter))));
    const walk = space.keys();
    expect((await walk.next()).value).toEqual(bytes('a'));
    await store.write([space.delete(bytes('b')), space.put(bytes('d'), bytes('d'))]);
    expect((await collect(walk)).map(String)).toEqual(['b', 'c']);
    for await (const key of space.keys()) {
      expect(key).toEqual(bytes('a'));
      break;
    }
  });
});

test('writes of many callers take effect in the order of the calls, and share their syncs', async () => {
  const store = await openStore(await temporaryDirectory());
  const space = await store.openSpace('counter');
  const before = store.stats().batches;
  await Promise.all(Array.from({ length: 200 }, (_, i) => store.write([space.put(bytes('n'), bytes(String(i)))])));
  expect(await space.get(bytes('n'))).toEqual(bytes('199'));
  expect(store.stats().batches - before).toBeLessThan(20);
});

test('a batch without operations is written at once', async () => {
  const store = await openStore(await temporaryDirectory());
  const before = store.stats().batches;
  await store.write([]);
  expect(store.stats().batches).toBe(before);
});

test('memory is released between two writes, and nothing is lost', async () => {
  const store = await openStore(await temporaryDirectory());
  const space = await store.openSpace('letters');
  const writes = [store.write([space.put(bytes('a'), bytes('1'))])];
  const released = store.releaseMemory();
  writes.push(store.write([space.put(bytes('b'), bytes('2'))]));
  await Promise.all([...writes, released]);
  expect((await collect(space.entries())).map(text)).toEqual(['a=1', 'b=2']);
  expect(store.health()).toMatchObject({ status: 'ok' });
});

test('memory is not released while a walk is under way, which goes on', async () => {
  const store = await openStore(await temporaryDirectory());
  const space = await store.openSpace('letters');
  await store.write(['a', 'b', 'c'].map((key) => space.put(bytes(key), bytes('1'))));
  const seen: string[] = [];
  for await (const entry of space.entries()) {
    if (seen.length === 0) await store.releaseMemory();
    seen.push(text(entry));
  }
  expect(seen).toEqual(['a=1', 'b=1', 'c=1']);
  await store.releaseMemory();
  expect(await collect(space.entries())).toHaveLength(3);
});

test('sub-keys come of the master key, one for each purpose', async () => {
  const directory = await temporaryDirectory();
  const store = await openStore(directory);
  expect(store.deriveKey('page-token')).toHaveLength(32);
  expect(store.deriveKey('page-token')).toEqual(
    new SealedStore({ directory, masterKey, log: silentLog }).deriveKey('page-token'),
  );
  expect(store.deriveKey('page-token')).not.toEqual(store.deriveKey('other'));
});

describe('the life of the store', () => {
  test('nothing works before the start and after the stop', async () => {
    const store = new SealedStore({ directory: await temporaryDirectory(), masterKey, log: silentLog });
    const stopped = withCode('STOPPED');
    await expect(store.openSpace('a')).rejects.toEqual(stopped);
    await expect(store.write([])).rejects.toEqual(stopped);
    expect(store.health().status).toBe('failed');

    await store.start(forever);
    const space = await store.openSpace('a');
    const operation = space.put(bytes('k'), bytes('v'));
    expect(store.health()).toMatchObject({ status: 'ok' });
    await store.stop();

    await expect(store.write([operation])).rejects.toEqual(stopped);
    await expect(space.get(bytes('k'))).rejects.toEqual(stopped);
    await expect(collect(space.entries())).rejects.toEqual(stopped);
    await expect(store.createSpace('b', () => [])).rejects.toEqual(stopped);
    await expect(store.releaseMemory()).rejects.toEqual(stopped);
    expect(() => store.spaces('a')).toThrow(stopped);
    await store.stop();
  });

  test('a stop waits for the writes before it', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const space = await store.openSpace('a');
    const write = store.write([space.put(bytes('k'), bytes('v'))]);
    await store.stop();
    await write;
    await store.start(forever);
    expect(await (await store.openSpace('a')).get(bytes('k'))).toEqual(bytes('v'));
  });

  test('a second start is a TypeError', async () => {
    const store = await openStore(await temporaryDirectory());
    await expect(store.start(forever)).rejects.toThrow(TypeError);
  });

  test('an aborted start leaves the directory free', async () => {
    const directory = await temporaryDirectory();
    const store = new SealedStore({ directory, masterKey, log: silentLog });
    await expect(store.start(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    await store.stop();
    await openStore(directory);
  });

  test('the directory is made, and is for its owner alone', async () => {
    const directory = join(await temporaryDirectory(), 'deep', 'down');
    await openStore(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  test('a directory that was open to others is closed', async () => {
    const directory = await temporaryDirectory();
    await chmod(directory, 0o755);
    await openStore(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  test('a file in the place of the directory is STORE_UNAVAILABLE', async () => {
    const path = join(await temporaryDirectory(), 'file');
    await writeFile(path, 'not a directory');
    await expect(openStore(path)).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
  });

  test('a master key of the wrong length is a TypeError', async () => {
    const store = new SealedStore({
      directory: await temporaryDirectory(),
      masterKey: Buffer.alloc(16),
      log: silentLog,
    });
    await expect(store.start(forever)).rejects.toThrow(TypeError);
    await store.stop();
  });
});
