// The log in a folder: the contract, and a folder that cannot be used.
import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FolderLog } from '../../src/fleet/folder-log.js';
import { tempDir } from '../support/temp-dir.js';
import { collect, describeLogContract } from './log-contract.js';

function openFolder(folder: string): FolderLog {
  return new FolderLog({ folder, pollMs: 5, timers: globalThis, newId: randomUUID });
}

describeLogContract('a folder', async () => {
  const folder = tempDir();
  const log = openFolder(folder);
  return {
    log,
    reopen: async () => openFolder(folder),
    end: async () => {
      await log.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

it('a folder that cannot be written to is unreachable', async () => {
  const folder = tempDir();
  writeFileSync(join(folder, 'values'), 'a file in the way');
  chmodSync(folder, 0o500);
  await expect(openFolder(folder).put('head.aa', Buffer.alloc(1))).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
  chmodSync(folder, 0o700);
});

describe('the streams of a folder', () => {
  it('go on in a further folder after a thousand messages, and know the ids of the last ones', async () => {
    const log = openFolder(tempDir());
    for (let i = 1; i <= 1_002; i++) await log.append('events.door', String(i), Buffer.from(String(i)));
    expect(await log.append('events.door', '998', Buffer.from('998'))).toEqual({ outcome: 'repeat', position: 998 });
    const last = await collect(log.read('events.door', 997));
    expect(last.map(({ message }) => message.toString())).toEqual(['998', '999', '1000', '1001', '1002']);
  });

  it('keep within the limits of age and of bytes, and never lose their newest message', async () => {
    const folder = tempDir();
    const log = openFolder(folder);
    const now = Date.now();
    for (let i = 1; i <= 6; i++) await log.append('events.door', String(i), Buffer.alloc(100, i));
    await log.append('events.other', '1', Buffer.alloc(100, 9));
    const part = join(folder, 'streams', 'events', 'door', readdirSync(join(folder, 'streams', 'events', 'door'))[0]!);
    for (const [i, name] of readdirSync(part).sort().entries()) {
      const at = new Date(now - (10 - i) * 60_000);
      utimesSync(join(part, name), at, at);
    }
    // Those of the minutes 10 and 9 are too old; then 500 bytes are left, of which 400 may stay.
    expect(await log.limitStreams({ maxAgeMs: 8.5 * 60_000, maxBytes: 400 }, now)).toBe(3);
    expect((await collect(log.read('events.door', 0))).map(({ position }) => position)).toEqual([4, 5, 6]);
    expect(await log.limitStreams({ maxAgeMs: 0, maxBytes: 0 }, now + 60_000)).toBe(2);
    expect((await collect(log.read('events.door', 0))).map(({ position }) => position)).toEqual([6]);
    expect((await collect(log.read('events.other', 0))).map(({ position }) => position)).toEqual([1]);
    expect(await log.append('events.door', '7', Buffer.from('7'))).toEqual({ outcome: 'added', position: 7 });
  });
});

describe('a folder that others copy and write to', () => {
  const record = 'group.aa.record.bb';
  const find = (folder: string): string => join(folder, 'values', ...record.split('.'), 'value.bin');

  it('half a file counts as none', async () => {
    const folder = tempDir();
    const log = openFolder(folder);
    await log.put(record, Buffer.from('the whole value'));
    const whole = readFileSync(find(folder));
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(find(folder), whole.subarray(0, length));
      expect(await log.get(record), `${length} bytes`).toBeUndefined();
      expect(await collect(log.readAll('group'))).toEqual([]);
    }
    const changed = Buffer.from(whole);
    changed[20]! ^= 1;
    writeFileSync(find(folder), changed);
    expect(await log.get(record)).toBeUndefined();
    writeFileSync(find(folder), whole);
    expect((await log.get(record))?.toString()).toBe('the whole value');
    await log.close();
  });

  it('names, links and files that no member made are left out', async () => {
    const folder = tempDir();
    const log = openFolder(folder);
    await log.put(record, Buffer.from('value'));
    const below = join(folder, 'values', 'group', 'aa', 'record');
    for (const name of ['..hidden', 'two words', 'a.b', '\u202egnp', 'x'.repeat(100)]) {
      mkdirSync(join(below, name));
      copyFileSync(find(folder), join(below, name, 'value.bin'));
    }
    writeFileSync(join(below, '.value.bin.Xyz123'), 'a copy under way');
    writeFileSync(join(below, 'cc'), 'a file in place of a folder');
    mkdirSync(join(below, 'dd', 'value.bin'), { recursive: true });
    symlinkSync(join(below, 'bb'), join(below, 'ee'));
    mkdirSync(join(below, 'ff'));
    symlinkSync(find(folder), join(below, 'ff', 'value.bin'));
    mkdirSync(join(below, 'gg'));
    execFileSync('mkfifo', [join(below, 'gg', 'value.bin')]);
    expect(await collect(log.list('group'))).toEqual([record]);
    expect(await collect(log.readAll('group'))).toHaveLength(1);
    for (const word of ['cc', 'dd', 'ff', 'gg']) expect(await log.get(`group.aa.record.${word}`)).toBeUndefined();
    await log.close();
  });

  it('a link does not lead a write out of the folder', async () => {
    const [folder, elsewhere] = [tempDir(), tempDir()];
    const log = openFolder(folder);
    mkdirSync(join(folder, 'values'));
    symlinkSync(elsewhere, join(folder, 'values', 'group'));
    await expect(log.put(record, Buffer.from('value'))).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    expect(readdirSync(elsewhere, { recursive: true }).map(String).filter((name) => name.endsWith('.bin'))).toEqual([]); // prettier-ignore
    await log.close();
  });

  it('a member of this machine is noticed at once, long before the next look', async () => {
    const folder = tempDir();
    const log = new FolderLog({ folder, pollMs: 3_600_000, timers: globalThis, newId: randomUUID });
    const noticed = new Promise<string | undefined>((resolve) => void log.watch('head', resolve).then(() => other.put('head.aa', Buffer.of(1)))); // prettier-ignore
    const other = openFolder(folder);
    expect(await noticed).toBe('head.aa');
    await log.close();
  });

  it('leaves no empty folders behind', async () => {
    const folder = tempDir();
    const log = openFolder(folder);
    await log.put(record, Buffer.from('value'));
    await log.remove(record);
    expect(existsSync(dirname(find(folder)))).toBe(false);
    await log.put('group.aa', Buffer.from('value'));
    await log.put(record, Buffer.from('value'));
    await log.remove('group.aa');
    expect((await log.get(record))?.toString()).toBe('value');
  });
});
