// The outbox on a real store: numbering, order, bound, restarts and a disk that refuses.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.js';
import { silentLog } from '../../src/domain/log.js';
import { recognitionEventSchema } from '../../src/events/event.js';
import { Outbox, type OutboxOptions, type OutboxStore } from '../../src/events/outbox.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { tempDir } from '../support/temp-dir.js';
import { aDraft, eventually, openStore, recordingLog, started } from './support.js';

async function openOutbox(options: Partial<OutboxOptions> = {}): Promise<Outbox> {
  const store = options.store ?? (await openStore());
  return started(new Outbox({ deviceId: 'gate', maxEvents: 1_000, log: silentLog, ...options, store }));
}

async function emitMany(outbox: Outbox, count: number): Promise<number[]> {
  const events = await Promise.all(Array.from({ length: count }, () => outbox.emit(aDraft())));
  return events.map(({ sequence }) => sequence);
}

async function sequencesAfter(outbox: Outbox, after: number, limit = 10_000): Promise<number[]> {
  return (await outbox.read(after, limit)).map(({ sequence }) => sequence);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** A store whose writes can be made to fail. */
function fragile(store: SealedStore): OutboxStore & { refuse: boolean; writes: number } {
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
  it('is complete, valid and stored when the emission resolves', async () => {
    const outbox = await openOutbox();
    const draft = aDraft();
    const event = await outbox.emit(draft);
    expect(recognitionEventSchema.parse(event)).toEqual({
      ...draft,
      version: 1,
      deviceId: 'gate',
      sequence: 1,
      eventId: event.eventId,
    });
    expect(await outbox.read(0, 10)).toEqual([{ sequence: 1, event }]);
    expect(outbox.stats()).toEqual({ pending: 1, dropped: 0, refused: 0 });
  });

  it('has an id of its own', async () => {
    const outbox = await openOutbox();
    const ids = await Promise.all(range(1, 20).map(async () => (await outbox.emit(aDraft())).eventId));
    expect(new Set(ids).size).toBe(20);
  });

  it('has the next number, also among emissions of the same moment', async () => {
    const outbox = await openOutbox();
    const [first, second] = await Promise.all([emitMany(outbox, 30), emitMany(outbox, 20)]);
    expect([...first, ...second]).toEqual(range(1, 50));
    expect(await sequencesAfter(outbox, 0)).toEqual(range(1, 50));
  });

  it('shares a batch with the others of its moment', async () => {
    const store = fragile(await openStore());
    const outbox = await openOutbox({ store });
    await emitMany(outbox, 100);
    expect(store.writes).toBeLessThanOrEqual(2);
  });

  it.each([
    ['a camera id with a slash', { cameraId: 'a/b' }],
    ['a time that is none', { expiresAt: 'soon' }],
    ['a similarity beyond 100', { similarity: 101 }],
    ['a field that is not of it', { name: 'somebody' }],
  ])('is refused as a TypeError with %s, and takes no number', async (_, change) => {
    const outbox = await openOutbox();
    await expect(outbox.emit({ ...aDraft(), ...change })).rejects.toThrow(TypeError);
    expect((await outbox.emit(aDraft())).sequence).toBe(1);
  });

  it('is refused before the start and after the stop', async () => {
    const store = await openStore();
    const outbox = new Outbox({ store, deviceId: 'gate', maxEvents: 10, log: silentLog });
    await expect(outbox.emit(aDraft())).rejects.toMatchObject({ code: 'STOPPED' });
    await outbox.start();
    const last = outbox.emit(aDraft());
    await outbox.stop();
    await outbox.stop();
    expect((await last).sequence).toBe(1);
    await expect(outbox.emit(aDraft())).rejects.toMatchObject({ code: 'STOPPED' });
  });

  it('is refused when too many wait for the disk, and counted', async () => {
    const outbox = await openOutbox({ maxEvents: 10_000 });
    const emissions = range(1, 1_001).map(() => outbox.emit(aDraft()));
    const outcomes = await Promise.allSettled(emissions);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await expect(emissions[1_000]).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    expect(outbox.stats()).toEqual({ pending: 1_000, dropped: 0, refused: 1 });
  });
});

