// The receiving end of systemd's notify protocol: a datagram socket, which Node cannot create and perl can.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/** Binds a datagram socket and prints each datagram in hexadecimal behind its time of arrival in seconds. */
const LISTENER = `
  use IO::Socket::UNIX; use Socket; use Time::HiRes qw(time); $| = 1;
  my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "bind: $!";
  print "bound\\n";
  while (defined $socket->recv(my $data, 65536)) { printf "%.3f %s\\n", time, unpack("H*", $data); }`;

export interface Notice {
  text: string;
  atMs: number;
}

export interface NotifySocket {
  /** All notices so far. */
  notices: Notice[];
  /** Waits for the first notice at or after index `from` that fits. */
  next(fits: (text: string) => boolean, from?: number): Promise<{ notice: Notice; index: number }>;
}

/** Listens until the test is over. */
export async function notifySocket(path: string): Promise<NotifySocket> {
  const child = spawn('perl', ['-e', LISTENER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  });
  const notices: Notice[] = [];
  let wake: () => void = () => undefined;
  const lines = createInterface(child.stdout);
  const bound = once(lines, 'line');
  lines.on('line', (line) => {
    const [seconds, hex] = line.split(' ');
    if (hex === undefined) return;
    notices.push({ text: Buffer.from(hex, 'hex').toString(), atMs: Number(seconds) * 1_000 });
    wake();
  });
  await bound;
  return {
    notices,
    async next(fits, from = 0) {
      for (;;) {
        const index = notices.findIndex(({ text }, at) => at >= from && fits(text));
        const notice = notices[index];
        if (notice) return { notice, index };
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

export const isAlive = (text: string): boolean => text.startsWith('WATCHDOG=1');
