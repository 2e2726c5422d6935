// Backups and the age tool: each opens what the other wrote.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { age, ageWithPassphrase, generateKey, missingAge } from '../../store/age-tool.js';
import { createBackupDevice, createEmptyDevice, PASSPHRASE, PASSPHRASE_ARGS, runGallery } from './backup-device.js';

if (missingAge !== undefined) console.warn(`Skipped: backups with the age tool: ${missingAge}.`);

describe.skipIf(missingAge !== undefined)('a backup and the age tool', () => {
  it('under a passphrase: age opens it and its records can be read; what age encrypts can be restored', async () => {
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

  it('to a public key: age opens it with the private key; what age encrypts can be restored', async () => {
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

  it('is refused when age wrote it in its text form, or when it holds no records of Lintel', async () => {
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

/** Reads the kinds of the records as the documentation describes them: length (4 bytes, big endian), kind (1 letter), payload. */
async function readRecords(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  const kinds: string[] = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt32BE(at))
    kinds.push(bytes.toString('latin1', at + 4, at + 5));
  return kinds;
}
