// The event log on a real store: numbering, order, bounds, marks, search, restarts and a disk that refuses.
import { createPublicKey } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.js';
import { silentLog } from '../../src/domain/log.js';
import { recognitionEventSchema, type EventDraft, type EventFilter } from '../../src/events/event.js';
import { NO_HASH } from '../../src/events/event-chain.js';
import { EventLog, type EventLogOptions, type EventStore } from '../../src/events/event-log.js';
import type { HistorySource } from '../../src/events/history.js';
import { EventSigner, isSignedBy } from '../../src/events/signing.js';
import type { SealedStore, Space } from '../../src/store/sealed-store.js';
import { tempDir } from '../support/temp-dir.js';
import { aDraft, eventually, openStore, range, recordingLog, SIGNING_KEY, started } from './support.js';
import { ManualTimers } from '../camera/manual-timers.js';

type Limits = EventLogOptions['limits'];
type Change = Partial<Omit<EventLogOptions, 'limits'>> & Partial<Limits>;

const signer = new EventSigner(SIGNING_KEY);

function newLog({
  maxEvents = 1_000,
  maxBytes = 1e9,
  maxAgeHours = 24,
  ...options
}: Change & { store: EventStore }): EventLog {
  return new EventLog({
    deviceId: 'gate',
    limits: { maxEvents, maxBytes, maxAgeHours },
    consumers: ['mqtt'],
    signer,
    clock: Date.now,
    log: silentLog,
    ...options,
  });
}

async function openLog(change: Change = {}): Promise<EventLog> {
  return started(newLog({ ...change, store: change.store ?? (await openStore()) }));
}

async function emitMany(log: EventLog, count: number): Promise<number[]> {
  const events = await Promise.all(Array.from({ length: count }, () => log.emit(aDraft())));
  return events.map(({ sequence }) => sequence);
}

/** Sequence numbers of events; `-n` is a gap up to n. */
async function sequencesAfter(source: HistorySource, after: number, limit = 10_000): Promise<number[]> {
  return (await source.read(after, limit)).map((record) => ('gap' in record ? -record.sequence : record.sequence));
}

async function recordsIn(store: EventStore): Promise<number> {
  const space = await store.openSpace('outbox');
  return space.count({ gte: Buffer.from('event/'), lt: Buffer.from('event0') });
}

/** A store whose writes can be made to fail. */
function fragile(store: SealedStore): EventStore & { refuse: boolean; writes: number } {
  return {
    refuse: false,
    writes: 0,
    openSpace: (label) => store.openSpace(label),
    async write(operations) {
      this.writes++;
      if (this.refuse) throw new AppError('STORE_UNAVAILABLE', 'no room');
      await store.write(operations);
    },
  };
}

