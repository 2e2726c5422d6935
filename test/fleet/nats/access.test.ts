// What the credentials of a fleet allow on a real NATS server with the generated configuration.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NatsAccess } from '../../../src/fleet/nats/connection-options.js';
import { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import { natsServerPath, startFleetServer, type FleetServer } from '../fleet-server.js';

describe.skipIf(natsServerPath === undefined)('credentials of a fleet', () => {
  let running: FleetServer;
  let authority: NatsLog;
  const open: NatsLog[] = [];

  async function connect(access: NatsAccess): Promise<NatsLog> {
    const log = await NatsLog.connect({ access, fleet: running.fleet });
    open.push(log);
    return log;
  }

  beforeAll(async () => {
    running = await startFleetServer();
    authority = await connect(running.makeAuthorityAccess());
    await authority.createStreams();
  });
  afterAll(async () => {
    for (const log of open) await log.close();
    await running?.server.end();
  });

  it('a door reads heads, groups, its membership and its answers, and writes its own subjects', async () => {
    const door = await connect(running.makeDoorAccess('d1'));
    const readable = [
      'head.aa',
      'group.aa.bucket.00',
      'group.aa.record.bb',
      'group.aa.keys.00',
      'member.d1',
      'answer.d1.p1',
    ];
    for (const subject of readable) {
      await authority.put(subject, Buffer.from(subject));
      expect((await door.get(subject))?.toString()).toBe(subject);
    }
    expect(await door.get('head.unknown')).toBeUndefined();
    for (const subject of ['report.d1', 'proposal.d1.p1']) {
      await door.put(subject, Buffer.from(subject));
      expect((await authority.get(subject))?.toString()).toBe(subject);
    }
    await door.append('events.d1', 'one', Buffer.from('first'));
    await door.append('events.d1', 'one', Buffer.from('first'));
    const events: string[] = [];
    for await (const { message } of authority.read('events.d1', 0)) events.push(message.toString());
    expect(events).toEqual(['first']);
  });

  it('a door hears of heads, its membership and its answers', async () => {
    const door = await connect(running.makeDoorAccess('d2'));
    const seen = new Set<string | undefined>();
    let wake = (): void => undefined;
    const notice = (subject: string | undefined): void => {
      seen.add(subject);
      wake();
    };
    for (const prefix of ['head', 'member.d2', 'answer.d2']) await door.watch(prefix, notice);
    const subjects = ['head.aa', 'member.d2', 'answer.d2.p1'];
    for (const subject of subjects) await authority.put(subject, Buffer.from('new'));
    while (!subjects.every((subject) => seen.has(subject))) await new Promise<void>((resolve) => (wake = resolve));
    expect([...seen].sort()).toEqual([...subjects].sort());
  });

  it('an invited device asks to join and reads the answer', async () => {
    const invited = await connect(running.makeInviteAccess('j1'));
    await invited.put('join.j1', Buffer.from('request'));
    expect((await authority.get('join.j1'))?.toString()).toBe('request');
    await authority.put('welcome.j1', Buffer.from('welcome'));
    expect((await invited.get('welcome.j1'))?.toString()).toBe('welcome');
  });
});
