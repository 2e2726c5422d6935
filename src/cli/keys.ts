// `lintel keys`: the appKeys of the REST API, and the admin keys of the device API.
import type { Command } from 'commander';
import { ADMIN_KEY, APP_KEY, type KeyKind } from '../keys/stored-keys.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { listStoredKeys, withKeys } from './own-keys.js';
import { formatTable } from './output.js';

const ADMIN_FLAG = '--admin';

interface KindOption {
  admin?: boolean;
}

export function registerKeys(keys: Command, context: CliContext): void {
  keys
    .command('add')
    .description(
      'make an appKey and its secretKey and print them, one per line. Only their digests are stored: they cannot be shown again',
    )
    .argument('<name>', 'name of the key: letters, digits, - _ and . (the configuration of a camera names its appKey)')
    .option(ADMIN_FLAG, 'make an admin key instead, which opens the device API (/device/v1) and no group; one line')
    .action(async (name: string, options: KindOption, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const kind = pickKind(options);
      const { key, secretKey } = await withKeys(config, context, kind, (keys) => keys.create(name), { create: true });
      if (secretKey === undefined) {
        context.stdout.write(`${key}\n`);
        context.stderr.write(`This is the admin key "${name}". A running service accepts it from now on.\n`);
        return;
      }
      context.stdout.write(`${key}\n${secretKey}\n`);
      context.stderr.write(
        `These are the appKey "${name}" and its secretKey, which v2.0 of the API asks for. ` +
          'A running service accepts them from now on.\n',
      );
    });

  keys
    .command('list')
    .description('list the names and ids of the keys; the keys themselves are not stored')
    .option(ADMIN_FLAG, 'list the admin keys instead of the appKeys')
    .action(async (options: KindOption, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const kind = pickKind(options);
      const { keys: all, ignoredFiles } = await listStoredKeys(config, context, kind);
      for (const file of ignoredFiles) {
        context.stderr.write(`lintel: ${file} is not used: the keys are in the sealed store. Remove this file.\n`);
      }
      if (all.length === 0) {
        const example = options.admin ? `NAME ${ADMIN_FLAG}` : 'NAME';
        context.stderr.write(`There are no ${kind.noun}s. Make one with: lintel keys add ${example}\n`);
        return;
      }
      const rows = all.map(({ name, id, createdAt, revokedAt }) => [
        name,
        id,
        formatMinute(createdAt),
        revokedAt === undefined ? '' : formatMinute(revokedAt),
      ]);
      context.stdout.write(formatTable([['NAME', 'ID', 'MADE', 'REVOKED'], ...rows]));
    });

  keys
    .command('revoke')
    .description('refuse a key from now on. Its groups stay, and no other key can use them')
    .argument('<name>', 'name or id of the key, see "lintel keys list"')
    .option(ADMIN_FLAG, 'revoke an admin key instead of an appKey')
    .action(async (name: string, options: KindOption, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const kind = pickKind(options);
      const { id } = await withKeys(config, context, kind, (keys) => keys.revoke(name));
      context.stderr.write(`The ${kind.noun} "${name}" (${id}) is revoked.\n`);
    });
}

function pickKind({ admin = false }: KindOption): KeyKind {
  return admin ? ADMIN_KEY : APP_KEY;
}

/** Formats an ISO time as `2026-01-31 12:00`, UTC. */
function formatMinute(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}
