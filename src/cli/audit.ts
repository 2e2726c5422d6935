// `lintel audit`: who changed what, and whether the log of it is whole.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AuditRecord } from '../audit/audit-record.js';
import type { AuditLine } from '../audit/audit-space.js';
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import { AppError } from '../errors.js';
import { askService } from './admin-client.js';
import { commandConfig, type CliContext } from './context.js';
import { withOwnStore } from './own-store.js';
import { SilentFailure } from './program.js';
import { writeNewFile } from '../platform/write-file.js';

const DEFAULT_COUNT = 50;
const HASH = /^[0-9a-f]{64}$/;

interface ListOptions {
  count: string;
  action?: string;
  actor?: string;
}

export function registerAudit(program: Command, context: CliContext): void {
  const audit = program
    .command('audit')
    .description('the log of enrolments, deletions, exports, keys and configuration changes; a service may run or not');

  audit
    .command('list')
    .description('print the newest entries, the newest last')
    .option('-n, --count <n>', 'so many', String(DEFAULT_COUNT))
    .option('--action <action>', 'only these, such as face.enrolled')
    .option('--actor <actor>', 'only those of, such as app:default')
    .action(async (options: ListOptions, command: Command) => {
      const count = Number(options.count);
      if (!Number.isInteger(count) || count < 1) throw new AppError('INVALID_PARAM', '--count must be 1 or more');
      const { config } = await commandConfig(command, context);
      const newest: AuditRecord[] = [];
      await withAuditLog(config, context, async (lines) => {
        for await (const line of lines) {
          if (line.kind !== 'entry' || !fits(line.record, options)) continue;
          newest.push(line.record);
          if (newest.length > 2 * count) newest.splice(0, newest.length - count);
        }
      });
      for (const record of newest.slice(-count)) context.stdout.write(`${sentence(record)}\n`);
    });

  audit
    .command('verify')
    .description('check that no entry was altered, removed or cut off, and print the head, to be noted elsewhere')
    .option('--expect-head <hash>', 'of an earlier verify: the log must still have that entry')
    .addHelpText(
      'after',
      `
The log by itself does not show that the whole database was replaced by an older copy of it, nor what somebody with the master key wrote
anew. Keep the printed head on another machine, and give it with --expect-head: then both are found.`,
    )
    .action(async ({ expectHead }: { expectHead?: string }, command: Command) => {
      if (expectHead !== undefined && !HASH.test(expectHead)) {
        throw new AppError('INVALID_PARAM', '--expect-head must be 64 hexadecimal digits');
      }
      const { config } = await commandConfig(command, context);
      const { verifyAuditLog } = await import('../audit/verify.js');
      const report = await withAuditLog(config, context, (lines) => verifyAuditLog(lines, expectHead));
      for (const problem of report.problems) context.stderr.write(`lintel: ${problem}\n`);
      const more = report.problemCount - report.problems.length;
      if (more > 0) context.stderr.write(`lintel: and ${more} more\n`);
      context.stdout.write(`${report.head.sequence} ${report.head.hash}\n`);
      if (!report.ok) throw new SilentFailure();
      context.stderr.write(`The audit log is whole: ${report.entries} entries. Its head is on standard output.\n`);
    });

  audit
    .command('export')
    .description('write every entry as a line of JSON, with the hashes')
    .argument('[file]', 'to be made; without it standard output')
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      const { config } = await commandConfig(command, context);
      await withAuditLog(config, context, async (lines) => {
        if (file !== undefined) await writeNewFile(resolve(context.cwd, file), jsonLines(lines));
        else for await (const line of jsonLines(lines)) context.stdout.write(line.toString());
      });
    });
}

/** The log from the service that runs on the data directory, or from the directory itself where none does. */
export async function withAuditLog<T>(
  config: Pick<Config, 'dataDir' | 'keysDir'>,
  context: Pick<CliContext, 'environment' | 'clock'>,
  work: (lines: AsyncIterable<AuditLine>) => Promise<T>,
): Promise<T> {
  const { decodeAuditLines } = await import('../audit/audit-lines.js');
  const answer = await askService(dataPaths(config).adminSocket, 'GET', '/audit');
  if (answer) return work(decodeAuditLines(answer));
  const { readAuditLog } = await import('../audit/audit-space.js');
  return withOwnStore(config, context, (store) => work(readAuditLog(store)));
}

async function* jsonLines(lines: AsyncIterable<AuditLine>): AsyncGenerator<Buffer> {
  for await (const line of lines) {
    if (line.kind === 'entry') yield Buffer.from(`${JSON.stringify(line.record)}\n`);
    if (line.kind === 'damaged') yield Buffer.from(`${JSON.stringify({ sequence: line.sequence, damaged: true })}\n`);
  }
}

function fits({ action, actor }: AuditRecord, wanted: ListOptions): boolean {
  return (
    (wanted.action === undefined || action === wanted.action) && (wanted.actor === undefined || actor === wanted.actor)
  );
}

function sentence({ sequence, at, action, actor, subject }: AuditRecord): string {
  const facts = Object.entries(subject).map(([name, value]) => `${name}=${String(value)}`);
  return [String(sequence).padStart(6), at, action.padEnd(16), actor, ...facts].join('  ');
}
