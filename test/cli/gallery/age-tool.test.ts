// Backups and the age tool: each can open the files of the other.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { age, ageWithPassphrase, generateKey, missingAge } from '../../store/age-tool.js';
import { createBackupDevice, createEmptyDevice, PASSPHRASE, PASSPHRASE_ARGS, runGallery } from './backup-device.js';

if (missingAge !== undefined) console.warn(`Skipped: backups with the age tool: ${missingAge}.`);

describe.skipIf(missingAge !== undefined)('lintel gallery and the age tool', () => {
  it('open each other’s files under a passphrase', async () => {
    const { cwd } = await createBackupDevice({ faces: 5 });
    const [backup, records, again] = ['backup', 'records', 'again'].map((name) => join(cwd, name)) as [
      string,
      string,
      string,
    ];
    expect(await runGallery(cwd, 'backup', 'backup', ...PASSPHRASE_ARGS)).toMatchObject({ code: 0 });
    await ageWithPassphrase(PASSPHRASE, '-d', '-o', records, backup);
    expect(await readRecords(records)).toEqual(['b', 'g', 'f', 'f', 'f', 'f', 'f', 'k', 'e']);

    await ageWithPassphrase(PASSPHRASE, '-p', '-o', again, records);
    const target = await createEmptyDevice();
    expect(await runGallery(target, 'restore', again, ...PASSPHRASE_ARGS)).toMatchObject({ code: 0 });
    expect((await runGallery(target, 'verify')).stderr).toContain('1 group and 5 faces.');
  });

  it('open each other’s files with a key pair', async () => {
    const { cwd } = await createBackupDevice({ faces: 2 });
    const [backup, records, again, keyFile] = ['backup', 'records', 'again', 'key.txt'].map((name) =>
      join(cwd, name),
    ) as [string, string, string, string];
    const recipient = await generateKey(keyFile);
    const other = await generateKey(join(cwd, 'other.txt'));
    expect(await runGallery(cwd, 'backup', 'backup', '-r', recipient, '--recipient', other)).toMatchObject({ code: 0 });
    for (const identity of [keyFile, join(cwd, 'other.txt')]) {
      await age('-d', '-i', identity, '-o', records, backup);
      expect(await readRecords(records)).toEqual(['b', 'g', 'f', 'f', 'k', 'e']);
      expect((await runGallery(cwd, 'verify', 'backup', '-i', identity)).stderr).toContain('1 group and 2 faces.');
    }

    await age('-r', recipient, '-o', again, records);
    const target = await createEmptyDevice();
    expect(await runGallery(target, 'restore', again, '--identity', keyFile)).toMatchObject({ code: 0 });
    expect((await runGallery(target, 'verify')).stderr).toContain('1 group and 2 faces.');
  });

  it('refuses an age file in text form and one without records of Lintel', async () => {
    const cwd = await createEmptyDevice();
    const keyFile = join(cwd, 'key.txt');
    const recipient = await generateKey(keyFile);
    await writeFile(join(cwd, 'plain'), 'a letter to a friend');
    for (const [options, sentence] of [
      [['-a'], 'this is no backup of Lintel'],
      [[], 'the backup'],
    ] as const) {
      await age('-r', recipient, ...options, '-o', join(cwd, 'encrypted'), join(cwd, 'plain'));
      const { code, stderr } = await runGallery(cwd, 'verify', 'encrypted', '-i', keyFile);
      expect([code, stderr]).toEqual([1, expect.stringContaining(sentence)]);
    }
  });
});

/** Reads the kinds of the records. The documentation describes a record as length (4 bytes, big endian), kind (1 letter) and payload. */
async function readRecords(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  const kinds: string[] = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt32BE(at))
    kinds.push(bytes.toString('latin1', at + 4, at + 5));
  return kinds;
}
