// A new master key under a store that serves, a rotation that is cut off anywhere, and reading one moment of a store.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createNextMasterKey, nextMasterKeyPath, readNextMasterKey } from '../../src/keys/master-key-rotation.js';
import { createMasterKey, masterKeyPath, readMasterKey } from '../../src/keys/secrets.js';
import { silentLog } from '../../src/domain/log.js';
import { MasterKeyKeeper } from '../../src/keys/master-key-keeper.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { collect, readContents, openStore, startChild, temporaryDirectory, withCode, withRaw } from './support.js';
import { masterKey as oldKey } from './values.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const newKey = Buffer.alloc(32, 9);

async function storeWithLetters(directory: string, masterKey: Uint8Array = oldKey): Promise<SealedStore> {
  const store = await openStore(directory, { masterKey });
  await store.createSpace('letters', (space) => [space.put(bytes('a'), bytes('1'))]);
  return store;
}

describe('a new master key', () => {
  test('opens everything from then on, and the old one nothing', async () => {
    const directory = await temporaryDirectory();
    const store = await storeWithLetters(directory);
    const [letters] = store.spaces('letters');
    // What is made before, during and after it.
    const before = store.createSpace('before', () => []);
    const rotation = store.rotateMasterKey(newKey);
    const during = store.createSpace('during', () => []);
    await expect(store.rotateMasterKey(oldKey)).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
    await Promise.all([before, rotation, during]);
    await store.createSpace('after', () => []);
    await store.write([letters!.put(bytes('b'), bytes('2'))]);
    expect(Buffer.from(store.masterKey).equals(newKey)).toBe(true);
    await store.stop();

    await expect(openStore(directory)).rejects.toEqual(withCode('STORE_KEY_WRONG'));
    const again = await openStore(directory, { masterKey: newKey });
    expect(again.stats()).toMatchObject({ spaces: 4, damagedSpaces: 0 });
    expect(await collect(again.spaces('letters')[0]!.entries())).toEqual([
      [bytes('a'), bytes('1')],
      [bytes('b'), bytes('2')],
    ]);
  });

  test('leaves no key record under the old one on the disk', async () => {
    const directory = await temporaryDirectory();
    await (await storeWithLetters(directory)).stop();
    const keyRecords = await withRaw(directory, (level) => level.values({ gte: bytes('k'), lt: bytes('l') }).all());
    const store = await openStore(directory);
    await store.rotateMasterKey(newKey);
    const contents = [...(await readContents(directory)).values()];
    expect(keyRecords).toHaveLength(1);
    // Without its header, which LevelDB may write once for several records.
    expect(contents.some((content) => content.includes(keyRecords[0]!.subarray(9)))).toBe(false);
  });

  test('keeps a key record that does not open', async () => {
    const directory = await temporaryDirectory();
    await (await storeWithLetters(directory)).stop();
    const damaged = await withRaw(directory, async (level) => {
      const records = await level.iterator({ gte: bytes('k'), lt: bytes('l') }).all();
      const [key, value] = records[0]!;
      value[30]! ^= 1;
      await level.put(key, value);
      return { key, value };
    });
    const store = await openStore(directory);
    await store.rotateMasterKey(newKey);
    await store.stop();
    expect(await withRaw(directory, (level) => level.get(damaged.key))).toEqual(damaged.value);
  });
});