describe('an emitted event', () => {
  it('is complete, valid, signed and stored when the emission resolves', async () => {
    const log = await openLog();
    const draft = aDraft();
    const event = await log.emit(draft);
    const { eventId, keyId, signature } = event;
    expect(recognitionEventSchema.parse(event)).toEqual({
      ...draft,
      version: 2,
      deviceId: 'gate',
      sequence: 1,
      previous: NO_HASH,
      eventId,
      keyId,
      signature,
    });
    expect(keyId).toBe(signer.info.keyId);
    expect(isSignedBy(createPublicKey(SIGNING_KEY), event)).toBe(true);
    expect(await log.source('mqtt').read(0, 10)).toEqual([{ sequence: 1, event }]);
    expect(log.stats()).toMatchObject({ stored: 1, dropped: 0, refused: 0, bytes: JSON.stringify(event).length });
  });

  it('reaches onStored before its emission resolves', async () => {
    const published: number[] = [];
    const log = await openLog({ onStored: (events) => published.push(...events.map(({ sequence }) => sequence)) });
    await Promise.all(
      range(1, 5).map(async () => {
        const { sequence } = await log.emit(aDraft());
        expect(published).toContain(sequence);
      }),
    );
    expect(published).toEqual(range(1, 5));
  });

  it('has an id of its own', async () => {
    const log = await openLog();
    const ids = await Promise.all(range(1, 20).map(async () => (await log.emit(aDraft())).eventId));
    expect(new Set(ids).size).toBe(20);
  });

  it('has the next number, also among emissions of the same moment', async () => {
    const log = await openLog();
    const [first, second] = await Promise.all([emitMany(log, 30), emitMany(log, 20)]);
    expect([...first, ...second]).toEqual(range(1, 50));
    expect(await sequencesAfter(log.source('mqtt'), 0)).toEqual(range(1, 50));
  });

  it('is in one batch with the other events of the same moment', async () => {
    const store = fragile(await openStore());
    const log = await openLog({ store });
    await emitMany(log, 100);
    expect(store.writes).toBeLessThanOrEqual(3);
  });

  it.each([
    ['a camera id with a slash', { cameraId: 'a/b' }],
    ['a time that is none', { expiresAt: 'soon' }],
    ['a similarity beyond 100', { similarity: 101 }],
    ['a reason that is none', { reason: 'because' }],
    ['a signature of its own', { signature: 'AAAA' }],
    ['a field that is not of it', { name: 'somebody' }],
  ])('is refused as a TypeError with %s, and takes no number', async (_, change) => {
    const log = await openLog();
    await expect(log.emit({ ...aDraft(), ...change } as EventDraft)).rejects.toThrow(TypeError);
    expect((await log.emit(aDraft())).sequence).toBe(1);
  });

  it('is refused before the start and after the stop', async () => {
    const log = newLog({ store: await openStore() });
    await expect(log.emit(aDraft())).rejects.toMatchObject({ code: 'STOPPED' });
    await expect(log.recent({ limit: 1 })).rejects.toMatchObject({ code: 'STOPPED' });
    await log.start();
    const last = log.emit(aDraft());
    await log.stop();
    await log.stop();
    expect((await last).sequence).toBe(1);
    await expect(log.emit(aDraft())).rejects.toMatchObject({ code: 'STOPPED' });
  });

  it('is refused when too many wait for the disk, and counted', async () => {
    const log = await openLog({ maxEvents: 10_000 });
    const emissions = range(1, 1_001).map(() => log.emit(aDraft()));
    const outcomes = await Promise.allSettled(emissions);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await expect(emissions[1_000]).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    expect(log.stats()).toMatchObject({ stored: 1_000, dropped: 0, refused: 1 });
  });
});

describe('a consumer', () => {
  it('reads the events after a number, up to the limit', async () => {
    const log = await openLog();
    const source = log.source('mqtt');
    await emitMany(log, 10);
    expect(await sequencesAfter(source, 0, 3)).toEqual([1, 2, 3]);
    expect(await sequencesAfter(source, 3, 3)).toEqual([4, 5, 6]);
    expect(await sequencesAfter(source, 9, 3)).toEqual([10]);
    expect(await sequencesAfter(source, 10, 3)).toEqual([]);
    expect(await sequencesAfter(source, 99, 3)).toEqual([]);
  });

  it('reads what it has not settled, and the events stay stored', async () => {
    const log = await openLog();
    const source = log.source('mqtt');
    await emitMany(log, 10);
    source.settle(4);
    expect(await sequencesAfter(source, 0)).toEqual(range(5, 10));
    source.settle(2);
    expect(log.pending('mqtt')).toBe(6);
    source.settle(99);
    expect(await sequencesAfter(source, 0)).toEqual([]);
    expect(log.pending('mqtt')).toBe(0);
    expect((await log.emit(aDraft())).sequence).toBe(11);
    expect(log.stats()).toMatchObject({ stored: 11, dropped: 0 });
  });

  it('has a mark of its own', async () => {
    const log = await openLog({ consumers: ['mqtt', 'webhook'] });
    await emitMany(log, 10);
    log.source('mqtt').settle(8);
    log.source('webhook').settle(3);
    expect(await sequencesAfter(log.source('mqtt'), 0)).toEqual([9, 10]);
    expect(await sequencesAfter(log.source('webhook'), 0)).toEqual(range(4, 10));
  });

  it('starts with the next event when it is new, and continues at its mark when it comes back', async () => {
    const store = await openStore();
    const alone = await openLog({ store });
    await emitMany(alone, 5);
    await alone.stop();
    const both = await openLog({ store, consumers: ['mqtt', 'webhook'] });
    await emitMany(both, 5);
    expect(await sequencesAfter(both.source('webhook'), 0)).toEqual(range(6, 10));
    both.source('webhook').settle(7);
    await both.stop();
    const without = await openLog({ store });
    await emitMany(without, 2);
    await without.stop();
    const again = await openLog({ store, consumers: ['mqtt', 'webhook'] });
    expect(await sequencesAfter(again.source('webhook'), 0)).toEqual(range(8, 12));
    expect(await sequencesAfter(again.source('mqtt'), 0)).toEqual(range(1, 12));
  });

  it('reads a gap in place of a damaged record, which is also logged', async () => {
    const store = await openStore();
    const lines = recordingLog();
    const log = await openLog({ store, log: lines });
    await emitMany(log, 3);
    const space = await store.openSpace('outbox');
    const moved = (await space.get(Buffer.from('event/0000000000000001'))) ?? Buffer.alloc(0);
    // Sealed for another key: it will not open in this one's place.
    const stranger = space.put(Buffer.from('event/0000000000000003'), moved);
    const place = space.delete(Buffer.from('event/0000000000000002')).key;
    await store.write([{ ...stranger, key: place }]);
    const records = await log.source('mqtt').read(0, 10);
    expect(records).toMatchObject([
      { sequence: 1 },
      { sequence: 2, gap: { from: 2, to: 2, reason: 'unreadable' } },
      { sequence: 3 },
    ]);
    expect(lines.lines).toEqual([
      {
        level: 'error',
        fields: { sequence: 2 },
        message: 'a stored event cannot be read: the history declares it missing',
      },
    ]);
    expect((await log.recent({ limit: 10 })).events.map(({ sequence }) => sequence)).toEqual([3, 1]);
  });
});

