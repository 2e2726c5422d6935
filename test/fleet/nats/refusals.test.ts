// What the NATS server of a fleet refuses: a door that reaches for what is not its own, and connections without the right credentials.
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { randomBytes } from 'node:crypto';
import { makeAuthorityCertificate } from '../../../src/fleet/nats/certificates.js';
import { makeConnectionOptions, type NatsAccess } from '../../../src/fleet/nats/connection-options.js';
import { makeDoorCredentials } from '../../../src/fleet/nats/credentials.js';
import { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import { makeServerKeys } from '../../../src/fleet/nats/server-keys.js';
import { natsServerPath, startFleetServer, type FleetServer } from '../fleet-server.js';
import { collect } from '../log-contract.js';

const making = { now: Date.now, randomBytes };

describe.skipIf(natsServerPath === undefined)('the NATS server of a fleet refuses', () => {
  let running: FleetServer;
  let authority: NatsLog;

  beforeAll(async () => {
    running = await startFleetServer();
    authority = await NatsLog.connect({ access: running.makeAuthorityAccess(), fleet: running.fleet });
    await authority.createStreams();
    const values = ['head.aa', 'head.bb', 'group.aa.record.cc', 'member.d1', 'member.d2', 'report.d2', 'answer.d2.p1'];
    for (const subject of [...values, 'welcome.j1']) await authority.put(subject, Buffer.from(`true ${subject}`));
    await authority.append('events.d2', 'one', Buffer.from('first'));
  });
  afterAll(async () => {
    await authority?.close();
    await running?.server.end();
  });

  async function connectRaw(access: NatsAccess): Promise<NatsConnection> {
    const connection = await connect(makeConnectionOptions(access));
    onTestFinished(() => connection.close());
    return connection;
  }

  /** Collects what the server refuses, as `Publish` or `Subscription` and the subject. */
  function collectRefusals(connection: NatsConnection): string[] {
    const refused: string[] = [];
    void (async () => {
      for await (const status of connection.status()) {
        if (status.type !== 'error') continue;
        const [, operation, subject] = /for (Publish|Subscription) to "([^"]+)"/.exec(status.error.message) ?? [];
        refused.push(`${operation} ${subject}`);
      }
    })();
    return refused;
  }

  /** Everything that lies in the log. */
  async function readEverything(): Promise<string[]> {
    const all: string[] = [];
    for (const prefix of ['head', 'group', 'member', 'report', 'answer', 'proposal', 'join', 'welcome']) {
      for (const { subject, value } of await collect(authority.readAll(prefix)))
        all.push(`${subject}: ${value.toString()}`);
    }
    const events = await collect(authority.read('events.d2', 0));
    return [...all.sort(), ...events.map(({ message }) => message.toString())];
  }

  const v = (subject: string): string => `lintel.${running.fleet}.v.${subject}`;
  const stream = (name: string): string => `LINTEL-${running.fleet}-${name}`;

  const foreignSubjects: readonly [string, () => string[]][] = [
    [
      'values of others',
      () =>
        ['report.d2', 'report.d1.x', 'proposal.d2.p1', 'join.j1', 'head.aa', 'group.aa.record.cc', 'group.aa.bucket.00']
          .concat('member.d1', 'member.d2', 'answer.d1.p1', 'welcome.j1')
          .map(v),
    ],
    ['events of others', () => [`lintel.${running.fleet}.s.events.d2`, `lintel.${running.fleet}.s.other`]],
    [
      'other reads',
      () =>
        ['member.d2', 'answer.d2.p1', 'report.d2', 'welcome.j1', 'proposal.d2.p1', '>']
          .map((subject) => `$JS.API.DIRECT.GET.${stream('VALUES')}.${v(subject)}`)
          .concat(`$JS.API.DIRECT.GET.${stream('VALUES')}`, `$JS.API.DIRECT.GET.${stream('MESSAGES')}`)
          .concat(`$JS.API.DIRECT.GET.${stream('MESSAGES')}.lintel.${running.fleet}.s.events.d2`),
    ],
    [
      'streams and consumers',
      () =>
        ['INFO', 'STREAM.NAMES', 'STREAM.LIST', 'STREAM.CREATE.NEW']
          .concat(
            ['INFO', 'DELETE', 'UPDATE', 'PURGE', 'MSG.GET', 'MSG.DELETE'].map(
              (x) => `STREAM.${x}.${stream('VALUES')}`,
            ),
          )
          .concat(`STREAM.PURGE.${stream('MESSAGES')}`, `CONSUMER.NAMES.${stream('VALUES')}`)
          .concat(`CONSUMER.CREATE.${stream('VALUES')}`, `CONSUMER.CREATE.${stream('VALUES')}.d1.${v('group.>')}`)
          .concat(`CONSUMER.DURABLE.CREATE.${stream('VALUES')}.d1`, `CONSUMER.DELETE.${stream('VALUES')}.d2`)
          .map((request) => `$JS.API.${request}`),
    ],
    [
      'the server itself and answers of others',
      () => ['$SYS.REQ.CLAIMS.UPDATE', '$SYS.REQ.SERVER.PING', '$SYS.REQ.USER.INFO', '_INBOX.d2.x', 'anything'],
    ],
  ];

  it.each(foreignSubjects)('a door that writes to %s', async (_, list) => {
    const before = await readEverything();
    const door = await connectRaw(running.makeDoorAccess('d1'));
    const refused = collectRefusals(door);
    const subjects = list();
    for (const subject of subjects) door.publish(subject, 'forged', { reply: '_INBOX.d1.x' });
    await door.flush();
    await vi.waitFor(() => expect(refused).toEqual(subjects.map((subject) => `Publish ${subject}`)));
    expect(await readEverything()).toEqual(before);
  });

  it('a door that listens to others', async () => {
    const door = await connectRaw(running.makeDoorAccess('d1'));
    const refused = collectRefusals(door);
    const foreign = ['>', '*', 'lintel.>', `lintel.${running.fleet}.>`, '$SYS.>', '$JS.>', '_INBOX.>', '_INBOX.d2.>']
      .concat(['>', 'member.*', 'member.d2', 'report.*', 'group.>', 'answer.*.*', 'welcome.*', '*.d2'].map(v))
      .concat(`lintel.${running.fleet}.s.events.*`, `lintel.${running.fleet}.s.events.d1`);
    for (const subject of foreign) door.subscribe(subject, { callback: () => undefined });
    await door.flush();
    await vi.waitFor(() => expect(refused).toEqual(foreign.map((subject) => `Subscription ${subject}`)));
  });

  it('a door that lets the server write its answer to a subject of the log', async () => {
    const before = await readEverything();
    const door = await connectRaw(running.makeDoorAccess('d1'));
    const targets = [...['head.aa', 'member.d2', 'report.d2', 'answer.d2.p1', 'join.j9'].map(v)];
    targets.push(`lintel.${running.fleet}.s.events.d2`, `$JS.API.STREAM.PURGE.${stream('VALUES')}`);
    const requests = [v('report.d1'), `$JS.API.DIRECT.GET.${stream('VALUES')}.${v('head.bb')}`];
    for (const reply of targets) for (const subject of requests) door.publish(subject, 'mine', { reply });
    await door.flush();
    // The server has answered all of them when it answers this one.
    const client = await NatsLog.connect({ access: running.makeDoorAccess('d1'), fleet: running.fleet });
    onTestFinished(() => client.close());
    await client.put('report.d1', Buffer.from('mine'));
    expect(await readEverything()).toEqual([...before, 'report.d1: mine'].sort((a, b) => sortFirst(a, b)));
    await authority.remove('report.d1');
  });

  it('a door that asks to replace the whole stream by its message', async () => {
    const before = await readEverything();
    const door = await connectRaw(running.makeDoorAccess('d1'));
    const rollup = headers();
    rollup.set('Nats-Rollup', 'all');
    const answer = await door.request(v('report.d1'), 'mine', { headers: rollup, timeout: 5_000 });
    expect(answer.json()).toMatchObject({ error: { description: expect.stringContaining('rollup') as string } });
    expect(await readEverything()).toEqual(before);
  });

  it('an invited device that does anything but ask to join', async () => {
    const invited = await connectRaw(running.makeInviteAccess('j2'));
    const refused = collectRefusals(invited);
    const direct = (subject: string): string => `$JS.API.DIRECT.GET.${stream('VALUES')}.${v(subject)}`;
    const subjects = ['join.j1', 'report.j2', 'report.d1', 'member.j2', 'head.aa', 'welcome.j2'].map(v);
    subjects.push(...['head.aa', 'group.aa.record.cc', 'member.j2', 'welcome.j1', 'join.j2'].map(direct));
    for (const subject of subjects) invited.publish(subject, 'forged');
    for (const subject of ['head', 'head.*', 'member.j2', 'welcome.j1']) {
      invited.subscribe(v(subject), { callback: () => undefined });
    }
    await invited.flush();
    await vi.waitFor(() => expect(refused.length).toBe(subjects.length + 4));
  });

  it('connections without TLS, from another authority, without credentials, and with those of another fleet', async () => {
    const good = running.makeDoorAccess('d1');
    const otherCa = makeAuthorityCertificate(making).certificate;
    const others = makeServerKeys({ fleet: running.fleet, ...making });
    const { servers, ca, credentials } = good;
    const cases: readonly [string, NatsAccess, RegExp][] = [
      ['no TLS', { servers, credentials: credentials! }, /tls|self|certificate/i],
      ['another authority', { ...good, ca: otherCa }, /certificate/i],
      [
        'another host',
        { ...good, servers: servers.map((url) => url.replace('127.0.0.1', 'localhost')) },
        /altname|host/i,
      ],
      ['no credentials', { servers, ca: ca! }, /authorization violation/i],
      [
        'another fleet',
        { ...good, credentials: makeDoorCredentials(others, { door: 'd1', ...making }) },
        /authorization/i,
      ],
      ['expired', running.makeDoorAccess('d1', Date.now() - 5_000), /authorization|expired/i],
    ];
    for (const [name, access, message] of cases) {
      await expect(connect(makeConnectionOptions(access)), name).rejects.toThrow(message);
    }
    await (await connect(makeConnectionOptions(good))).close();
  });

  it('credentials from the moment when they expire', async () => {
    const door = await connectRaw(running.makeDoorAccess('d1', Date.now() + 1_500));
    const error = await door.closed();
    expect(String(error)).toMatch(/expired/i);
  });

  it('credentials whose document was changed', async () => {
    const access = running.makeDoorAccess('d1');
    const { jwt } = access.credentials!;
    const [header, body, signature] = jwt.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
    const changed = Buffer.from(JSON.stringify({ ...claims, name: 'd2' })).toString('base64url');
    const credentials = { ...access.credentials!, jwt: `${header}.${changed}.${signature}` };
    await expect(connect(makeConnectionOptions({ ...access, credentials }))).rejects.toThrow(/authorization/i);
  });
});

/** The order of readEverything: values by their subjects, then events. */
function sortFirst(a: string, b: string): number {
  const [x, y] = [a.includes(': '), b.includes(': ')];
  if (x !== y) return x ? -1 : 1;
  return a < b ? -1 : 1;
}
