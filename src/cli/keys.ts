// `lintel keys`: the appKeys of the REST API, and the admin keys of the device API.
import { Option, type Command } from 'commander';
import { ROLES, type Role } from '../domain/role.js';
import { AppError } from '../errors.js';
import type { NewKey } from '../keys/key-registry.js';
import type { KeyActions } from '../keys/key-requests.js';
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
    .addOption(
      new Option(
        '--role <role>',
        'what the admin key may do: viewer: look; operator: also enrol, delete people, pause, privacy; admin: everything (default: admin)',
      ).choices(ROLES),
    )
    .action(async (name: string, options: KindOption & { role?: Role }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const { role } = options;
      const kind = pickKind(options);
      if (role !== undefined && !kind.hasRole) {
        throw new AppError('INVALID_PARAM', `--role needs ${ADMIN_FLAG}: only admin keys have roles`);
      }
      const create = (keys: KeyActions): Promise<NewKey> => keys.create(name, role);
      const { key, secretKey, entry } = await withKeys(config, context, kind, create, { create: true });
      if (secretKey === undefined) {
        context.stdout.write(`${key}\n`);
        context.stderr.write(
          `This is the admin key "${name}", with the role ${entry.role}. A running service accepts it from now on.\n`,
        );
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
    .description('list the names and ids of the keys, and the roles of admin keys; the keys themselves are not stored')
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
      const rows = all.map(({ name, id, role, createdAt, revokedAt }) => [
        name,
        id,
        ...(role === undefined ? [] : [role]),
        formatMinute(createdAt),
        revokedAt === undefined ? '' : formatMinute(revokedAt),
      ]);
      context.stdout.write(
        formatTable([['NAME', 'ID', ...(kind.hasRole ? ['ROLE'] : []), 'MADE', 'REVOKED'], ...rows]),
      );
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
