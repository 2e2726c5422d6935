// `lintel store accept`, and what the doctor says of a data directory that was altered or put back.
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registerAudit } from '../../src/cli/audit.js';
import { checkRecords } from '../../src/cli/doctor/records.js';
import { registerKeys } from '../../src/cli/keys.js';
import { registerStore } from '../../src/cli/store.js';
import { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { withOwnStore } from '../../src/cli/own-store.js';
import { silentLog } from '../../src/domain/log.js';
import { newFace, staff } from '../gallery/faces.js';
import { randomNumbers } from '../store/values.js';
import { withRaw } from '../store/support.js';
import { tempDir } from '../support/temp-dir.js';
import { lintel, type Run } from './terminal.js';

const context = { environment: {}, clock: Date.now };

interface Device {
  db: string;
  folders: { dataDir: string; keysDir: string };
  run: (...args: string[]) => Promise<Run>;
  findings: () => Promise<string[]>;
}

/** A device with an appKey, and a group of three faces. */
async function makeDevice(): Promise<Device> {
  const cwd = tempDir();
  const folders = { dataDir: join(cwd, 'var/data'), keysDir: join(cwd, 'var/keys') };
  const run = (...args: string[]): Promise<Run> =>
    lintel(args, { keys: registerKeys, audit: registerAudit, store: registerStore }, { cwd, clock: Date.now });
  expect((await run('keys', 'add', 'door')).code).toBe(0);
  await withOwnStore(folders, context, async (store, { audit }) => {
    const limits = { maxGroups: 10, maxFacesPerGroup: 100 };
    const gallery = new LevelGallery({ store, audit, limits, clock: Date.now, log: silentLog });
    await gallery.start(new AbortController().signal);
    await gallery.createGroup(staff, 'm1');
    const random = randomNumbers(71);
    for (let i = 0; i < 3; i++) await gallery.enrol(staff, [newFace(random)]);
    await gallery.stop();
  });
  return {
    db: join(folders.dataDir, 'db'),
    folders,
    run,
    findings: async () =>
      (await checkRecords(folders, context)).flatMap(({ level, text }) => (level === 'ok' ? [] : [text])),
  };
}

describe('lintel store accept', () => {
  it('accepts an older copy of the data, which everything else refuses', async () => {
    const { db, run, findings } = await makeDevice();
    await cp(db, `${db}.older`, { recursive: true });
    expect((await run('keys', 'revoke', 'door')).code).toBe(0);
    expect(await findings()).toEqual([]);
    await rm(db, { recursive: true });
    await cp(`${db}.older`, db, { recursive: true });

    const refused = await run('keys', 'list');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('is an older copy of itself');
    expect(await findings()).toEqual([expect.stringContaining('is an older copy of itself')]);
    const listed = await run('store', 'accept');
    expect(listed.code).toBe(1);
    expect(listed.stderr).toContain('Nothing was changed.');
    expect((await run('keys', 'list')).code).toBe(1);

    const accepted = await run('store', 'accept', '--yes');
    expect(accepted.stderr).toContain('are accepted as they are');
    expect(accepted.code).toBe(0);
    expect((await run('keys', 'list')).stdout).toContain('door');
    expect((await run('audit', 'list')).stdout).toMatch(/store\.accepted +cli .*is an older copy of itself/);
    expect(await findings()).toEqual([]);
    const nothing = await run('store', 'accept', '--yes');
    expect(nothing).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('There is nothing to accept.') as string,
    });
  });

  it('accepts a group that lost a face; the doctor still sees that the audit log knows of it', async () => {
    const { db, run, findings } = await makeDevice();
    await withRaw(db, async (level) => {
      const faces = await level.keys({ gte: Buffer.from('d'), lt: Buffer.from('e') }).all();
      await level.del(faces.find((place) => place[9] === 'f'.charCodeAt(0) && place.length === 18)!);
    });
    expect(await findings()).toEqual([
      'the records of the group "staff" are not as they were written: there are 3 records where 4 must be',
      `group "staff" of ${staff.owner} has 2 faces, and 3 by the audit log`,
    ]);
    expect((await run('store', 'accept')).stderr).toContain('there are 3 records where 4 must be');
    expect((await run('store', 'accept', '--yes')).code).toBe(0);
    expect(await findings()).toEqual([`group "staff" of ${staff.owner} has 2 faces, and 3 by the audit log`]);
  });
});
