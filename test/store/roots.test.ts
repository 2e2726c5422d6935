// The roots of the records and the counter outside: databases of earlier versions, older copies, new ones, accepted ones, and crashes.
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AuditLog } from '../../src/audit/audit-log.js';
import { silentLog } from '../../src/domain/log.js';
import { deriveMasterSealingKey, seal } from '../../src/store/sealing.js';
import type { SealedStore, SealedStoreOptions } from '../../src/store/sealed-store.js';
import { readRecords } from '../audit/support.js';
import { collect, openStore, temporaryDirectory, withCode, withRaw } from './support.js';
import { masterKey } from './values.js';

const bytes = (text: string): Buffer => Buffer.from(text);

interface Device {
  directory: string;
  counterFile: string;
  open: (options?: Partial<SealedStoreOptions>) => Promise<SealedStore>;
  copy: (to: string) => Promise<void>;
  putBack: (from: string) => Promise<void>;
}

/** A folder with the database `db` and the counter beside it. */
async function makeDevice(): Promise<Device> {
  const folder = await temporaryDirectory();
  const [directory, counterFile] = [join(folder, 'db'), join(folder, 'keys', 'store.counter')];
  await mkdir(join(folder, 'keys'));
  return {
    directory,
    counterFile,
    open: (options = {}) => openStore(directory, { counterFile, ...options }),
    copy: (to) => cp(directory, join(folder, to), { recursive: true }),
    putBack: async (from) => {
      await rm(directory, { recursive: true });
      await cp(join(folder, from), directory, { recursive: true });
    },
  };
}

const readVersion = async ({ counterFile }: Device): Promise<number> =>
  (JSON.parse(await readFile(counterFile, 'utf8')) as { version: number }).version;

/** The actions of the audit log, after its start. */
async function listActions(store: SealedStore): Promise<string[]> {
  const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
  await audit.start();
  return (await readRecords(store)).map(({ action }) => action);
}

/** Makes a stopped database what an earlier version would have written: no roots, and another text in the check record. */
async function makeOld(directory: string): Promise<void> {
  const check = seal(deriveMasterSealingKey(masterKey), bytes('c'), bytes('lintel store 1'), randomBytes);
  await withRaw(directory, async (level) => {
    for (const key of await level.keys({ gte: bytes('r'), lt: bytes('s') }).all()) await level.del(key);
    await level.put(bytes('c'), check);
  });
}

describe('a database of an earlier version', () => {
  test('gets its roots once, which the audit log holds; afterwards it must have them', async () => {
    const device = await makeDevice();
    const first = await device.open();
    const space = await first.openSpace('letters');
    await first.write([space.put(bytes('a'), bytes('1'))]);
    await first.stop();
    await rm(device.counterFile);
    await makeOld(device.directory);

    const store = await device.open();
    expect(await store.findAltered()).toEqual([]);
    expect(await listActions(store)).toEqual(['store.adopted']);
    const again = await store.openSpace('letters');
    expect(await again.get(bytes('a'))).toEqual(bytes('1'));
    await store.finishUpgrade();
    expect(await readVersion(device)).toBe(store.mark.version);
    await store.stop();
    const later = await device.open();
    expect(await listActions(later)).toEqual(['store.adopted']);
    await later.stop();

    await device.copy('good');
    await withRaw(device.directory, (level) => level.del(bytes('r')));
    await expect(device.open()).rejects.toEqual(withCode('STORE_ALTERED'));
    await device.putBack('good');
    // The old check record makes it look as before; the counter knows better.
    await makeOld(device.directory);
    await expect(device.open()).rejects.toEqual(withCode('STORE_ROLLED_BACK'));
  });

  test('can go back until the service runs, whatever the earlier version writes', async () => {
    const device = await makeDevice();
    await (await device.open()).stop();
    await rm(device.counterFile);
    await makeOld(device.directory);
    const store = await device.open();
    const space = await store.openSpace('letters');
    await store.write([space.put(bytes('a'), bytes('1'))]);
    await store.stop();
    await expect(readFile(device.counterFile)).rejects.toThrow('ENOENT');
    // The earlier version deletes a record, and knows nothing of roots.
    await withRaw(device.directory, (level) =>
      level.del(Buffer.concat([bytes('d'), Buffer.from(space.id, 'hex'), bytes('a')])),
    );
    const again = await device.open();
    expect(await again.findAltered()).toEqual([]);
    expect(await (await again.openSpace('letters')).get(bytes('a'))).toBeUndefined();
  });
});