describe('the limits', () => {
  it('on the number: the oldest events are removed and counted, and the gap is declared', async () => {
    const log = await openLog({ maxEvents: 10 });
    await emitMany(log, 8);
    await emitMany(log, 5);
    expect(log.stats()).toMatchObject({ stored: 10, dropped: 3 });
    const source = log.source('mqtt');
    expect((await source.read(0, 100))[0]).toMatchObject({ sequence: 3, gap: { from: 1, to: 3, reason: 'removed' } });
    expect(await sequencesAfter(source, 0)).toEqual([-3, ...range(4, 13)]);
    expect(await sequencesAfter(source, 3)).toEqual(range(4, 13));
  });

  it('on the number hold for a burst that is larger than the limit', async () => {
    const store = await openStore();
    const log = await openLog({ store, maxEvents: 10 });
    await emitMany(log, 250);
    expect(log.stats()).toMatchObject({ stored: 10, dropped: 240 });
    expect(await sequencesAfter(log.source('mqtt'), 0)).toEqual([-240, ...range(241, 250)]);
    await eventually(async () => (await recordsIn(store)) === 10);
  });

  it('count no event as dropped that every consumer has settled', async () => {
    const log = await openLog({ maxEvents: 10, consumers: ['mqtt', 'webhook'] });
    await emitMany(log, 10);
    log.source('mqtt').settle(10);
    log.source('webhook').settle(6);
    await emitMany(log, 10);
    expect(log.stats()).toMatchObject({ stored: 10, dropped: 4 });
    expect(await sequencesAfter(log.source('mqtt'), 0)).toEqual(range(11, 20));
    expect(await sequencesAfter(log.source('webhook'), 0)).toEqual([-10, ...range(11, 20)]);
  });

  it('on the bytes: the oldest events are removed until the rest is small enough', async () => {
    const store = await openStore();
    const log = await openLog({ store, maxBytes: 10_000 });
    for (let i = 0; i < 30; i++) await log.emit(aDraft());
    await eventually(() => log.stats().bytes <= 10_000);
    const { stored, dropped, bytes } = log.stats();
    expect(stored).toBeGreaterThan(5);
    expect(stored + dropped).toBe(30);
    expect(await recordsIn(store)).toBe(stored);
    const { events } = await log.recent({ limit: 100 });
    expect(events.reduce((sum, event) => sum + JSON.stringify(event).length, 0)).toBe(bytes);
  });

  it('on the age: a timer removes old events, without a gap for consumers that have settled them', async () => {
    const timers = new ManualTimers();
    const store = await openStore();
    const log = await openLog({ store, maxAgeHours: 1, clock: timers.clock, timers });
    const at = (): Partial<EventDraft> => ({ decidedAt: new Date(timers.nowMs).toISOString() });
    for (let i = 0; i < 250; i++) await log.emit(aDraft(60_000, at()));
    log.source('mqtt').settle(240);
    await timers.advance(45 * 60_000);
    await log.emit(aDraft(60_000, at()));
    expect(log.stats()).toMatchObject({ stored: 251, dropped: 0 });
    await timers.advance(20 * 60_000);
    await eventually(() => log.stats().stored === 1);
    expect(log.stats().dropped).toBe(10);
    await eventually(async () => (await recordsIn(store)) === 1);
    expect(await sequencesAfter(log.source('mqtt'), 0)).toEqual([-250, 251]);
    await timers.advance(60 * 60_000);
    await eventually(() => log.stats().stored === 0);
    await eventually(() => log.stats().bytes === 0);
    expect((await log.emit(aDraft(60_000, at()))).sequence).toBe(252);
  });

  it('on the age wait while the clock is not trusted: a jump forward does not empty the log', async () => {
    const timers = new ManualTimers();
    let problem: string | undefined;
    const trust = { problem: () => problem };
    const log = await openLog({ maxAgeHours: 1, clock: timers.clock, timers, trust });
    for (let i = 0; i < 3; i++) await log.emit(aDraft(60_000, { decidedAt: new Date(timers.nowMs).toISOString() }));
    problem = 'the clock was set forward';
    timers.nowMs += 10 * 365 * 86_400_000;
    await timers.advance(120_000);
    // Behind it there was an occasion to remove them.
    await log.emit(aDraft(60_000, { decidedAt: new Date(timers.nowMs).toISOString() }));
    expect(log.stats()).toMatchObject({ stored: 4, dropped: 0 });
    problem = undefined;
    await timers.advance(120_000);
    await eventually(() => log.stats().stored === 1);
  });

  it('hold at the next start when the configuration lowers them', async () => {
    const store = await openStore();
    const before = await openLog({ store, maxEvents: 5_000 });
    for (let i = 0; i < 5; i++) await emitMany(before, 200);
    await before.stop();
    const after = await openLog({ store, maxEvents: 100 });
    expect(after.stats()).toMatchObject({ stored: 100, dropped: 900 });
    expect(await sequencesAfter(after.source('mqtt'), 0)).toEqual([-900, ...range(901, 1_000)]);
    await eventually(async () => (await recordsIn(store)) === 100);
  });

  it('declare the gap to a read that has already begun', async () => {
    const log = await openLog({ maxEvents: 10 });
    await emitMany(log, 10);
    const reading = log.source('mqtt').read(0, 100);
    await emitMany(log, 10);
    const records = await reading;
    const after = records.at(-1)?.sequence ?? 0;
    const rest = await log.source('mqtt').read(after, 100);
    const covered = [...records, ...rest].flatMap((record) =>
      'gap' in record ? range(record.gap.from, record.gap.to) : [record.sequence],
    );
    expect(covered).toEqual(range(1, 20));
  });
});

