// Makes a checkout with the real scripts and units, whose service behaves as the test needs, for installation into a temporary root.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { ADDON_PATH } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url));
const SYSTEMCTL = fileURLToPath(new URL('./fake-systemctl.pl', import.meta.url));

/** Behaviour of the service: `exits` ends at once, `silent` never sends READY, `unready` sends READY but is not ready for the doctor, `unbuildable` does not compile. */
export type Behaviour = 'ready' | 'exits' | 'silent' | 'unready' | 'unbuildable';

const MAIN = `
import { createRequire } from 'node:module';
const behaviour = BEHAVIOUR;
const [command, ...rest] = process.argv.slice(2);
if (command === 'doctor') process.exit(rest[0] === '--ready' && behaviour !== 'unready' ? 0 : 1);
if (command !== 'serve' || behaviour === 'exits') process.exit(1);
setInterval(() => undefined, 1_000);
if (behaviour !== 'silent') {
  const addon = createRequire(import.meta.url)('../../build/lintel.node');
  addon.sdNotify(process.env.NOTIFY_SOCKET, 'READY=1\\nSTATUS=' + rest.join(' '));
}`;

export function checkout(version: string, behaviour: Behaviour = 'ready'): string {
  const folder = join(tempDir(), 'checkout');
  for (const path of ['scripts', 'dist/cli', 'dist/console/files', 'build', 'var'])
    mkdirSync(join(folder, path), { recursive: true });
  for (const name of ['scripts/install', 'scripts/uninstall', 'systemd', 'lintel.example.yaml']) {
    cpSync(join(projectRoot, name), join(folder, name), { recursive: true });
  }
  cpSync(ADDON_PATH, join(folder, 'build/lintel.node'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'lintel', version, type: 'module' }));
  writeFileSync(join(folder, 'dist/cli/main.js'), MAIN.replace('BEHAVIOUR', JSON.stringify(behaviour)));
  writeFileSync(join(folder, 'dist/console/files/main-ABCDEFGH.js'), '0;');
  writeFileSync(join(folder, 'var/secret'), 'not to be taken along');
  const setup = behaviour === 'unbuildable' ? 'echo "setup: no compiler" >&2; exit 1' : 'exit 0';
  writeFileSync(join(folder, 'scripts/setup'), `#!/bin/sh\n${setup}\n`, { mode: 0o755 });
  return folder;
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** A machine with a temporary root, and a stand-in for systemctl that really starts the installed service. */
export class Machine {
  readonly root = tempDir();

  constructor() {
    onTestFinished(async () => {
      await this.systemctl('stop', 'lintel.service');
    });
  }

  systemctl(...args: string[]): Promise<Ran> {
    return run(SYSTEMCTL, args, { FAKE_ROOT: this.root });
  }

  install(from: string, ...args: string[]): Promise<Ran> {
    return this.#script(from, 'install', args);
  }

  uninstall(from: string, ...args: string[]): Promise<Ran> {
    return this.#script(from, 'uninstall', args);
  }

  #script(from: string, name: string, args: readonly string[]): Promise<Ran> {
    const all = ['--root', this.root, '--systemctl', SYSTEMCTL, ...args];
    return run(join(from, 'scripts', name), all, { FAKE_ROOT: this.root });
  }

  path(path: string): string {
    return join(this.root, path);
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  get current(): string | undefined {
    return this.has('opt/lintel/current') ? readlinkSync(this.path('opt/lintel/current')) : undefined;
  }

  get versions(): string[] {
    return readdirSync(this.path('opt/lintel/versions')).sort();
  }

  /** Command line of the process that runs as the service now. */
  get running(): string | undefined {
    if (!this.has('.systemctl/pid')) return undefined;
    const cmdline = `/proc/${this.read('.systemctl/pid')}/cmdline`;
    return existsSync(cmdline) ? readFileSync(cmdline, 'utf8').replaceAll('\0', ' ').trim() : undefined;
  }

  /** Folder of the running version, such as `versions/1.0.0-1`: the target of the link at its start. */
  get runningVersion(): string | undefined {
    if (!this.has('.systemctl/pid')) return undefined;
    const maps = readFileSync(`/proc/${this.read('.systemctl/pid')}/maps`, 'utf8');
    return /opt\/lintel\/(versions\/[^/]+)\/build\/lintel\.node/.exec(maps)?.[1];
  }
}
