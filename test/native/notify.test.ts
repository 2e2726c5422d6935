// sd_notify's datagram, against a real socket that perl listens on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tempDir } from '../support/temp-dir.js';
import { addon } from './pictures.js';

/** Binds a datagram socket and prints the datagrams it gets, hexadecimal, one a line. */
const LISTENER = `
  use IO::Socket::UNIX; use Socket; $| = 1;
  my $name = $ARGV[0]; $name =~ s/^@/\\0/;
  my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $name) or die "bind: $!";
  print "bound\\n";
  while (defined $socket->recv(my $data, 65536)) { print unpack("H*", $data), "\\n"; }`;

async function listen(path: string): Promise<AsyncIterator<string>> {
  const child = spawn('perl', ['-e', LISTENER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('bound');
  return lines;
}

async function next(lines: AsyncIterator<string>): Promise<string> {
  return Buffer.from((await lines.next()).value as string, 'hex').toString();
}

describe('sdNotify', () => {
  test('sends one datagram for each message to a socket in the file system', async () => {
    const path = join(tempDir(), 'notify');
    const lines = await listen(path);
    addon.sdNotify(path, 'READY=1\nSTATUS=zwei Türen, 3 °C');
    addon.sdNotify(path, 'WATCHDOG=1');
    expect(await next(lines)).toBe('READY=1\nSTATUS=zwei Türen, 3 °C');
    expect(await next(lines)).toBe('WATCHDOG=1');
  });

  test('reaches a socket in the abstract namespace', async () => {
    const name = `@lintel-test-${process.pid}`;
    const lines = await listen(name);
    addon.sdNotify(name, 'STOPPING=1');
    expect(await next(lines)).toBe('STOPPING=1');
  });

  test('reaches a path as long as the system allows', async () => {
    const path = join(tempDir(), 'x').padEnd(107, 'x');
    const lines = await listen(path);
    addon.sdNotify(path, 'READY=1');
    expect(await next(lines)).toBe('READY=1');
    expect(() => addon.sdNotify(`${path}x`, 'READY=1')).toThrow(RangeError);
  });

  test('gives the error of the system when a message was not accepted', () => {
    const folder = tempDir();
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => addon.sdNotify(join(folder, 'none'), 'READY=1')).toThrow(/No such file or directory/);
    expect(() => addon.sdNotify(file, 'READY=1')).toThrow(/Connection refused/);
    expect(() => addon.sdNotify(`@lintel-nobody-${process.pid}`, 'READY=1')).toThrow(/Connection refused/);
  });

  test('does not wait for a receiver that has stopped reading', async () => {
    const path = join(tempDir(), 'notify');
    const child = spawn('perl', ['-e', LISTENER.replace(/while .*/s, 'sleep 60;'), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    expect(() => {
      for (let i = 0; i < 10_000; i++) addon.sdNotify(path, 'WATCHDOG=1');
    }).toThrow(/temporarily unavailable/);
  });

  test.each<[string, unknown, unknown, new () => Error]>([
    ['a relative path', 'notify', 'READY=1', RangeError],
    ['an empty path', '', 'READY=1', RangeError],
    ['a path with a NUL', '/run/\0notify', 'READY=1', TypeError],
    ['a path that is no text', 5, 'READY=1', TypeError],
    ['a message that is no text', '/run/notify', undefined, TypeError],
    ['a message with a NUL', '/run/notify', 'READY=1\0', TypeError],
  ])('refuses %s', (_, path, message, kind) => {
    expect(() => addon.sdNotify(path as string, message as string)).toThrow(kind);
  });
});
