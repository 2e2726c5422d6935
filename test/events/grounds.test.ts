// Grounds in the event log: bound to their event, signed, counted among the bytes, removed with it, and never published.
import { createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { hashEvent } from '../../src/events/event-chain.js';
import { EventLog, type EventStore } from '../../src/events/event-log.js';
import { decisionGroundsSchema, type GroundsDraft } from '../../src/events/grounds.js';
import { EventSigner, isSignedBy } from '../../src/events/signing.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { range, recordingLog, aDraft, openStore, SIGNING_KEY, started, aGroundsDraft } from './support.js';

const signer = new EventSigner(SIGNING_KEY);
const publicKey = createPublicKey(SIGNING_KEY);
const LIMITS = { maxEvents: 1_000, maxBytes: 1e9, maxAgeHours: 24 };

async function openLog(store: EventStore, limits: Partial<typeof LIMITS> = {}, log = silentLog): Promise<EventLog> {
  const base = { deviceId: 'gate', consumers: ['mqtt'], clock: Date.now, log, signer };
  return started(new EventLog({ ...base, store, limits: { ...LIMITS, ...limits } }));
}

async function countRecords(store: SealedStore, prefix: string): Promise<number> {
  const space = await store.openSpace('outbox');
  return space.count({ gte: Buffer.from(`${prefix}/`), lt: Buffer.from(`${prefix}0`) });
}

test('grounds are opened with their event, name its hash, and are signed', async () => {
  const log = await openLog(await openStore());
  const draft = aGroundsDraft();
  const event = await log.emit(aDraft(), draft);
  const opened = await log.open(1);
  expect(opened?.event).toEqual(event);
  expect(decisionGroundsSchema.parse(opened?.grounds)).toMatchObject({
    ...draft,
    deviceId: 'gate',
    sequence: 1,
    eventId: event.eventId,
    eventHash: hashEvent(event),
  });
  expect(isSignedBy(publicKey, opened?.grounds)).toBe(true);
  expect(isSignedBy(publicKey, { ...opened?.grounds, eventHash: 'B'.repeat(43) })).toBe(false);
});

test('an event without grounds is opened without them, and one that is not stored is not opened', async () => {
  const log = await openLog(await openStore());
  const event = await log.emit(aDraft());
  expect(await log.open(1)).toEqual({ event, grounds: undefined });
  expect(await log.open(2)).toBeUndefined();
});

test('the event, its page and its history are the same with and without grounds', async () => {
  const log = await openLog(await openStore());
  const event = await log.emit(aDraft(), aGroundsDraft());
  expect(isSignedBy(publicKey, event)).toBe(true);
  expect(Object.keys(event).sort()).toEqual(Object.keys(await log.emit(aDraft())).sort());
  expect((await log.recent({ limit: 10 })).events.at(-1)).toEqual(event);
  expect((await log.source('mqtt').read(0, 1))[0]).toEqual({ sequence: 1, event });
});

test('grounds count among the bytes, and are removed with their events', async () => {
  const store = await openStore();
  const log = await openLog(store, { maxBytes: 100_000 });
  const event = await log.emit(aDraft(), aGroundsDraft(30));
  const { grounds } = (await log.open(1)) ?? {};
  const size = JSON.stringify(event).length + JSON.stringify(grounds).length;
  expect(log.stats().bytes).toBe(size);
  for (let i = 0; i < 60; i++) await log.emit(aDraft(), aGroundsDraft(30));
  const { stored, bytes } = log.stats();
  expect(stored).toBeLessThan(60);
  expect(bytes).toBeLessThanOrEqual(100_000 + 2 * size);
  expect(bytes).toBeGreaterThan((stored - 1) * (size - 10));
  // The stop may remove one more.
  await log.stop();
  expect(await countRecords(store, 'event')).toBe(log.stats().stored);
  expect(await countRecords(store, 'grounds')).toBe(log.stats().stored);
});

test('grounds that are not valid are left out and logged, and the event is stored', async () => {
  const log = recordingLog();
  const events = await openLog(await openStore(), {}, log);
  const wrong = { ...aGroundsDraft(), agree: 0 };
  const event = await events.emit(aDraft(), wrong);
  expect(await events.open(event.sequence)).toEqual({ event, grounds: undefined });
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  await expect(events.emit({ ...aDraft(), cameraId: 'a/b' }, aGroundsDraft())).rejects.toThrow(TypeError);
});

test('damaged grounds do not hide their event', async () => {
  const store = await openStore();
  const log = await openLog(store);
  const event = await log.emit(aDraft(), aGroundsDraft());
  const space = await store.openSpace('outbox');
  // Sealed for another key: it does not open in this one's place.
  const stranger = space.put(Buffer.from('grounds/0000000000000002'), Buffer.from('{}'));
  await store.write([{ ...stranger, key: space.delete(Buffer.from('grounds/0000000000000001')).key }]);
  expect(await log.open(1)).toEqual({ event, grounds: undefined });
});

test('a list is filtered by reason', async () => {
  const log = await openLog(await openStore());
  const reasons: [GroundsDraft | undefined, ReturnType<typeof aDraft>][] = [
    [aGroundsDraft(), aDraft()],
    [aGroundsDraft(), aDraft(60_000, { type: 'unknown', reason: 'tie' })],
    [undefined, aDraft(60_000, { type: 'unknown', reason: 'below-threshold' })],
  ];
  for (const [grounds, draft] of reasons) await log.emit(draft, grounds);
  const list = async (filter: object) =>
    (await log.recent({ limit: 10, ...filter })).events.map(({ sequence }) => sequence);
  expect(await list({ reasons: ['tie'] })).toEqual([2]);
  expect(await list({ reasons: ['tie', 'agreed'] })).toEqual([2, 1]);
  expect(await list({})).toEqual(range(1, 3).reverse());
});