describe('an older copy of the database', () => {
  async function withOlderCopy(): Promise<Device> {
    const device = await makeDevice();
    const store = await device.open();
    const space = await store.openSpace('letters');
    await store.write([space.put(bytes('a'), bytes('1'))]);
    await store.stop();
    await device.copy('older');
    await store.start(new AbortController().signal);
    const again = await store.openSpace('letters');
    await store.write([again.erase(bytes('a'))]);
    await store.stop();
    return device;
  }

  test('is refused, and accepted by the operator with an entry in the audit log', async () => {
    const device = await withOlderCopy();
    const version = await readVersion(device);
    await device.putBack('older');
    const refusal = device.open();
    await expect(refusal).rejects.toEqual(withCode('STORE_ROLLED_BACK'));
    await expect(refusal).rejects.toThrow('lintel store accept');
    expect(await readVersion(device)).toBe(version);
    const report = await device.open({ onAltered: 'report' });
    expect(report.problems).toEqual([expect.stringContaining('is an older copy of itself')]);
    await expect(report.write([], undefined)).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
    await report.stop();

    const accepted = await device.open({ onAltered: 'accept' });
    expect(await listActions(accepted)).toEqual(['store.accepted']);
    expect(accepted.mark.version).toBeGreaterThan(version);
    await accepted.stop();
    const store = await device.open();
    expect(await (await store.openSpace('letters')).get(bytes('a'))).toEqual(bytes('1'));
    await store.stop();
    // Another acceptance finds nothing to accept.
    const nothing = await device.open({ onAltered: 'accept' });
    expect(nothing.problems).toEqual([]);
    expect(await listActions(nothing)).toEqual(['store.accepted']);
  });

  test('of another database under the same key is refused', async () => {
    const [one, two] = [await makeDevice(), await makeDevice()];
    await (await one.open()).stop();
    await (await two.open()).stop();
    await rm(one.directory, { recursive: true });
    await cp(two.directory, one.directory, { recursive: true });
    await expect(one.open()).rejects.toThrow('the data directory holds another database');
  });
});

describe('the counter', () => {
  test('lags behind, never runs ahead: after a crash the store starts', async () => {
    const device = await makeDevice();
    const store = await device.open({ timers: { setTimeout: () => 0, clearTimeout: () => undefined } as never });
    const space = await store.openSpace('letters');
    const before = await readVersion(device);
    for (let i = 0; i < 5; i++) await store.write([space.put(bytes('a'), bytes(String(i)))]);
    // Not yet: it is written a second later.
    expect(await readVersion(device)).toBe(before);
    const old = await readFile(device.counterFile);
    await store.write([space.erase(bytes('a'))]);
    expect(await readVersion(device)).toBe(store.mark.version);
    await store.stop();
    await writeFile(device.counterFile, old);
    await (await device.open()).stop();
  });

  test('is written within a second, and at the stop', async () => {
    const device = await makeDevice();
    let fire: (() => void) | undefined;
    const timers = { setTimeout: (callback: () => void) => (fire = callback), clearTimeout: () => undefined };
    const store = await device.open({ timers: timers as never });
    const space = await store.openSpace('letters');
    await store.write([space.put(bytes('a'), bytes('1'))]);
    fire?.();
    await expect.poll(() => readVersion(device)).toBe(store.mark.version);
    await store.write([space.put(bytes('a'), bytes('2'))]);
    const { version } = store.mark;
    await store.stop();
    expect(await readVersion(device)).toBe(version);
  });

  test('that is damaged is refused, and one that is missing is made again', async () => {
    const device = await makeDevice();
    await (await device.open()).stop();
    const good = await readFile(device.counterFile);
    for (const content of ['', '{}', good.subarray(0, 20), '{"store":"00","version":1}']) {
      await writeFile(device.counterFile, content);
      await expect(device.open()).rejects.toEqual(withCode('STORE_ROLLED_BACK'));
    }
    await rm(device.counterFile);
    await (await device.open()).stop();
    expect(await readFile(device.counterFile)).toEqual(good);
  });

  test('that cannot be written is reported, and refuses nothing', async () => {
    const device = await makeDevice();
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_: object, text: string) => void warnings.push(text) };
    const store = await device.open({ counterFile: '/proc/no/store.counter', log });
    const space = await store.openSpace('letters');
    await store.write([space.erase(bytes('a')), space.put(bytes('b'), bytes('1'))]);
    expect(store.counterFailure).toBeDefined();
    expect(warnings).toEqual([expect.stringContaining('cannot be written')]);
  });

  test('of a database that is gone is told when a new one is made', async () => {
    const device = await makeDevice();
    await (await device.open()).stop();
    await rm(device.directory, { recursive: true });
    const warnings: string[] = [];
    const store = await device.open({ log: { ...silentLog, warn: (_, text) => void warnings.push(text) } });
    expect(warnings).toEqual([expect.stringContaining('although it held data before')]);
    expect(await listActions(store)).toEqual(['store.replaced']);
  });
});

