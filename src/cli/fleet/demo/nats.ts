// The NATS server of the demonstration: found on this machine, and started with the configuration that Lintel wrote.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { AppError } from '../../../errors.js';
import { DemoProcess } from './processes.js';

/** Paths at which distributions install it; /usr/sbin is not on every PATH. */
const PATHS = ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server'];
/** Folders in the generated configuration, which is made for a machine of its own. */
const CONFIG_FOLDER = '/etc/lintel-nats';
const STORE_FOLDER = '/var/lib/lintel-nats';

/** @throws AppError SERVICE_UNREACHABLE: there is none */
export function findNatsServer(): string {
  const path = PATHS.find((one) => existsSync(one));
  if (path !== undefined) return path;
  throw new AppError(
    'SERVICE_UNREACHABLE',
    'there is no nats-server on this machine: install it (apt-get install nats-server), or give --folder',
  );
}

/**
 * Starts the server on the loopback address.
 * @param files folder that `lintel fleet server-config` has filled
 * @throws AppError WORKER_FAILED
 */
export async function startNatsServer(
  program: string,
  { files, store, port }: { files: string; store: string; port: number },
  signal: AbortSignal,
): Promise<DemoProcess> {
  const file = join(files, 'nats-server.conf');
  const text = (await readFile(file, 'utf8'))
    .replaceAll(CONFIG_FOLDER, files)
    .replaceAll(STORE_FOLDER, store)
    .replace(/^listen: .*$/m, `listen: "127.0.0.1:${port}"`);
  await writeFile(file, text);
  await mkdir(store, { recursive: true, mode: 0o700 });
  const server = new DemoProcess('the NATS server', program, ['-c', file]);
  await server.waitFor(/Server is ready/, signal);
  return server;
}

/** Returns a free port of the loopback address: the wanted one where it is free. */
export async function pickPort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    const picked = (server.address() as AddressInfo).port;
    await new Promise((resolve) => server.close(resolve));
    return picked;
  }
  throw new AppError('SERVICE_UNREACHABLE', 'there is no free port on the loopback address');
}
