// systemd's end of the notify protocol: a datagram socket, which Node cannot make and perl can.
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
  /** All so far. */
  notices: Notice[];
  /** The first one from the index `from` on that fits; waits for it. */
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
        if (index >= 0) return { notice: notices[index], index };
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

export const isAlive = (text: string): boolean => text.startsWith('WATCHDOG=1');
