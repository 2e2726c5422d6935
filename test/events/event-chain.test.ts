// The chain of the events: it goes on over restarts, refused writes and removed events, and gaps are linked to it.
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import { hashEvent, NO_HASH } from '../../src/events/event-chain.js';
import { EventLog, type EventLogOptions, type EventStore } from '../../src/events/event-log.js';
import type { RecognitionEvent } from '../../src/events/event.js';
import { EventSigner } from '../../src/events/signing.js';
import { aDraft, anEvent, eventually, openStore, SIGNING_KEY, started } from './support.js';

const signer = new EventSigner(SIGNING_KEY);

async function openLog(store: EventStore, change: Partial<EventLogOptions & EventLogOptions['limits']> = {}) {
  const { maxEvents = 100, maxBytes = 1_000_000, maxAgeHours = 1, ...options } = change;
  const limits = { maxEvents, maxBytes, maxAgeHours };
  const base = { deviceId: 'gate', consumers: ['mqtt'], clock: Date.now, log: silentLog };
  return started(new EventLog({ ...base, signer, ...options, store, limits }));
}

function emitMany(log: EventLog, count: number): Promise<RecognitionEvent[]> {
  return Promise.all(Array.from({ length: count }, () => log.emit(aDraft())));
}

/** Expects that each event carries the hash of the one before it. */
function expectLinked(events: readonly RecognitionEvent[]): void {
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    if (before) expect(event.previous).toBe(hashEvent(before));
  }
}

describe('the chain', () => {
  it('links the events of one batch and of several, from the first one on', async () => {
    const log = await openLog(await openStore());
    const events = [...(await emitMany(log, 3)), ...(await emitMany(log, 2)), await log.emit(aDraft())];
    expect(events[0]?.previous).toBe(NO_HASH);
    expectLinked(events);
    expect(log.head).toEqual({ sequence: 6, hash: hashEvent(events[5] as RecognitionEvent) });
  });

  it('goes on after a restart, also when the newest event was removed meanwhile', async () => {
    const store = await openStore();
    const first = await openLog(store);
    const events = await emitMany(first, 3);
    await first.stop();
    let nowMs = Date.now();
    const second = await openLog(store, { clock: () => nowMs });
    events.push(await second.emit(aDraft()));
    await second.stop();
    nowMs += 7_200_000;
    const third = await openLog(store, { clock: () => nowMs });
    await eventually(() => third.stats().stored === 0);
    await third.stop();
    events.push(await (await openLog(store)).emit(aDraft()));
    expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expectLinked(events);
  });

  it('does not hold an event that the disk refused', async () => {
    const real = await openStore();
    let refuse = false;
    const store: EventStore = {
      openSpace: (label) => real.openSpace(label),
      write: async (operations) => {
        if (refuse) throw new AppError('STORE_UNAVAILABLE', 'no room');
        await real.write(operations);
      },
    };
    const log = await openLog(store);
    const before = await log.emit(aDraft());
    refuse = true;
    await expect(emitMany(log, 2)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    refuse = false;
    expectLinked([before, await log.emit(aDraft())]);
  });

  it('starts behind the newest event of a log that has no chain yet', async () => {
    const store = await openStore();
    const space = await store.openSpace('outbox');
    const old = anEvent({ sequence: 1 });
    const state = { version: 2, last: 1, removed: 0, bytes: 500, marks: { mqtt: 0 } };
    await store.write([
      space.put(Buffer.from('event/0000000000000001'), Buffer.from(JSON.stringify(old))),
      space.put(Buffer.from('state'), Buffer.from(JSON.stringify(state))),
    ]);
    expectLinked([old, await (await openLog(store)).emit(aDraft())]);
  });

  it('starts again behind events that Lintel 0.2 wrote in between', async () => {
    const store = await openStore();
    const log = await openLog(store);
    await emitMany(log, 2);
    await log.stop();
    const space = await store.openSpace('outbox');
    const old = anEvent({ sequence: 3 });
    const state = { version: 2, last: 3, removed: 0, bytes: 1_500, marks: { mqtt: 0 } };
    await store.write([
      space.put(Buffer.from('event/0000000000000003'), Buffer.from(JSON.stringify(old))),
      space.put(Buffer.from('state'), Buffer.from(JSON.stringify(state))),
    ]);
    expectLinked([old, await (await openLog(store)).emit(aDraft())]);
  });
});

describe('a gap', () => {
  it('carries the hash of the event before it, also after a restart', async () => {
    const store = await openStore();
    const log = await openLog(store, { maxEvents: 10 });
    const events = await emitMany(log, 4);
    const source = log.source('mqtt');
    await source.read(0, 10);
    source.settle(4);
    await emitMany(log, 20);
    const previous = hashEvent(events[3] as RecognitionEvent);
    expect((await source.read(4, 10))[0]).toEqual({
      sequence: 14,
      gap: { from: 5, to: 14, reason: 'removed', previous },
    });
    await log.stop();
    const again = await openLog(store, { maxEvents: 10 });
    expect((await again.source('mqtt').read(0, 10))[0]).toMatchObject({ gap: { from: 5, previous } });
  });

  it('carries the hash of an event that was read and is not settled yet', async () => {
    const log = await openLog(await openStore(), { maxEvents: 10 });
    const events = await emitMany(log, 4);
    const source = log.source('mqtt');
    await source.read(0, 3);
    await emitMany(log, 20);
    const [record] = await source.read(3, 10);
    expect(record).toMatchObject({ gap: { from: 4, to: 14, previous: hashEvent(events[2] as RecognitionEvent) } });
  });

  it('says that nothing is known where nothing came before', async () => {
    const log = await openLog(await openStore(), { maxEvents: 10 });
    await emitMany(log, 20);
    expect((await log.source('mqtt').read(0, 10))[0]).toMatchObject({ gap: { from: 1, to: 10, previous: NO_HASH } });
  });
});