describe('reading', () => {
  it('goes on after a number, as far as the limit', async () => {
    const outbox = await openOutbox();
    await emitMany(outbox, 10);
    expect(await sequencesAfter(outbox, 0, 3)).toEqual([1, 2, 3]);
    expect(await sequencesAfter(outbox, 3, 3)).toEqual([4, 5, 6]);
    expect(await sequencesAfter(outbox, 9, 3)).toEqual([10]);
    expect(await sequencesAfter(outbox, 10, 3)).toEqual([]);
    expect(await sequencesAfter(outbox, 99, 3)).toEqual([]);
  });

  it('leaves out what is settled, and nothing else', async () => {
    const outbox = await openOutbox();
    await emitMany(outbox, 10);
    outbox.settle(4);
    expect(await sequencesAfter(outbox, 0)).toEqual(range(5, 10));
    outbox.settle(2);
    expect(await sequencesAfter(outbox, 0)).toEqual(range(5, 10));
    outbox.settle(99);
    expect(await sequencesAfter(outbox, 0)).toEqual([]);
    expect(outbox.stats().pending).toBe(0);
    expect((await outbox.emit(aDraft())).sequence).toBe(11);
  });

  it('names an event whose record is damaged, without it, and says so in the log', async () => {
    const store = await openStore();
    const log = recordingLog();
    const outbox = await openOutbox({ store, log });
    await emitMany(outbox, 3);
    const space = await store.openSpace('outbox');
    const moved = (await space.get(Buffer.from('event/0000000000000001'))) ?? Buffer.alloc(0);
    // Sealed for another key: it will not open in this one's place.
    const stranger = space.put(Buffer.from('event/0000000000000003'), moved);
    const place = space.delete(Buffer.from('event/0000000000000002')).key;
    await store.write([{ key: place, value: stranger.value }]);
    const stored = await outbox.read(0, 10);
    expect(stored.map(({ sequence, event }) => [sequence, event?.sequence])).toEqual([
      [1, 1],
      [2, undefined],
      [3, 3],
    ]);
    expect(log.lines).toEqual([
      { level: 'error', fields: { sequence: 2 }, message: 'a stored event cannot be read and is passed over' },
    ]);
  });
});

describe('the bound', () => {
  it('drops the oldest, counts them, and leaves the gap to be seen', async () => {
    const outbox = await openOutbox({ maxEvents: 10 });
    await emitMany(outbox, 8);
    await emitMany(outbox, 5);
    expect(outbox.stats()).toMatchObject({ pending: 10, dropped: 3 });
    expect(await sequencesAfter(outbox, 0)).toEqual(range(4, 13));
  });

  it('holds for a burst that is larger than it', async () => {
    const outbox = await openOutbox({ maxEvents: 10 });
    await emitMany(outbox, 50);
    expect(outbox.stats()).toMatchObject({ pending: 10, dropped: 40 });
    expect(await sequencesAfter(outbox, 0)).toEqual(range(41, 50));
  });

  it('counts no event that is settled', async () => {
    const outbox = await openOutbox({ maxEvents: 10 });
    await emitMany(outbox, 10);
    outbox.settle(10);
    await emitMany(outbox, 10);
    expect(outbox.stats()).toMatchObject({ pending: 10, dropped: 0 });
  });

  it('holds at the next start when it was lowered, and what was dropped is gone from the store', async () => {
    const store = await openStore();
    const before = await openOutbox({ store, maxEvents: 5_000 });
    for (let i = 0; i < 5; i++) await emitMany(before, 500);
    await before.stop();
    const after = await openOutbox({ store, maxEvents: 100 });
    expect(after.stats()).toMatchObject({ pending: 100, dropped: 2_400 });
    expect(await sequencesAfter(after, 0)).toEqual(range(2_401, 2_500));
    const space = await store.openSpace('outbox');
    expect(await space.count({ gte: Buffer.from('event/'), lt: Buffer.from('event0') })).toBe(100);
  });

  it('leaves no record behind of what was settled or dropped', async () => {
    const store = await openStore();
    const outbox = await openOutbox({ store, maxEvents: 10 });
    await emitMany(outbox, 30);
    outbox.settle(25);
    await outbox.stop();
    const space = await store.openSpace('outbox');
    expect(await space.count({ gte: Buffer.from('event/'), lt: Buffer.from('event0') })).toBe(5);
  });
});