test('the roots stay right through every kind of change', async () => {
  const device = await makeDevice();
  const store = await device.open();
  const spaces = await Promise.all(
    [1, 2, 3].map((n) => store.createSpace('group', (s) => [s.put(bytes('a'), bytes(`${n}`))])),
  );
  const [one, two, three] = spaces as [(typeof spaces)[0], (typeof spaces)[0], (typeof spaces)[0]];
  const check = async (): Promise<void> => {
    expect(await store.findAltered()).toEqual([]);
    await store.stop();
    await store.start(new AbortController().signal);
    expect(await store.findAltered()).toEqual([]);
  };
  await Promise.all([
    store.write([one.put(bytes('a'), bytes('x')), one.put(bytes('a'), bytes('y')), two.delete(bytes('a'))]),
    store.write([one.delete(bytes('a')), one.delete(bytes('none')), two.put(bytes('b'), bytes('z'))]),
    store.destroySpace(three),
    store.createSpace('group', (s) => [s.put(bytes('q'), bytes('w'))]),
  ]);
  await check();
  await store.rotateMasterKey(Buffer.alloc(32, 9));
  expect(await store.findAltered()).toEqual([]);
  await store.stop();
  const again = await device.open({ masterKey: Buffer.alloc(32, 9) });
  expect(await again.findAltered()).toEqual([]);
  expect(again.spaces('group')).toHaveLength(3);
});

test('a space takes the place of another one in one batch: never both, never none', async () => {
  const device = await makeDevice();
  const store = await device.open();
  const old = await store.createSpace('group', (s) => [s.put(bytes('a'), bytes('old'))]);
  const next = await store.createSpace('staged', (s) => [s.put(bytes('a'), bytes('new'))]);
  await store.relabelSpace(next, 'group', { replaced: old, contents: [next.put(bytes('b'), bytes('head'))] });
  const check = async (open: SealedStore): Promise<void> => {
    expect(await open.findAltered()).toEqual([]);
    expect(open.spaces('staged')).toEqual([]);
    const [only, ...others] = open.spaces('group');
    expect(others).toEqual([]);
    expect(await collect(only!.keys())).toEqual([bytes('a'), bytes('b')]);
    expect(await only!.get(bytes('a'))).toEqual(bytes('new'));
  };
  await check(store);
  expect(() => old.put(bytes('a'), bytes('late'))).toThrow(TypeError);
  await expect(store.relabelSpace(old, 'group')).rejects.toThrow(TypeError);
  await store.rotateMasterKey(Buffer.alloc(32, 9));
  await store.stop();
  await check(await device.open({ masterKey: Buffer.alloc(32, 9) }));
});
