// `lintel fleet server-config`: writes the files of a NATS server for the fleet.
import { access, mkdir } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { FLEET_PATHS } from '../../fleet/fleet-requests.js';
import type { FleetServerFiles } from '../../fleet/fleet.types.js';
import { AppError } from '../../errors.js';
import { replaceFile } from '../../platform/write-file.js';
import type { CliContext } from '../context.js';
import { openFleetService } from './ask-fleet.js';

/** Folder of the files where none is named. */
const DEFAULT_FOLDER = 'fleet-server';

interface ServerConfigOptions {
  host?: string[];
  out: string;
  force?: boolean;
}

/** @param fleet the command `lintel fleet` */
export function registerServerConfig(fleet: Command, context: CliContext): void {
  fleet
    .command('server-config')
    .description('on the authority: write the configuration of a NATS server for this fleet')
    .option('--host <name>', 'name or address by which doors reach the server; may be repeated', collect)
    .option('--out <folder>', 'folder for the files; it is created if it is missing', DEFAULT_FOLDER)
    .option('--force', 'write over files that are there')
    .addHelpText(
      'after',
      `
Without --host, the names are those of fleet.servers. The folder holds the configuration, and the
certificate of the server with its key. Only the server needs them: copy the folder there over a
channel that you trust, and delete it here. Nothing in it changes when doors join or leave.`,
    )
    .action(async ({ host = [], out, force = false }: ServerConfigOptions, command: Command) => {
      const service = await openFleetService(command, context);
      const hosts = host.length > 0 ? host : listHosts(service.config.fleet.servers ?? []);
      if (hosts.length === 0) {
        throw new AppError('INVALID_PARAM', 'fleet.servers names no server: give its name with --host NAME');
      }
      const folder = resolve(context.cwd, out);
      const { files } = await service.ask<FleetServerFiles>('POST', FLEET_PATHS.serverFiles, { host: hosts });
      await writeFiles(folder, files, force);
      for (const { name } of files) context.stdout.write(`${join(folder, name)}\n`);
      context.stderr.write(describeNextSteps(folder, hosts));
    });
}

/** @throws AppError STORE_UNAVAILABLE: a file is there already, or cannot be written */
async function writeFiles(folder: string, files: FleetServerFiles['files'], force: boolean): Promise<void> {
  const targets = files.map((file) => ({ ...file, path: resolve(folder, file.name) }));
  for (const { path, name } of targets) {
    if (relative(folder, path).split(sep)[0] === '..') throw new TypeError(`${name} is outside the folder`);
    if (force || !(await exists(path))) continue;
    throw new AppError('STORE_UNAVAILABLE', `${path} exists already: name another folder with --out, or give --force`);
  }
  try {
    for (const { path, mode, content } of targets) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await replaceFile(path, content, { mode });
    }
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    throw new AppError('STORE_UNAVAILABLE', `${folder} cannot be written (${code})`, { cause });
  }
}

function describeNextSteps(folder: string, hosts: readonly string[]): string {
  return `These are the files of a NATS server that doors reach as ${hosts.join(', ')}.
Copy ${folder} to the server, and run this in it there, as root:

  apt-get install nats-server
  systemctl disable --now nats-server
  install -D -m 644 -t /etc/lintel-nats nats-server.conf ca.pem server.pem
  install -m 600 -o nats -g nats server.key /etc/lintel-nats/
  systemctl enable --now lintel-nats

The unit lintel-nats.service comes with Lintel: systemd/README.md says how to install it alone. Then delete ${folder} here.
`;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Returns the host names of URLs, each once. */
function listHosts(servers: readonly string[]): string[] {
  return [...new Set(servers.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, '')))];
}

function collect(name: string, before: readonly string[] = []): string[] {
  if (!/^[A-Za-z0-9._:-]{1,255}$/.test(name)) throw new InvalidArgumentError('It must be a host name or an address.');
  return [...before, name];
}