describe('a rotation in the files', () => {
  /** A stopped store under the key in `keysDir`. */
  async function device(): Promise<{ directory: string; keysDir: string; key: Buffer }> {
    const folder = await temporaryDirectory();
    const [directory, keysDir] = [join(folder, 'db'), join(folder, 'keys')];
    const { key } = await createMasterKey(keysDir);
    await (await storeWithLetters(directory, key)).stop();
    return { directory, keysDir, key };
  }
  const keyIn = async (keysDir: string): Promise<Buffer | undefined> =>
    (await readMasterKey({ environment: {}, keysDir }))?.key;

  /** Opens the store as a start of the service does. */
  async function start(directory: string, keysDir: string): Promise<{ store: SealedStore; keeper: MasterKeyKeeper }> {
    const nextMasterKey = await readNextMasterKey(keysDir);
    const store = await openStore(directory, {
      masterKey: (await keyIn(keysDir)) as Buffer,
      ...(nextMasterKey === undefined ? {} : { nextMasterKey }),
    });
    const keeper = new MasterKeyKeeper({ store, keysDir, origin: 'file', log: silentLog });
    await keeper.start();
    return { store, keeper };
  }

  test('ends with one key, the new one', async () => {
    const { directory, keysDir, key } = await device();
    const { store, keeper } = await start(directory, keysDir);
    await keeper.rotate();
    await store.stop();
    expect(await readdir(keysDir)).toEqual(['master.key']);
    expect((await keyIn(keysDir))?.equals(key)).toBe(false);
    const again = await start(directory, keysDir);
    expect(again.store.spaces('letters')).toHaveLength(1);
  });

  test('cut off before the database changed, goes on under the old key', async () => {
    const { directory, keysDir, key } = await device();
    await createNextMasterKey(keysDir);
    const { store } = await start(directory, keysDir);
    expect(store.spaces('letters')).toHaveLength(1);
    expect(await readdir(keysDir)).toEqual(['master.key']);
    expect(await keyIn(keysDir)).toEqual(key);
  });

  test('cut off after the database changed, goes on under the new key', async () => {
    const { directory, keysDir, key } = await device();
    const next = await createNextMasterKey(keysDir);
    const changed = await openStore(directory, { masterKey: key });
    await changed.rotateMasterKey(next);
    await changed.stop();
    const { store } = await start(directory, keysDir);
    expect(store.spaces('letters')).toHaveLength(1);
    expect(await readdir(keysDir)).toEqual(['master.key']);
    expect(await keyIn(keysDir)).toEqual(next);
  });

  test('with neither key fitting, is refused and changes no file', async () => {
    const { directory, keysDir } = await device();
    await createNextMasterKey(keysDir);
    await writeFile(masterKeyPath(keysDir), `${newKey.toString('base64')}\n`);
    const before = await readFile(nextMasterKeyPath(keysDir));
    await expect(start(directory, keysDir)).rejects.toEqual(withCode('STORE_KEY_WRONG'));
    expect(await readFile(nextMasterKeyPath(keysDir))).toEqual(before);
  });

  test('is refused while another one is not settled', async () => {
    const { directory, keysDir } = await device();
    const { keeper } = await start(directory, keysDir);
    await createNextMasterKey(keysDir);
    await expect(keeper.rotate()).rejects.toEqual(withCode('SECRET_INVALID'));
  });

  test.each(['credential', 'environment'] as const)('is refused where the key is from the %s', async (origin) => {
    const keysDir = join(await temporaryDirectory(), 'keys');
    await mkdir(keysDir);
    const store = await openStore(await temporaryDirectory());
    const keeper = new MasterKeyKeeper({ store, keysDir, origin, log: silentLog });
    await keeper.start();
    await expect(keeper.rotate()).rejects.toEqual(withCode('SECRET_INVALID'));
    expect(await readdir(keysDir)).toEqual([]);
  });

  test('survives kills at any moment', async () => {
    const { directory, keysDir } = await device();
    const path = fileURLToPath(new URL('rotate-child.ts', import.meta.url));
    let rotated = 0;
    for (let kill = 1; kill <= 6; kill++) {
      const child = startChild(path, directory, keysDir);
      await child.line((line) => line.startsWith(`rotated ${kill * 3}`));
      child.kill();
      await child.ended;
      expect(child.lines[0]).toBe('opened 1 0');
      rotated += child.lines.length - 1;
    }
    const { store } = await start(directory, keysDir);
    expect(store.stats().damagedSpaces).toBe(0);
    // Each made one space meanwhile; that of the last, unanswered one may be there as well.
    expect(store.spaces('more').length).toBeGreaterThanOrEqual(rotated);
    // A kill may leave the temporary file of a key that was never used.
    expect((await readdir(keysDir)).filter((name) => !name.startsWith('.'))).toEqual(['master.key']);
  });
});

describe('a snapshot', () => {
  test('stays what it was, whatever is written, deleted and destroyed', async () => {
    const store = await storeWithLetters(await temporaryDirectory());
    const [letters] = store.spaces('letters');
    const other = await store.createSpace('letters', (space) => [space.put(bytes('x'), bytes('9'))]);
    const snapshot = await store.snapshot('letters');
    await store.write([letters!.put(bytes('a'), bytes('changed')), letters!.put(bytes('b'), bytes('2'))]);
    await store.destroySpace(other);
    await store.idle();
    await store.createSpace('letters', (space) => [space.put(bytes('y'), bytes('8'))]);
    await store.rotateMasterKey(newKey);
    const read = await Promise.all(snapshot.spaces.map(async (space) => collect(space.entries())));
    expect(
      read
        .flat()
        .map(([key, value]) => `${key.toString()}=${value.toString()}`)
        .sort(),
    ).toEqual(['a=1', 'x=9']);
    expect(() => snapshot.spaces[0]!.put(bytes('a'), bytes('no'))).toThrow(TypeError);
    await snapshot.close();
    const later = await store.snapshot('letters');
    expect(later).toMatchObject({ damagedSpaces: 0 });
    expect(later.spaces).toHaveLength(2);
    await later.close();
    await store.stop();
    await expect(store.snapshot('letters')).rejects.toEqual(withCode('STOPPED'));
  });
});
