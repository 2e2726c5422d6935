// MQTT 3.1.1 on the embedded broker: every statement in the table of docs/mqtt.md is tried with raw packets.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { EmbeddedBroker } from '../../src/events/embedded-broker.js';
import { connectOwn } from './broker-clients.js';
import { BIRTHS, COMMANDS, connectionChecks, type Bench } from './statements-of-connections.js';
import { messageChecks } from './statements-of-messages.js';
import { range, started } from './support.js';

const checks = { ...connectionChecks, ...messageChecks };
/** Statements that cannot be tried from outside, as the table says. */
const NOT_TRIED = ['3.2.2-6', '4.3.2-1', '4.3.3-1'];

/** The numbers in the first column of the table; `3.1.0-1 to 2` are two of them. */
function listStatements(): string[] {
  const page = readFileSync(new URL('../../docs/mqtt.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| \d\.\d/.test(line));
  return rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/(\d+\.\d+\.\d+)-(\d+)(?: to (\d+))?/g)].flatMap(
      ([, section, first, last]) => range(Number(first), Number(last ?? first)).map((number) => `${section}-${number}`),
    ),
  );
}

async function startBench(): Promise<Bench> {
  const base = {
    host: '127.0.0.1',
    port: 0,
    ownerId: 'lintel-gate',
    log: silentLog,
    openTopics: [
      { topic: COMMANDS, takesPresence: false },
      { topic: BIRTHS, takesPresence: true },
    ],
  };
  const broker = await started(new EmbeddedBroker(base));
  const users = new Map(['door', 'log'].map((name) => [name, name]));
  const ofUsers = await started(new EmbeddedBroker({ ...base, users }));
  const [port = 0, userPort = 0] = [broker, ofUsers].map(({ url }) => Number(new URL(url).port));
  return { broker, port, userPort, own: await connectOwn(broker) };
}

describe('the table of docs/mqtt.md', () => {
  it('has each statement once, and each has its check', () => {
    const checked = Object.keys(checks).flatMap((key) => key.split(' '));
    expect(listStatements().toSorted()).toEqual([...checked, ...NOT_TRIED].toSorted());
  });
});

describe('MQTT 3.1.1', () => {
  it.each(Object.entries(checks))('%s', async (_, check) => check(await startBench()));
});