describe('looking back', () => {
  const at = (seconds: number): number => Date.UTC(2026, 0, 1) + seconds * 1_000;
  const one = (seconds: number, change: Partial<EventDraft> = {}): EventDraft =>
    aDraft(60_000, { decidedAt: new Date(at(seconds)).toISOString(), ...change });

  async function filled(): Promise<EventLog> {
    const log = await openLog({ clock: () => at(10) });
    await log.emit(one(1));
    await log.emit(one(2, { type: 'unknown', reason: 'below-threshold' }));
    await log.emit(one(3, { cameraId: 'back' }));
    await log.emit(one(4, { externalImageId: 'guest-2' }));
    await log.emit(one(5, { type: 'spoof', reason: 'not-alive' }));
    return log;
  }

  const filters: [string, Omit<EventFilter, 'limit'>, number[]][] = [
    ['no filter', {}, [5, 4, 3, 2, 1]],
    ['types', { types: ['unknown', 'spoof'] }, [5, 2]],
    ['a camera', { cameraId: 'back' }, [3]],
    ['an externalImageId', { externalImageId: 'guest-2' }, [4]],
    ['a time from', { fromMs: at(3) }, [5, 4, 3]],
    ['a time before', { toMs: at(3) }, [2, 1]],
    ['a sequence', { before: 3 }, [2, 1]],
    ['several', { types: ['match'], cameraId: 'front', fromMs: at(1), toMs: at(5), before: 4 }, [1]],
    ['what nothing has', { cameraId: 'side' }, []],
  ];
  it.each(filters)('finds, newest first, by %s', async (_, filter, expected) => {
    const { events, before } = await (await filled()).recent({ ...filter, limit: 10 });
    expect(events.map(({ sequence }) => sequence)).toEqual(expected);
    expect(before).toBeUndefined();
  });

  it('lists each event once over all pages, settled or not, also when new events arrive meanwhile', async () => {
    const log = await openLog({ maxEvents: 10 });
    await emitMany(log, 15);
    log.source('mqtt').settle(9);
    const seen: number[] = [];
    let before: number | undefined;
    do {
      const page = await log.recent({ limit: 4, ...(before === undefined ? {} : { before }) });
      seen.push(...page.events.map(({ sequence }) => sequence));
      before = page.before;
    } while (before !== undefined);
    expect(seen).toEqual(range(6, 15).reverse());
  });

  it('examines a limited number of events in one call, and returns where to continue', async () => {
    const log = await openLog({ maxEvents: 10_000 });
    await log.emit(aDraft(60_000, { cameraId: 'back' }));
    for (let i = 0; i < 6; i++) await emitMany(log, 900);
    const first = await log.recent({ limit: 10, cameraId: 'back' });
    expect(first).toEqual({ events: [], before: 402 });
    const second = await log.recent({ limit: 10, cameraId: 'back', before: 402 });
    expect(second.events.map(({ sequence }) => sequence)).toEqual([1]);
    expect(second.before).toBeUndefined();
  });

  it.each([0, 1_001, NaN])('refuses a limit of %s', async (limit) => {
    await expect((await filled()).recent({ limit })).rejects.toThrow(TypeError);
  });
});

