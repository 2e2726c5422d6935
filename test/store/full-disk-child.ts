// A process whose disk refuses writes for a while: it limits the size of its own files, and lifts the limit again.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { SealedStore, type Space } from '../../src/store/sealed-store.js';
import { limitFiles } from './disk-limit.js';

const [directory = '', scenario] = process.argv.slice(2);
const signal = new AbortController().signal;

let retry: (() => void) | undefined;
const timers = {
  setTimeout: ((callback: () => void) => {
    retry = callback;
    return { unref: () => undefined };
  }) as unknown as typeof setTimeout,
  clearTimeout: (() => {
    retry = undefined;
  }) as typeof clearTimeout,
};
const store = new SealedStore({ directory, masterKey: Buffer.alloc(32, 7), log: silentLog, timers });

function logSize(): number {
  const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return Math.max(...logs.map((name) => statSync(join(directory, name)).size));
}

async function refusal(write: Promise<void>): Promise<string> {
  return write.then(
    () => 'written',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
}

async function records(space: Space): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for await (const [key, value] of space.entries()) all[key.toString()] = value.toString();
  return all;
}

await store.start(signal);
const space = await store.openSpace('letters');
const put = (key: string, value: string) => space.put(Buffer.from(key), Buffer.from(value));
// One record over and over: a long log, of which a new database file needs little.
for (let i = 0; i < 30; i++) await store.write([put('a', 'x'.repeat(4_000))]);
await store.write([put('a', '1'), put('b', '2')]);

// Room for half of the next batch and for a database that is opened again, or for nothing at all.
limitFiles(scenario === 'half-written' ? logSize() + 2_000 : 1);
const large = 'y'.repeat(scenario === 'half-written' ? 200_000 : 10);
const refused = [
  await refusal(store.write([space.delete(Buffer.from('a')), put('b', large), put('c', large)])),
  await refusal(store.write([put('d', large)])),
];
const whileRefused = store.health().status;
limitFiles('unlimited');
if (scenario === 'back-by-itself') {
  retry?.();
  while (store.health().status !== 'ok') await new Promise((resolve) => setImmediate(resolve));
}
await store.write([put('later', 'yes')]);
const afterwards = store.health().status;
const present = await records(space);
await store.stop();
await store.start(signal);
const afterRestart = await records(await store.openSpace('letters'));
await store.stop();
console.log(JSON.stringify({ refused, whileRefused, afterwards, records: present, afterRestart }));
