// Attacks of somebody who can read and write the data directory, and has no key: none gets a key, and none gets a revoked key back.
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AuditLog } from '../../src/audit/audit-log.js';
import { KeyCheck } from '../../src/audit/key-check.js';
import { dataPaths, type DataPaths } from '../../src/config/paths.js';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { KeyRegistries } from '../../src/keys/key-registries.js';
import { KEYS_LABEL } from '../../src/keys/key-registry.js';
import { CHECK_PLACE } from '../../src/store/key-records.js';
import { ROOT_PREFIX } from '../../src/store/root-records.js';
import { readRecords } from '../audit/support.js';
import { makeOldForm } from '../keys/support.js';
import { openStore, withRaw } from '../store/support.js';
import { tempDir } from '../support/temp-dir.js';

/** Key that the attacker knows, and whose digest the attacker can compute. */
const OWN_KEY = 'key of the attacker';

interface Device {
  paths: DataPaths;
  /** Copy of the data directory from before the key `fired` was revoked, with the database in the form of Lintel 0.2. */
  oldForm: string;
  /** Copy of the data directory from before the key `fired` was revoked. */
  before: string;
  /** The revoked admin key. */
  revokedKey: string;
  /** Prefix of the records of the registries in the database. */
  prefix: Buffer;
}

/** Starts everything on the data directory, lets `work` run, and stops it. */
async function serve<T>(
  paths: DataPaths,
  work: (keys: KeyRegistries, prefix: Buffer, problems: readonly string[]) => Promise<T>,
): Promise<T> {
  const store = await openStore(paths.databaseDir, { counterFile: paths.counterFile });
  try {
    const audit = new AuditLog({ store, clock: Date.now, log: silentLog });
    await audit.start();
    const keys = new KeyRegistries({ store, audit, oldFiles: paths, clock: Date.now, log: silentLog });
    await keys.start();
    await store.finishUpgrade();
    await keys.removeOldFiles();
    const prefix = Buffer.concat([Buffer.from('d'), Buffer.from((await store.openSpace(KEYS_LABEL)).id, 'hex')]);
    const check = new KeyCheck();
    for (const record of await readRecords(store)) check.add(record);
    const { problems } = check.compare([...keys.appKeys.list(), ...keys.adminKeys.list()]);
    return await work(keys, prefix, problems);
  } finally {
    await store.stop();
  }
}

/** A device with three keys, one of them revoked, and the copies that the attacker made before. */
async function makeDevice(): Promise<Device> {
  const folder = tempDir();
  const paths = dataPaths({ dataDir: join(folder, 'data'), keysDir: join(folder, 'keys') });
  for (const name of ['data', 'keys']) mkdirSync(join(folder, name));
  const { revokedKey, prefix } = await serve(paths, async ({ appKeys, adminKeys }, found) => {
    await appKeys.create('door');
    await adminKeys.create('desk');
    return { revokedKey: (await adminKeys.create('fired')).key, prefix: found };
  });
  const [before, oldForm] = [join(folder, 'before'), join(folder, 'old')];
  for (const copy of [before, oldForm]) cpSync(join(folder, 'data'), copy, { recursive: true });
  await makeOldForm(join(oldForm, 'db'));
  await serve(paths, async ({ adminKeys }) => adminKeys.revoke('fired'));
  return { paths, before, oldForm, revokedKey, prefix };
}

/** Writes plain registries in which the attacker's key is valid. */
function plantFiles({ appKeysFile, adminKeysFile }: DataPaths): void {
  const sha256 = createHash('sha256').update(OWN_KEY).digest('hex');
  const key = { id: randomUUID(), name: 'attacker', sha256, createdAt: '2026-01-01T00:00:00.000Z' };
  for (const file of [appKeysFile, adminKeysFile]) writeFileSync(file, JSON.stringify({ keys: [key] }));
}

function putBack(copy: string, { databaseDir }: DataPaths): void {
  rmSync(databaseDir, { recursive: true });
  cpSync(join(copy, 'db'), databaseDir, { recursive: true });
}

