// `lintel gallery backup`, `restore` and `verify`.
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../../errors.js';
import type { BackupEnd, BackupRecord } from '../../gallery/backup.types.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { SilentFailure } from '../program.js';
import { ProgressBar } from '../progress.js';
import {
  addKeyOptions,
  addLockOptions,
  readKey,
  readLock,
  type KeyOptions,
  type LockOptions,
} from './backup-secrets.js';
import { readLocalGallery } from './local-gallery.js';
import { restoreInto, refuseUnlessEmpty } from './restore.js';
import { writeNewFile } from '../../platform/write-file.js';

/** @param gallery the command `lintel gallery` */
export function registerGallery(gallery: Command, context: CliContext): void {
  addLockOptions(
    gallery
      .command('backup')
      .description(
        'write every group and face, and the registry of the appKeys, to one encrypted file: as they are at this moment, ' +
          'while the service runs or without it. The file can also be opened with the age tool',
      )
      .argument('<file>', 'file to create; an existing file is not overwritten'),
  ).action(async (file: string, options: LockOptions, command: Command) => {
    const { config } = await loadCommandConfig(command, context);
    const lock = await readLock(options, command, context);
    const { encodeRecords } = await import('../../gallery/backup-records.js');
    const { encryptBackup } = await import('../../store/backup-file.js');
    const watched = new WatchedRecords(context, 'backup');
    const path = resolve(context.cwd, file);
    await readLocalGallery(config, context, { isExport: true }, async (records) => {
      const all = watched.watch(requireAppKeys(records));
      await writeNewFile(path, encryptBackup(encodeRecords(all), lock));
    });
    watched.report(`${path} holds`);
  });

  addKeyOptions(
    gallery
      .command('restore')
      .description(
        'create the gallery of a backup in an empty data directory, sealed under the master key of this device',
      )
      .argument('<file>', 'file of "lintel gallery backup"'),
  ).action(async (file: string, options: KeyOptions, command: Command) => {
    const { config } = await loadCommandConfig(command, context);
    await refuseUnlessEmpty(config);
    const watched = new WatchedRecords(context, 'restore');
    const records = await readBackupFile(file, options, context);
    await restoreInto({ config, ...context, records: watched.watch(records) });
    watched.report(`${config.dataDir} holds`);
    context.stderr.write('Its appKeys are those of the backup: clients keep using the keys that they have.\n');
  });

  addKeyOptions(
    gallery
      .command('verify')
      .description('read everything in a backup, or in the data directory, and report whether all of it opens')
      .argument(
        '[file]',
        'file of "lintel gallery backup"; default: the data directory, while the service runs or without it',
      ),
  ).action(async (file: string | undefined, options: KeyOptions, command: Command) => {
    const { config } = await loadCommandConfig(command, context);
    const watched = new WatchedRecords(context, 'verify');
    const readAll = async (records: AsyncIterable<BackupRecord>): Promise<void> => {
      for await (const record of watched.watch(records)) void record;
    };
    if (file === undefined) await readLocalGallery(config, context, { isExport: false }, readAll);
    else await readAll(await readBackupFile(file, options, context));
    watched.report(`Everything opens: ${file ?? config.dataDir} holds`);
  });
}

/** Shows the progress of a stream of records, and reports in the end what it held. */
class WatchedRecords {
  readonly #context: CliContext;
  readonly #label: string;
  #end: BackupEnd | undefined;

  constructor(context: CliContext, label: string) {
    this.#context = context;
    this.#label = label;
  }

  async *watch(records: AsyncIterable<BackupRecord>): AsyncGenerator<BackupRecord> {
    const { stderr: output, clock } = this.#context;
    let progress: ProgressBar | undefined;
    let faces = 0;
    try {
      for await (const record of records) {
        if (record.kind === 'begin') {
          progress = new ProgressBar({ output, clock, label: this.#label, total: record.totals.faces, unit: 'count' });
        }
        if (record.kind === 'face') progress?.update(++faces);
        if (record.kind === 'end') this.#end = record.end;
        yield record;
      }
      progress?.finish();
    } finally {
      // Prints nothing when it has finished.
      progress?.fail();
    }
  }

  /** @throws SilentFailure when something could not be read: exit code 1 */
  report(sentence: string): void {
    const { groups = 0, faces = 0, damaged = 0 } = this.#end ?? {};
    const { stderr } = this.#context;
    if (damaged === 0) {
      stderr.write(`${sentence} ${formatCount(groups, 'group')} and ${formatCount(faces, 'face')}.\n`);
      return;
    }
    stderr.write(
      `lintel: ${formatCount(damaged, 'record')} could not be read and ${damaged === 1 ? 'is' : 'are'} missing: there are ` +
        `${formatCount(groups, 'group')} and ${formatCount(faces, 'face')} without ${damaged === 1 ? 'it' : 'them'}.\n`,
    );
    throw new SilentFailure();
  }
}

async function readBackupFile(
  file: string,
  options: KeyOptions,
  context: CliContext,
): Promise<AsyncIterable<BackupRecord>> {
  const key = await readKey(options, context);
  const { decodeRecords } = await import('../../gallery/backup-records.js');
  const { decryptBackup } = await import('../../store/backup-file.js');
  const bytes = createReadStream(resolve(context.cwd, file), { highWaterMark: 1 << 18 });
  return decodeRecords(decryptBackup(bytes as AsyncIterable<Buffer>, key));
}

/** Refuses records without the registry of appKeys, which a running service of an older version leaves out. */
async function* requireAppKeys(records: AsyncIterable<BackupRecord>): AsyncGenerator<BackupRecord> {
  let hasAppKeys = false;
  for await (const record of records) {
    if (record.kind === 'appKeys') hasAppKeys = true;
    if (record.kind === 'end' && !hasAppKeys) {
      throw new AppError('STORE_UNAVAILABLE', 'the running service is of an older version: restart it, then back up');
    }
    yield record;
  }
}

function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
