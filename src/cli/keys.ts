// `lintel keys`: the appKeys of the REST API, and the admin keys of the device API.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { AdminKeys } from '../keys/admin-keys.js';
import { AppKeys } from '../keys/app-keys.js';
import { dataPaths } from '../config/paths.js';
import { silentLog } from '../domain/log.js';
import { commandConfig, type CliContext } from './context.js';

const ADMIN_FLAG = '--admin';

export function registerKeys(program: Command, context: CliContext): void {
  const keys = program
    .command('keys')
    .description('the appKeys of the REST API, each with groups of its own, and the admin keys of the device API');

  keys
    .command('add')
    .description(
      'make a key and its secretKey and print them, a line each. They are kept as digests only and cannot be shown again',
    )
    .argument('<name>', 'what to call it: letters, digits, - _ and .; cameras name their key so')
    .option(ADMIN_FLAG, 'an admin key, which opens the device API (/device/v1) and no group; it is one line')
    .action(async (name: string, { admin = false }: { admin?: boolean }, command: Command) => {
      if (admin) {
        const { key } = await (await openAdmin(command, context, { makeFolder: true })).create(name);
        context.stdout.write(`${key}\n`);
        context.stderr.write(`This is the admin key "${name}". A running service accepts it from now on.\n`);
        return;
      }
      const appKeys = await open(command, context, { makeFolder: true });
      const { key, secretKey } = await appKeys.create(name);
      context.stdout.write(`${key}\n${secretKey}\n`);
      context.stderr.write(
        `These are the appKey "${name}" and its secretKey, which v2.0 of the API asks for. ` +
          'A running service accepts them from now on.\n',
      );
    });

  keys
    .command('list')
    .description('list the keys, without the keys themselves')
    .option(ADMIN_FLAG, 'the admin keys, in place of the appKeys')
    .action(async ({ admin = false }: { admin?: boolean }, command: Command) => {
      const all = (await (admin ? openAdmin(command, context) : open(command, context))).list();
      if (all.length === 0) {
        const [what, how] = admin ? ['admin keys', `NAME ${ADMIN_FLAG}`] : ['appKeys', 'NAME'];
        context.stderr.write(`There are no ${what}. Make one with: lintel keys add ${how}\n`);
        return;
      }
      const rows = all.map(({ name, id, createdAt, revokedAt }) => [name, id, minute(createdAt), minute(revokedAt)]);
      context.stdout.write(table([['NAME', 'ID', 'MADE', 'REVOKED'], ...rows]));
    });

  keys
    .command('revoke')
    .description('refuse a key from now on. Its groups stay, and no other key sees them')
    .argument('<name>', 'its name or its id, see "lintel keys list"')
    .option(ADMIN_FLAG, 'an admin key, not an appKey')
    .action(async (name: string, { admin = false }: { admin?: boolean }, command: Command) => {
      const { id } = await (await (admin ? openAdmin(command, context) : open(command, context))).revoke(name);
      context.stderr.write(`The ${admin ? 'admin key' : 'appKey'} "${name}" (${id}) is revoked.\n`);
    });
}

async function open(command: Command, context: CliContext, { makeFolder = false } = {}): Promise<AppKeys> {
  const { config } = await commandConfig(command, context);
  const path = dataPaths(config).appKeysFile;
  if (makeFolder) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const appKeys = new AppKeys({ path, clock: context.clock, log: silentLog });
  appKeys.load();
  return appKeys;
}

async function openAdmin(command: Command, context: CliContext, { makeFolder = false } = {}): Promise<AdminKeys> {
  const { config } = await commandConfig(command, context);
  const path = dataPaths(config).adminKeysFile;
  if (makeFolder) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const adminKeys = new AdminKeys({ path, clock: context.clock, log: silentLog });
  adminKeys.load();
  return adminKeys;
}

/** `2026-01-31 12:00`, UTC. */
function minute(time: string | undefined): string {
  return time === undefined ? '' : time.slice(0, 16).replace('T', ' ');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string => row.map((cell, i) => cell.padEnd(widths[i])).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}