describe('a restart', () => {
  it('continues with the next number, and keeps marks, events and their bytes', async () => {
    const store = await openStore();
    const before = await openLog({ store });
    await emitMany(before, 10);
    before.source('mqtt').settle(4);
    const { bytes } = before.stats();
    await before.stop();
    const after = await openLog({ store });
    expect(await sequencesAfter(after.source('mqtt'), 0)).toEqual(range(5, 10));
    expect(after.stats()).toMatchObject({ stored: 10, bytes });
    expect((await after.newest('mqtt', 3)).map(({ sequence }) => sequence)).toEqual([8, 9, 10]);
    expect((await after.newest('mqtt', 50)).map(({ sequence }) => sequence)).toEqual(range(5, 10));
    expect((await after.emit(aDraft())).sequence).toBe(11);
  });

  it('reads no event at the start, however many there are', async () => {
    const store = await openStore();
    const before = await openLog({ store });
    await emitMany(before, 500);
    await before.stop();
    let reads = 0;
    const counting: EventStore = {
      write: (operations) => store.write(operations),
      openSpace: async (label) => {
        const space = await store.openSpace(label);
        const get = (key: Uint8Array): Promise<Buffer | undefined> => {
          reads++;
          return space.get(key);
        };
        return {
          get,
          put: space.put.bind(space),
          delete: space.delete.bind(space),
          entries: (...args: Parameters<Space['entries']>) => {
            // What the broker did not take; there is nothing.
            expect(args[0]?.gte?.toString()).toBe('aside/');
            return space.entries(...args);
          },
        } as unknown as Space;
      },
    };
    const after = newLog({ store: counting });
    await after.start();
    await after.stop();
    // The state, the chain, and the oldest event with its grounds, for its age.
    expect(reads).toBeLessThanOrEqual(4);
  });

  it('finds every event whose emission resolved in what a crash leaves on the disk', async () => {
    const directory = join(tempDir(), 'data');
    const log = await openLog({ store: await openStore(directory) });
    for (let i = 1; i <= 20; i++) await log.emit(aDraft());
    log.source('mqtt').settle(5);
    // The files as they are at this moment, as a kill would leave them.
    const crashed = join(tempDir(), 'data');
    cpSync(directory, crashed, { recursive: true });
    const after = await openLog({ store: await openStore(crashed) });
    expect(await sequencesAfter(after.source('mqtt'), 5)).toEqual(range(6, 20));
    expect((await after.emit(aDraft())).sequence).toBe(21);
  });

  it('takes over the records of an earlier version: the numbers continue, and unpublished events go to the history', async () => {
    const store = await openStore();
    const space = await store.openSpace('outbox');
    const old = (sequence: number): Buffer =>
      Buffer.from(JSON.stringify({ version: 1, sequence, ...aDraft(), reason: undefined }));
    await store.write([
      ...[3, 4].map((n) => space.put(Buffer.from(`event/000000000000000${n}`), old(n))),
      space.put(Buffer.from('state'), Buffer.from('{"last":4,"settled":2}')),
    ]);
    const log = await openLog({ store });
    expect(log.stats()).toMatchObject({ stored: 2, bytes: old(3).length * 2 });
    expect(await log.source('mqtt').read(0, 10)).toMatchObject([
      { sequence: 3, event: { version: 1 } },
      { sequence: 4, event: { version: 1 } },
    ]);
    expect((await log.emit(aDraft())).sequence).toBe(5);
    expect((await log.recent({ limit: 10 })).events.map(({ sequence }) => sequence)).toEqual([5]);
  });

  it('fails when the state cannot be read, and leaves the state as it is', async () => {
    const store = await openStore();
    const space = await store.openSpace('outbox');
    await store.write([space.put(Buffer.from('state'), Buffer.from('{"last":-1}'))]);
    await expect(newLog({ store }).start()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect((await space.get(Buffer.from('state')))?.toString()).toBe('{"last":-1}');
  });
});

describe('a disk that refuses', () => {
  it('makes the emission fail without a gap, is reported, and is forgotten after its recovery', async () => {
    const store = fragile(await openStore());
    const lines = recordingLog();
    const log = await openLog({ store, log: lines });
    await emitMany(log, 2);
    store.refuse = true;
    await expect(log.emit(aDraft())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(log.emit(aDraft())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(log.storeFailure()).toBe('no room');
    expect(lines.lines.map(({ message }) => message)).toEqual(['the event log cannot be written']);
    store.refuse = false;
    expect((await log.emit(aDraft())).sequence).toBe(3);
    expect(log.storeFailure()).toBeUndefined();
    expect(await sequencesAfter(log.source('mqtt'), 0)).toEqual([1, 2, 3]);
    expect(log.stats()).toMatchObject({ stored: 3 });
  });

  it('answers every emission that waited', async () => {
    const store = fragile(await openStore());
    const log = await openLog({ store });
    await log.emit(aDraft());
    store.refuse = true;
    const before = store.writes;
    const first = Promise.allSettled([log.emit(aDraft())]);
    await eventually(() => store.writes > before);
    const outcomes = [...(await first), ...(await Promise.allSettled([log.emit(aDraft()), log.emit(aDraft())]))];
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('does not make a settled event unsettled; the mark is stored with the next write', async () => {
    const store = fragile(await openStore());
    const log = await openLog({ store });
    await emitMany(log, 3);
    store.refuse = true;
    log.source('mqtt').settle(2);
    await eventually(() => log.storeFailure() !== undefined);
    expect(await sequencesAfter(log.source('mqtt'), 0)).toEqual([3]);
    store.refuse = false;
    await log.emit(aDraft());
    await log.stop();
    const after = await openLog({ store });
    expect(await sequencesAfter(after.source('mqtt'), 0)).toEqual([3, 4]);
  });

  it('keeps the events beyond a limit until it accepts writes again', async () => {
    const store = fragile(await openStore());
    const log = await openLog({ store, maxEvents: 10 });
    await emitMany(log, 10);
    store.refuse = true;
    await expect(log.emit(aDraft())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(log.stats()).toMatchObject({ stored: 10, dropped: 0 });
    store.refuse = false;
    await emitMany(log, 5);
    expect(log.stats()).toMatchObject({ stored: 10, dropped: 5 });
    await eventually(async () => (await recordsIn(store)) === 10);
  });
});
