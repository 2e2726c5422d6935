// `lintel gallery backup`, `restore` and `verify`.
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { readPasswordFile } from '../../keys/secrets.js';
import type { AuditEntry } from '../../domain/audit.js';
import { AppError } from '../../errors.js';
import type { BackupEnd, BackupRecord } from '../../gallery/backup-records.js';
import { askService } from '../admin-client.js';
import { commandConfig, type CliContext } from '../context.js';
import { withOwnStore } from '../own-store.js';
import { SilentFailure } from '../program.js';
import { Progress } from '../progress.js';
import { restoreInto, refuseUnlessEmpty } from './restore.js';
import { writeNewFile } from '../../platform/write-file.js';

const MIN_PASSPHRASE = 12;
const EXPORTED: AuditEntry = { action: 'gallery.exported', actor: 'cli', subject: {} };

interface PassphraseOption {
  passphraseFile?: string;
}

/** @param gallery the command `lintel gallery` */
export function registerGallery(gallery: Command, context: CliContext): void {
  const passphraseFile = '-p, --passphrase-file <file>';

  gallery
    .command('backup')
    .description(
      'write every group and face, and the registry of the appKeys, to one file under a passphrase: as they are at this moment, ' +
        'while the service runs or without it',
    )
    .argument('<file>', 'to be made; one that exists is left alone')
    .requiredOption(passphraseFile, `holds the passphrase, at least ${MIN_PASSPHRASE} characters`)
    .action(async (file: string, options: PassphraseOption, command: Command) => {
      const { config } = await commandConfig(command, context);
      const passphrase = await passphraseOf(options, context);
      if (passphrase.length < MIN_PASSPHRASE) {
        throw new AppError('SECRET_INVALID', `the passphrase has less than ${MIN_PASSPHRASE} characters`);
      }
      const { encodeRecords } = await import('../../gallery/backup-records.js');
      const { sealStream } = await import('../../store/sealed-file.js');
      const counted = new Watched(context, 'backup');
      const path = resolve(context.cwd, file);
      await readingGallery(config, context, { leaves: true }, async (records) => {
        const watched = counted.watch(withAppKeys(records, dataPaths(config).appKeysFile));
        await writeNewFile(path, sealStream(encodeRecords(watched), passphrase));
      });
      counted.report(`${path} holds`);
    });

  gallery
    .command('restore')
    .description('make the gallery of a backup in an empty data directory, sealed under the master key of this device')
    .argument('<file>', 'of "lintel gallery backup"')
    .requiredOption(passphraseFile, 'holds the passphrase of the backup')
    .action(async (file: string, options: PassphraseOption, command: Command) => {
      const { config } = await commandConfig(command, context);
      await refuseUnlessEmpty(config);
      const counted = new Watched(context, 'restore');
      const records = await backupRecords(file, options, context);
      await restoreInto({ config, ...context, records: counted.watch(records) });
      counted.report(`${config.dataDir} holds`);
      context.stderr.write('Its appKeys are those of the backup: clients go on with the keys that they have.\n');
    });

  gallery
    .command('verify')
    .description('read everything in a backup, or in the data directory, and say whether all of it opens')
    .argument(
      '[file]',
      'of "lintel gallery backup"; without it the data directory, while the service runs or without it',
    )
    .option(passphraseFile, 'holds the passphrase of the backup')
    .action(async (file: string | undefined, options: PassphraseOption, command: Command) => {
      const { config } = await commandConfig(command, context);
      const counted = new Watched(context, 'verify');
      const read = async (records: AsyncIterable<BackupRecord>): Promise<void> => {
        for await (const record of counted.watch(records)) void record;
      };
      if (file === undefined) await readingGallery(config, context, { leaves: false }, read);
      else await read(await backupRecords(file, options, context));
      counted.report(`Everything opens: ${file ?? config.dataDir} holds`);
    });
}

/** Shows how far a stream of records is, and what was in it. */
class Watched {
  readonly #context: CliContext;
  readonly #label: string;
  #end: BackupEnd | undefined;

  constructor(context: CliContext, label: string) {
    this.#context = context;
    this.#label = label;
  }

  async *watch(records: AsyncIterable<BackupRecord>): AsyncGenerator<BackupRecord> {
    const { stderr: output, clock } = this.#context;
    let progress: Progress | undefined;
    let faces = 0;
    try {
      for await (const record of records) {
        if (record.kind === 'begin') {
          progress = new Progress({ output, clock, label: this.#label, total: record.totals.faces, unit: 'count' });
        }
        if (record.kind === 'face') progress?.update(++faces);
        if (record.kind === 'end') this.#end = record.end;
        yield record;
      }
      progress?.finish();
    } finally {
      // Says nothing where it has finished.
      progress?.fail();
    }
  }

  /** @throws SilentFailure when something could not be read */
  report(sentence: string): void {
    const { groups = 0, faces = 0, damaged = 0 } = this.#end ?? {};
    const { stderr } = this.#context;
    if (damaged === 0) {
      stderr.write(`${sentence} ${count(groups, 'group')} and ${count(faces, 'face')}.\n`);
      return;
    }
    stderr.write(
      `lintel: ${count(damaged, 'record')} could not be read and ${damaged === 1 ? 'is' : 'are'} missing: there are ` +
        `${count(groups, 'group')} and ${count(faces, 'face')} without ${damaged === 1 ? 'it' : 'them'}.\n`,
    );
    throw new SilentFailure();
  }
}

/**
 * From the service that runs on the data directory, or from the directory itself where none does.
 * @param leaves whether it goes into a file: noted in the audit log then, by the service in any case
 */
async function readingGallery(
  config: Config,
  context: CliContext,
  { leaves }: { leaves: boolean },
  work: (records: AsyncIterable<BackupRecord>) => Promise<void>,
): Promise<void> {
  const { decodeRecords, exportGallery } = await import('../../gallery/backup-records.js');
  const bytes = await askService(dataPaths(config).adminSocket, 'GET', '/gallery');
  if (bytes) await work(decodeRecords(bytes));
  else {
    const { audited } = await import('../../audit/audited.js');
    await withOwnStore(config, context, (store, { audit }) => {
      const records = (): AsyncGenerator<Buffer> => exportGallery(store, context.clock);
      // To look through it on the spot is no export.
      return work(decodeRecords(leaves ? audited(audit, EXPORTED, records) : records()));
    });
  }
}

async function backupRecords(
  file: string,
  options: PassphraseOption,
  context: CliContext,
): Promise<AsyncIterable<BackupRecord>> {
  const passphrase = await passphraseOf(options, context);
  const { decodeRecords } = await import('../../gallery/backup-records.js');
  const { openStream } = await import('../../store/sealed-file.js');
  const bytes = createReadStream(resolve(context.cwd, file), { highWaterMark: 1 << 18 });
  return decodeRecords(openStream(bytes as AsyncIterable<Buffer>, passphrase));
}

/** The registry is read last: it knows the owner of every group, also of one that was made meanwhile. */
async function* withAppKeys(records: AsyncIterable<BackupRecord>, path: string): AsyncGenerator<BackupRecord> {
  for await (const record of records) {
    if (record.kind === 'end') {
      const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (content) yield { kind: 'appKeys', content };
    }
    yield record;
  }
}

async function passphraseOf({ passphraseFile }: PassphraseOption, { cwd }: CliContext): Promise<string> {
  if (passphraseFile === undefined) throw new AppError('SECRET_MISSING', 'a backup needs --passphrase-file');
  return readPasswordFile(resolve(cwd, passphraseFile), '--passphrase-file');
}

function count(n: number, what: string): string {
  return `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
}
