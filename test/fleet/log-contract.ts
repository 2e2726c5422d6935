// The contract of the log of a fleet: every implementation must pass it.
import { afterEach, describe, expect, it } from 'vitest';
import type { FleetLog } from '../../src/fleet/fleet-log.js';

/** A log under test. `reopen` gives another member of the same log. */
export interface LogUnderTest {
  log: FleetLog;
  reopen: () => Promise<FleetLog>;
  /** Closes and removes everything. */
  end: () => Promise<void>;
}

export function describeLogContract(name: string, start: () => Promise<LogUnderTest>): void {
  describe(`the log of a fleet: ${name}`, () => {
    let running: LogUnderTest | undefined;

    afterEach(async () => {
      await running?.end();
      running = undefined;
    });

    async function open(): Promise<FleetLog> {
      running = await start();
      return running.log;
    }

    it('keeps the last value of a subject, also for another member', async () => {
      const log = await open();
      expect(await log.get('head.aa')).toBeUndefined();
      await log.put('head.aa', Buffer.from('one'));
      await log.put('head.aa', Buffer.from('two'));
      expect((await log.get('head.aa'))?.toString()).toBe('two');
      const other = await running!.reopen();
      expect((await other.get('head.aa'))?.toString()).toBe('two');
      await other.close();
    });

    it('keeps bytes as they are, from one to 200 kB', async () => {
      const log = await open();
      for (const value of [Buffer.alloc(1), Buffer.from([0, 255, 13, 10]), Buffer.alloc(200_000, 7)]) {
        await log.put('group.aa.record.bb', value);
        expect((await log.get('group.aa.record.bb'))?.equals(value)).toBe(true);
      }
    });

    it('reads many subjects, each once, also those that are not there', async () => {
      const log = await open();
      const subjects = Array.from({ length: 50 }, (_, i) => `group.aa.record.${i}`);
      for (const subject of subjects) await log.put(subject, Buffer.from(subject));
      const found = await collect(log.getMany([...subjects, 'group.aa.record.none']));
      expect(found.length).toBe(51);
      const values = new Map(found.map(({ subject, value }) => [subject, value?.toString()]));
      for (const subject of subjects) expect(values.get(subject)).toBe(subject);
      expect(values.get('group.aa.record.none')).toBeUndefined();
      expect(await collect(log.getMany([]))).toEqual([]);
    });

    it('says that it is connected', async () => {
      const log = await open();
      expect(log.state).toEqual({ isConnected: true });
    });

    it('removes a subject, once and again', async () => {
      const log = await open();
      await log.put('head.aa', Buffer.from('one'));
      await log.remove('head.aa');
      await log.remove('head.aa');
      expect(await log.get('head.aa')).toBeUndefined();
      expect(await collect(log.list('head'))).toEqual([]);
      await log.put('head.aa', Buffer.from('again'));
      expect((await log.get('head.aa'))?.toString()).toBe('again');
    });

    it('reads many subjects, each once, and says which ones are not there', async () => {
      const log = await open();
      const names = Array.from({ length: 60 }, (_, i) => `group.aa.record.r${i}`);
      await Promise.all(names.slice(0, 40).map((subject) => log.put(subject, Buffer.from(subject))));
      const found = await collect(log.getMany(names));
      expect(found.map(({ subject }) => subject).sort()).toEqual([...names].sort());
      for (const { subject, value } of found) {
        expect(value?.toString(), subject).toBe(names.indexOf(subject) < 40 ? subject : undefined);
      }
      expect(await collect(log.getMany([]))).toEqual([]);
    });

    it('reads all values below a prefix, large and small ones, and those alone', async () => {
      const log = await open();
      const values = new Map<string, Buffer>();
      for (let i = 0; i < 25; i++) values.set(`group.aa.record.r${i}`, Buffer.alloc(1 + ((i * 7) % 300), i));
      for (let i = 0; i < 2; i++) values.set(`group.aa.bucket.b${i}`, Buffer.alloc(190_000, i));
      const all = [...values, ['group.ab.record.x', Buffer.of(1)], ['head.aa', Buffer.of(2)]] as const;
      await Promise.all(all.map(([subject, value]) => log.put(subject, value)));
      await log.put('group.aa.record.r5', Buffer.from('newer'));
      values.set('group.aa.record.r5', Buffer.from('newer'));
      await log.remove('group.aa.record.r6');
      values.delete('group.aa.record.r6');
      const found = await collect(log.readAll('group.aa'));
      for (const { subject, value } of found) expect(values.get(subject)?.equals(value), subject).toBe(true);
      expect(new Set(found.map(({ subject }) => subject)).size).toBe(values.size);
      expect(found).toHaveLength(values.size);
      expect(await collect(log.readAll('group.ac'))).toEqual([]);
      // A reader may leave early, and come again.
      for await (const { subject } of log.readAll('group.aa.record')) if (subject.endsWith('1')) break;
      expect(await collect(log.readAll('group.aa.bucket'))).toHaveLength(2);
    });

    it('reads to the end while others put and remove', async () => {
      const log = await open();
      const names = Array.from({ length: 80 }, (_, i) => `group.aa.record.r${i}`);
      await Promise.all(names.map((subject) => log.put(subject, Buffer.from(subject))));
      const other = await running!.reopen();
      const found = new Set<string>();
      let isChanged = false;
      for await (const { subject } of log.readAll('group.aa.record')) {
        found.add(subject);
        if (isChanged) continue;
        isChanged = true;
        await Promise.all(names.slice(60).map((one) => other.remove(one)));
        await Promise.all(names.slice(0, 20).map((one) => other.put(one, Buffer.from('newer'))));
      }
      for (const subject of names.slice(0, 60)) expect(found.has(subject), subject).toBe(true);
      await other.close();
    });

    it('removes all subjects below a prefix, and those alone', async () => {
      const log = await open();
      const all = ['group.aa.record.b1', 'group.aa.bucket.00', 'group.aa', 'group.ab.record.b1', 'head.aa'];
      for (const subject of all) await log.put(subject, Buffer.from(subject));
      await log.removeAll('group.aa');
      await log.removeAll('group.aa');
      const left = await Promise.all(all.map(async (subject) => (await log.get(subject)) !== undefined));
      expect(left).toEqual([false, false, true, true, true]);
      await log.put('group.aa.record.b1', Buffer.from('again'));
      expect(await collect(log.list('group.aa'))).toEqual(['group.aa.record.b1']);
    });

    it('lists the subjects below a prefix, and those alone', async () => {
      const log = await open();
      const all = ['group.aa.record.b1', 'group.aa.record.b2', 'group.aa.bucket.00', 'group.ab.record.b1', 'head.aa'];
      for (const subject of all) await log.put(subject, Buffer.from(subject));
      expect((await collect(log.list('group.aa.record'))).sort()).toEqual(['group.aa.record.b1', 'group.aa.record.b2']);
      expect((await collect(log.list('group.aa'))).sort()).toEqual([
        'group.aa.bucket.00',
        'group.aa.record.b1',
        'group.aa.record.b2',
      ]);
      expect(await collect(log.list('group.a'))).toEqual([]);
    });

    it('tells a watcher of values that other members put', async () => {
      const log = await open();
      await log.put('head.aa', Buffer.from('before'));
      const seen = new Set<string | undefined>();
      let wake = (): void => undefined;
      const end = await log.watch('head', (subject) => {
        seen.add(subject);
        wake();
      });
      const until = async (isDone: () => boolean): Promise<void> => {
        while (!isDone()) await new Promise<void>((resolve) => (wake = resolve));
      };
      const other = await running!.reopen();
      await other.put('head.aa', Buffer.from('after'));
      await other.put('head.bb', Buffer.from('new'));
      await other.put('other.cc', Buffer.from('elsewhere'));
      await until(() => seen.has('head.aa') && seen.has('head.bb'));
      expect(seen.has('other.cc')).toBe(false);
      await end();
      await other.close();
    });

    it('keeps the messages of a stream in order, each once', async () => {
      const log = await open();
      for (const text of ['one', 'two', 'two', 'three']) await log.append('events.door', text, Buffer.from(text));
      await log.append('events.other', 'one', Buffer.from('elsewhere'));
      const messages = await collect(log.read('events.door', 0));
      expect(messages.map(({ message }) => message.toString())).toEqual(['one', 'two', 'three']);
      const positions = messages.map(({ position }) => position);
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
      const rest = await collect(log.read('events.door', positions[0]!));
      expect(rest.map(({ message }) => message.toString())).toEqual(['two', 'three']);
      expect(await collect(log.read('events.door', positions[2]!))).toEqual([]);
    });

    it('says where a message of a stream lies, and whether it was there before', async () => {
      const log = await open();
      const first = await log.append('events.door', 'one', Buffer.from('one'));
      const second = await log.append('events.door', 'two', Buffer.from('two'));
      expect([first.outcome, second.outcome]).toEqual(['added', 'added']);
      expect(second.position).toBeGreaterThan(first.position);
      const again = await log.append('events.door', 'one', Buffer.from('one'));
      expect(again).toEqual({ outcome: 'repeat', position: first.position });
      const messages = await collect(log.read('events.door', 0));
      expect(messages.map(({ position }) => position)).toEqual([first.position, second.position]);
    });

    it('adds a message to a stream only behind the one that its sender knows', async () => {
      const log = await open();
      await log.append('events.other', 'one', Buffer.from('elsewhere'));
      expect(await log.append('events.door', 'one', Buffer.from('one'), 7)).toEqual({ outcome: 'moved', position: 0 });
      const first = await log.append('events.door', 'one', Buffer.from('one'), 0);
      await log.append('events.other', 'two', Buffer.from('elsewhere'));
      const second = await log.append('events.door', 'two', Buffer.from('two'), first.position);
      expect([first.outcome, second.outcome]).toEqual(['added', 'added']);
      const { position } = second;
      for (const after of [0, first.position, position + 1]) {
        expect(await log.append('events.door', 'three', Buffer.from('3'), after)).toEqual({
          outcome: 'moved',
          position,
        });
      }
      // One that is there already is no reason to complain.
      expect((await log.append('events.door', 'two', Buffer.from('two'), first.position)).outcome).toBe('repeat');
      expect(await collect(log.read('events.door', 0))).toHaveLength(2);
    });

    it('refuses a subject that is none', async () => {
      const log = await open();
      for (const subject of ['', '.', 'a..b', 'a/b', '../a', 'a b', 'a.*', 'a.>', '$SYS.a', 'a'.repeat(65)]) {
        await expect(log.put(subject, Buffer.alloc(1)), subject).rejects.toThrow('no subject');
      }
    });
  });
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
