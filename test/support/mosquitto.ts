// A mosquitto broker and a subscriber, each a process of its own on 127.0.0.1.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

export const hasMosquitto = ['mosquitto', 'mosquitto_sub'].every(
  (name) => spawnSync('sh', ['-c', `PATH="$PATH:/usr/sbin" command -v ${name}`]).status === 0,
);

const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` };

export interface Message {
  topic: string;
  payload: string;
  retained: boolean;
}

/** Starts a broker for the running test. @returns its port, once it accepts connections */
export async function startMosquitto(folder: string): Promise<number> {
  const port = await freePort();
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const broker = spawn('mosquitto', ['-c', file], { stdio: 'ignore', env });
  onTestFinished(() => end(broker));
  for (;;) {
    if (broker.exitCode !== null) throw new Error(`mosquitto ended with ${broker.exitCode}`);
    if (await accepts(port)) return port;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Subscribes to everything. @returns the messages as they come, once the subscription is acknowledged */
export async function subscribe(port: number, topic: string): Promise<Message[]> {
  const messages: Message[] = [];
  // Line by line: through a pipe mosquitto_sub would hold its words back.
  const subscriber = spawn(
    'stdbuf',
    [
      '-oL',
      'mosquitto_sub',
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      '-q',
      '1',
      '-t',
      topic,
      '-d',
      '-F',
      'MESSAGE %r %t %p',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'], env },
  );
  onTestFinished(() => end(subscriber));
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: subscriber.stdout }).on('line', (line) => {
      if (line.includes('SUBACK') || line.startsWith('Subscribed')) resolve();
      const found = /^MESSAGE (\d) (\S+) (.*)$/.exec(line);
      if (found) messages.push({ retained: found[1] === '1', topic: found[2], payload: found[3] });
    });
    subscriber.once('exit', (code) => reject(new Error(`mosquitto_sub ended with ${code}`)));
  });
  return messages;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
