// `lintel audit`: lists, verifies and exports the audit log.
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { AuditRecord } from '../audit/audit-record.js';
import type { AuditLine } from '../audit/audit-space.js';
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import { AppError } from '../errors.js';
import { writeNewFile } from '../platform/write-file.js';
import { askService } from './admin-client.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { formatTable } from './output.js';
import { withOwnStore } from './own-store.js';
import { SilentFailure } from './program.js';

const DEFAULT_COUNT = '50';
const HASH = /^[0-9a-f]{64}$/;

interface ListOptions {
  count: string;
  action?: string;
  actor?: string;
}

export function registerAudit(audit: Command, context: CliContext): void {
  audit.addHelpText(
    'after',
    `
The audit log holds every enrolment, deletion and export, and every change of a key or of the
configuration. These commands work while the service is running and while it is not.`,
  );

  audit
    .command('list')
    .description('print the newest entries, the newest one last')
    .addOption(new Option('-n, --count <n>', 'number of entries to print').default(DEFAULT_COUNT, DEFAULT_COUNT))
    .option('--action <action>', 'print only entries with this action, such as face.enrolled')
    .option('--actor <actor>', 'print only entries of this actor, such as app:default')
    .action(async (options: ListOptions, command: Command) => {
      const count = Number(options.count);
      if (!Number.isInteger(count) || count < 1) throw new AppError('INVALID_PARAM', '--count must be 1 or more');
      const { config } = await loadCommandConfig(command, context);
      const newest: AuditRecord[] = [];
      await withAuditLog(config, context, async (lines) => {
        for await (const line of lines) {
          if (line.kind !== 'entry' || !isWanted(line.record, options)) continue;
          newest.push(line.record);
          if (newest.length > 2 * count) newest.splice(0, newest.length - count);
        }
      });
      context.stdout.write(formatTable(newest.slice(-count).map(listCells), [0]));
    });

  audit
    .command('verify')
    .description('check that no entry was changed, removed or cut off, and print the head of the log')
    .option('--expect-head <hash>', 'hash of a head that was printed before: the log must still contain that entry')
    .addHelpText(
      'after',
      `
The log alone does not show entries that somebody with the master key has forged. Note the printed
head on another machine and pass it with --expect-head: this reveals them, and also an older copy of
the whole database together with its counter in the folder of the keys.`,
    )
    .action(async ({ expectHead }: { expectHead?: string }, command: Command) => {
      if (expectHead !== undefined && !HASH.test(expectHead)) {
        throw new AppError('INVALID_PARAM', '--expect-head must be 64 hexadecimal digits');
      }
      const { config } = await loadCommandConfig(command, context);
      const { verifyAuditLog } = await import('../audit/verify.js');
      const report = await withAuditLog(config, context, (lines) => verifyAuditLog(lines, expectHead));
      for (const problem of report.problems) context.stderr.write(`lintel: ${problem}\n`);
      const more = report.problemCount - report.problems.length;
      if (more > 0) context.stderr.write(`lintel: and ${more} more problems\n`);
      context.stdout.write(`${report.head.sequence} ${report.head.hash}\n`);
      if (!report.ok) throw new SilentFailure();
      context.stderr.write(
        `The audit log is complete and unchanged: ${report.entries} entries. The line on standard output is its head.\n`,
      );
    });

  audit
    .command('export')
    .description('write every entry as a line of JSON, with its hash')
    .argument('[file]', 'file to create (default: standard output)')
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      await withAuditLog(config, context, async (lines) => {
        if (file !== undefined) await writeNewFile(resolve(context.cwd, file), formatJsonLines(lines));
        else for await (const line of formatJsonLines(lines)) context.stdout.write(line.toString());
      });
    });
}

/** Reads the log from the service that is running on the data directory, or from the directory itself where none runs. */
export async function withAuditLog<T>(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  context: Pick<CliContext, 'environment' | 'clock'>,
  work: (lines: AsyncIterable<AuditLine>) => Promise<T>,
): Promise<T> {
  const { decodeAuditLines } = await import('../audit/audit-lines.js');
  const answer = await askService(dataPaths(config).adminSocket, 'GET', '/audit');
  if (answer) return work(decodeAuditLines(answer));
  const { readAuditLog } = await import('../audit/audit-space.js');
  return withOwnStore(config, context, (store) => work(readAuditLog(store)), { onAltered: 'report' });
}

async function* formatJsonLines(lines: AsyncIterable<AuditLine>): AsyncGenerator<Buffer> {
  for await (const line of lines) {
    if (line.kind === 'entry') yield Buffer.from(`${JSON.stringify(line.record)}\n`);
    if (line.kind === 'damaged') yield Buffer.from(`${JSON.stringify({ sequence: line.sequence, damaged: true })}\n`);
  }
}

function isWanted({ action, actor }: AuditRecord, wanted: ListOptions): boolean {
  return (
    (wanted.action === undefined || action === wanted.action) && (wanted.actor === undefined || actor === wanted.actor)
  );
}

/** @returns the cells of one line: sequence, time, action, actor, and `name=value` for each fact of the subject */
function listCells({ sequence, at, action, actor, subject }: AuditRecord): string[] {
  const facts = Object.entries(subject).map(([name, value]) => `${name}=${String(value)}`);
  return [String(sequence), at, action, actor, facts.join('  ')];
}