describe('a restart', () => {
  it('goes on with the next number and keeps what is not settled', async () => {
    const store = await openStore();
    const before = await openOutbox({ store });
    await emitMany(before, 10);
    before.settle(4);
    await before.stop();
    const after = await openOutbox({ store });
    expect(await sequencesAfter(after, 0)).toEqual(range(5, 10));
    expect((await after.emit(aDraft())).sequence).toBe(11);
  });

  it('goes on with the next number when nothing is left', async () => {
    const store = await openStore();
    const before = await openOutbox({ store });
    await emitMany(before, 7);
    before.settle(7);
    await before.stop();
    const after = await openOutbox({ store });
    expect(after.stats().pending).toBe(0);
    expect((await after.emit(aDraft())).sequence).toBe(8);
  });

  it('finds every event whose emission resolved in what a crash leaves on the disk', async () => {
    const directory = join(tempDir(), 'data');
    const outbox = await openOutbox({ store: await openStore(directory) });
    for (let i = 1; i <= 20; i++) await outbox.emit(aDraft());
    outbox.settle(5);
    // The files as they are at this moment, as a kill would leave them.
    const crashed = join(tempDir(), 'data');
    cpSync(directory, crashed, { recursive: true });
    const after = await openOutbox({ store: await openStore(crashed) });
    expect(await sequencesAfter(after, 5)).toEqual(range(6, 20));
    expect((await after.emit(aDraft())).sequence).toBe(21);
  });

  it('is refused when the state cannot be read, and the state is left as it is', async () => {
    const store = await openStore();
    const space = await store.openSpace('outbox');
    await store.write([space.put(Buffer.from('state'), Buffer.from('{"last":-1}'))]);
    const outbox = new Outbox({ store, deviceId: 'gate', maxEvents: 10, log: silentLog });
    await expect(outbox.start()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect((await space.get(Buffer.from('state')))?.toString()).toBe('{"last":-1}');
  });
});

describe('a disk that refuses', () => {
  it('refuses the emission, makes no gap, is declared, and forgiven', async () => {
    const store = fragile(await openStore());
    const log = recordingLog();
    const outbox = await openOutbox({ store, log });
    await emitMany(outbox, 2);
    store.refuse = true;
    await expect(outbox.emit(aDraft())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(outbox.emit(aDraft())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(outbox.storeFailure()).toBe('no room');
    expect(log.lines.map(({ message }) => message)).toEqual(['the outbox cannot be written']);
    store.refuse = false;
    expect((await outbox.emit(aDraft())).sequence).toBe(3);
    expect(outbox.storeFailure()).toBeUndefined();
    expect(await sequencesAfter(outbox, 0)).toEqual([1, 2, 3]);
  });

  it('answers every emission that waited', async () => {
    const store = fragile(await openStore());
    const outbox = await openOutbox({ store });
    store.refuse = true;
    const emissions = [outbox.emit(aDraft())];
    await eventually(() => store.writes > 0);
    emissions.push(outbox.emit(aDraft()), outbox.emit(aDraft()));
    const outcomes = await Promise.allSettled(emissions);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('does not bring a settled event back, and loses its record with the next write', async () => {
    const store = fragile(await openStore());
    const outbox = await openOutbox({ store });
    await emitMany(outbox, 3);
    store.refuse = true;
    outbox.settle(2);
    await eventually(() => outbox.storeFailure() !== undefined);
    expect(await sequencesAfter(outbox, 0)).toEqual([3]);
    store.refuse = false;
    await outbox.emit(aDraft());
    const space = await store.openSpace('outbox');
    expect(await space.get(Buffer.from('event/0000000000000002'))).toBeUndefined();
  });
});