/** Copies records of an earlier copy of the database into the present one; those that the copy lacks are removed. */
async function putBackRecords({ before, paths }: Device, places: readonly Buffer[]): Promise<void> {
  const values = await withRaw(join(before, 'db'), (level) => level.getMany([...places]));
  await withRaw(paths.databaseDir, async (level) => {
    for (const [i, place] of places.entries()) {
      const value = values[i];
      if (value) await level.put(place, value);
      else await level.del(place);
    }
  });
}

const place = ({ prefix }: Device, name: string): Buffer => Buffer.concat([prefix, Buffer.from(name)]);
const rootPlace = ({ prefix }: Device): Buffer => Buffer.concat([ROOT_PREFIX, prefix.subarray(1)]);

/** What an attack does, and what the next start does about it: a code with which it is refused, or `served` without the attacker's keys. */
const attacks: [name: string, answer: string, attack: (device: Device) => Promise<void> | void][] = [
  ['plain registries are put into the data directory', 'served', ({ paths }) => plantFiles(paths)],
  [
    'the database is removed, and plain registries are put in its place',
    'served',
    ({ paths }) => {
      rmSync(paths.databaseDir, { recursive: true });
      plantFiles(paths);
    },
  ],
  [
    'the database from before the revocation is put back',
    'STORE_ROLLED_BACK',
    ({ before, paths }) => putBack(before, paths),
  ],
  [
    'a database of an older version is put back, with plain registries',
    'STORE_ROLLED_BACK',
    ({ oldForm, paths }) => {
      putBack(oldForm, paths);
      plantFiles(paths);
    },
  ],
  [
    'the registry from before the revocation is put back',
    'STORE_ALTERED',
    (device) => putBackRecords(device, [place(device, 'admin')]),
  ],
  [
    'the registry is put back with the root of its space',
    'STORE_ALTERED',
    (device) => putBackRecords(device, [place(device, 'admin'), rootPlace(device)]),
  ],
  [
    'the registry is put back with its root and the root of all',
    'STORE_ALTERED',
    (device) => putBackRecords(device, [place(device, 'admin'), rootPlace(device), ROOT_PREFIX]),
  ],
  [
    'the check record of an older version is put back, with plain registries',
    'STORE_ROLLED_BACK',
    async ({ oldForm, paths }) => {
      const check = await withRaw(join(oldForm, 'db'), (level) => level.get(CHECK_PLACE));
      await withRaw(paths.databaseDir, (level) => level.put(CHECK_PLACE, check!));
      plantFiles(paths);
    },
  ],
  [
    'the registry is removed, so that the first key is made again',
    'STORE_ALTERED',
    async (device) => withRaw(device.paths.databaseDir, (level) => level.del(place(device, 'admin'))),
  ],
  [
    'the registry of appKeys is put in the place of that of admin keys',
    'STORE_ALTERED',
    async (device) =>
      withRaw(device.paths.databaseDir, async (level) => {
        await level.put(place(device, 'admin'), (await level.get(place(device, 'app')))!);
      }),
  ],
  [
    'one bit of the registry is flipped',
    'STORE_CORRUPT',
    async (device) =>
      withRaw(device.paths.databaseDir, async (level) => {
        const value = (await level.get(place(device, 'admin')))!;
        value[40]! ^= 1;
        await level.put(place(device, 'admin'), value);
      }),
  ],
];

describe('when somebody can write to the data directory, and', () => {
  it.each(attacks)('%s: %s', async (_, answer, attack) => {
    const device = await makeDevice();
    await attack(device);
    for (let start = 0; start < 2; start++) {
      const outcome = serve(device.paths, async ({ appKeys, adminKeys }, _prefix, problems) => {
        for (const key of [OWN_KEY, device.revokedKey]) {
          for (const registry of [appKeys, adminKeys]) expect(registry.authenticate(key)).toBeUndefined();
        }
        expect(problems).toEqual([]);
        return 'served';
      });
      expect(await outcome.catch((error: unknown) => (error instanceof AppError ? error.code : error))).toBe(answer);
    }
  });
});
