// The streams of server-sent events over a real socket and a real event log: missed events, live ones, gaps, limits, and every way they end.
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { FEEDS_IN_ALL, FEEDS_PER_KEY } from '../../../src/api/device/feeds.js';
import { STALLED_MS } from '../../../src/api/device/mjpeg.js';
import { SseStream, type SseSource } from '../../../src/api/device/sse.js';
import { silentLog } from '../../../src/domain/log.js';
import { EventLog } from '../../../src/events/event-log.js';
import { EventSigner } from '../../../src/events/signing.js';
import { ManualTimers, settle } from '../../camera/manual-timers.js';
import { aDraft, openStore, SIGNING_KEY } from '../../events/support.js';
import { expectSentence } from '../details.js';
import type { DeviceServices } from '../../../src/api/device/services.js';
import { startDevice, type Device } from './harness.js';

const signer = new EventSigner(SIGNING_KEY);
const timers = new ManualTimers();
let log: EventLog;
let device: Device;

async function openLog(maxEvents: number): Promise<EventLog> {
  const limits = { maxEvents, maxBytes: 10_000_000, maxAgeHours: 1 };
  const base = { deviceId: 'gate', consumers: ['mqtt'], clock: Date.now, log: silentLog };
  const opened = new EventLog({ ...base, store: await openStore(), limits, signer });
  onTestFinished(() => opened.stop());
  await opened.start();
  return opened;
}

beforeEach(async () => {
  log = await openLog(30);
  device = await startDevice({ feed: log, timers, clock: timers.clock });
});
afterEach(() => device.close());

interface Message {
  event?: string;
  id?: number;
  data: { sequence?: number; from?: number; to?: number; reason?: string; figures?: object };
}

/** Reads messages of a stream; comments and the time to reconnect are kept as texts. */
class Reader {
  readonly messages: Message[] = [];
  readonly comments: string[] = [];
  isOver = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(readonly response: Response) {
    this.#reader = response.body!.getReader();
    void this.#read();
  }

  get sequences(): (number | undefined)[] {
    return this.messages.map(({ id }) => id);
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  async #read(): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for (;;) {
      const part = await this.#reader.read().catch(() => undefined);
      if (!part || part.done) break;
      text += decoder.decode(part.value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#add(block);
    }
    this.isOver = true;
  }

  #add(block: string): void {
    const fields = Object.fromEntries(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    );
    if (fields.data === undefined) return void this.comments.push(block);
    this.messages.push({
      ...(fields.event !== undefined && { event: fields.event }),
      ...(fields.id !== undefined && { id: Number(fields.id) }),
      data: JSON.parse(fields.data) as Message['data'],
    });
  }
}

async function open(path = '/events/stream', headers: Record<string, string> = {}): Promise<Reader> {
  const reader = new Reader(await device.fetch(path, { headers }));
  onTestFinished(() => reader.cancel());
  return reader;
}

/** Streams send news 40 ms after it came. */
async function emit(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await log.emit(aDraft());
  await timers.advance(40);
}

describe('the stream of events', () => {
  test('has new events only, as they come, with their sequence numbers', async () => {
    await emit(2);
    const reader = await open();
    expect(reader.response.headers.get('content-type')).toBe('text/event-stream');
    expect(reader.response.headers.get('cache-control')).toBe('no-store');
    await expect.poll(() => reader.comments).toEqual(['retry: 3000']);
    await emit(2);
    await expect.poll(() => reader.sequences).toEqual([3, 4]);
    expect(reader.messages[0]).toEqual({ id: 3, data: (await log.readAfter(2, 1)).map((one) => 'event' in one && one.event)[0] }); // prettier-ignore
  });

  test('begins with the missed events, by Last-Event-ID before after, and goes on with new ones', async () => {
    await emit(25);
    const reader = await open('/events/stream?after=1', { 'last-event-id': '3' });
    await expect.poll(() => reader.messages.length).toBe(22);
    await emit(1);
    await expect.poll(() => reader.messages.length).toBe(23);
    expect(reader.sequences).toEqual(Array.from({ length: 23 }, (_, i) => i + 4));
    const whole = await open('/events/stream?after=0', { 'last-event-id': '' });
    await expect.poll(() => whole.messages.length).toBe(26);
  });

  test('declares the missed events that a limit has removed', async () => {
    await emit(40);
    await expect.poll(() => log.stats().stored).toBe(30);
    const reader = await open('/events/stream?after=5');
    await expect.poll(() => reader.messages.length).toBe(31);
    expect(reader.messages[0]).toEqual({ event: 'gap', id: 10, data: { from: 6, to: 10, reason: 'removed' } });
    expect(reader.sequences.slice(1)).toEqual(Array.from({ length: 30 }, (_, i) => i + 11));
  });

  test.each([
    ['?after=x', {}],
    ['?after=-1', {}],
    ['?after=1.5', {}],
    ['?after=1&after=2', {}],
    ['?after=9', {}],
    ['?from=1', {}],
    ['', { 'last-event-id': '1e3' }],
    ['', { 'last-event-id': '../etc' }],
    ['', { 'last-event-id': '9'.repeat(400) }],
  ])('is refused for %j %j', async (query, headers) => {
    await emit(2);
    const response = await device.fetch(`/events/stream${query}`, { headers });
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect([response.status, error.code]).toEqual([400, 'INVALID_PARAM']);
    expectSentence(error.message);
    expect(device.services.feeds.count).toBe(0);
  });

  test('shows life while there is nothing new', async () => {
    const reader = await open();
    await expect.poll(() => reader.comments.length).toBe(1);
    await expect.poll(() => timers.waitingMs.includes(15_000)).toBe(true);
    await timers.advance(15_000);
    await expect.poll(() => reader.comments).toEqual(['retry: 3000', ': nothing new']);
  });

  test('ends for a revoked key, before the next event', async () => {
    const { key } = await device.adminKeys.create('short');
    const reader = await open('/events/stream', { authorization: `Bearer ${key}` });
    await expect.poll(() => reader.comments.length).toBe(1);
    await device.adminKeys.revoke('short');
    await emit(1);
    await expect.poll(() => reader.isOver).toBe(true);
    expect(reader.messages).toEqual([]);
    expect(device.services.feeds.count).toBe(0);
  });

  test('gives its place back when the client goes', async () => {
    const reader = await open();
    expect(device.services.feeds.count).toBe(1);
    await reader.cancel();
    await expect.poll(() => device.services.feeds.count).toBe(0);
  });

  test('ends when the service stops', async () => {
    const reader = await open();
    device.services.feeds.close();
    await expect.poll(() => reader.isOver).toBe(true);
    const refused = await device.fetch('/events/stream');
    expect(refused.status).toBe(503);
  });

  test('is limited in number, for one key and for all', async () => {
    for (let i = 0; i < FEEDS_PER_KEY; i++) await open();
    const refused = await device.fetch('/status/stream');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    await refused.body?.cancel();
    const { key } = await device.adminKeys.create('second');
    for (let i = FEEDS_PER_KEY; i < FEEDS_IN_ALL; i++) await open('/events/stream', { authorization: `Bearer ${key}` });
    const third = await device.adminKeys.create('third');
    const full = await device.fetch('/events/stream', { headers: { authorization: `Bearer ${third.key}` } });
    expect([full.status, ((await full.json()) as { error: { code: string } }).error.code]).toEqual([
      503,
      'SERVER_BUSY',
    ]);
  });
});

describe('the stream of the status', () => {
  test('has health, cameras and figures at once and at every interval', async () => {
    const reader = await open('/status/stream?everyMs=2000');
    await expect.poll(() => reader.messages.length).toBe(1);
    await expect.poll(() => timers.waitingMs.includes(2_000)).toBe(true);
    device.cameras.privacy = true;
    await timers.advance(2_000);
    await expect.poll(() => reader.messages.length).toBe(2);
    expect(reader.messages[0]?.data).toMatchObject({
      privacy: false,
      lastEvent: 0,
      health: { status: 'ok', parts: { store: { status: 'ok' } } },
      cameras: [
        { id: 'front', state: 'running', analysedFps: 10 },
        { id: 'yard', fault: 'covered' },
      ],
      figures: {
        gallery: { groups: 1 },
        vision: { workers: 1 },
        temperatureCelsius: 41.5,
        loopLagMs: 1.5,
        models: [{ task: 'detector', precision: 'int8', provider: 'cpu' }],
      },
    });
    expect(reader.messages[1]?.data).toMatchObject({ privacy: true, cameras: [{ state: 'private' }, {}] });
  });

  test('tells of a new event at once', async () => {
    const reader = await open('/status/stream?everyMs=60000');
    await expect.poll(() => reader.messages.length).toBe(1);
    await emit(1);
    await expect.poll(() => reader.messages.length).toBe(2);
    expect(reader.messages[1]?.data).toMatchObject({ lastEvent: 1 });
  });
});

describe('the history', () => {
  const line = (...values: (number | null)[]) => values;
  const history: DeviceServices['history'] = (span) => ({
    stepSeconds: span === 'hour' ? 10 : 300,
    ageMs: 4_000,
    service: {
      requestsPerSecond: line(0.123456, 2),
      requestMs: line(null, 30),
      memoryBytes: line(123_456_789, 1),
      temperatureCelsius: line(null, null),
      loopLagMs: line(1, 2),
    },
    cameras: [
      {
        id: 'front',
        lines: { analysedFps: line(9, 10), delayMs: line(0, 0), analysisMs: line(80, 81), matchMs: line(null, 240) },
      },
    ],
  });

  test('of an hour and of a day has its lines, its step and its end', async () => {
    const clock = (): number => Date.UTC(2026, 10, 28, 12, 0, 4);
    const device = await startDevice({ history, clock });
    onTestFinished(() => device.close());
    const hour = await device.call('GET', '/status/history');
    expect(hour.status).toBe(200);
    expect(hour.body).toEqual({
      span: 'hour',
      stepSeconds: 10,
      endsAt: '2026-11-28T12:00:00.000Z',
      bytes: (360 + 288) * 4 * (5 + 4),
      service: {
        requestsPerSecond: [0.1235, 2],
        requestMs: [null, 30],
        memoryBytes: [123_500_000, 1],
        temperatureCelsius: [null, null],
        loopLagMs: [1, 2],
      },
      cameras: [
        { id: 'front', lines: { analysedFps: [9, 10], delayMs: [0, 0], analysisMs: [80, 81], matchMs: [null, 240] } },
      ],
    });
    expect((await device.call('GET', '/status/history?span=day')).body).toMatchObject({
      span: 'day',
      stepSeconds: 300,
    });
    const refused = await device.call('GET', '/status/history?span=week');
    expect([refused.status, refused.body.error.code]).toEqual([400, 'INVALID_PARAM']);
    expect((await device.call('GET', '/status/history', undefined, {})).status).toBe(401);
  });
});

describe('a slow client', () => {
  const source = (read: () => Promise<string>): SseSource => ({
    read,
    idle: () => ': \n\n',
    watch: () => () => undefined,
  });

  test('is read for only as fast as it receives, and is cut off when it receives nothing', async () => {
    let reads = 0;
    const own = new ManualTimers();
    const stream = new SseStream({
      source: source(async () => `data: ${++reads}\n\n`),
      isAllowed: () => true,
      intervalMs: 1_000,
      timers: own,
    });
    onTestFinished(() => void stream.destroy());
    expect(String(await new Promise((resolve) => stream.once('data', resolve)))).toBe('retry: 3000\n\n');
    stream.pause();
    await settle();
    const before = reads;
    expect(before).toBeLessThanOrEqual(2);
    await own.advance(STALLED_MS - 1);
    expect([reads, stream.destroyed]).toEqual([before, false]);
    await own.advance(1);
    expect([reads, stream.destroyed]).toEqual([before, true]);
    expect(own.waitingMs).toEqual([]);
  });

  test('is cut off when its source fails', async () => {
    const stream = new SseStream({
      source: source(() => Promise.reject(new Error('the disk is gone'))),
      isAllowed: () => true,
      intervalMs: 1_000,
      timers: new ManualTimers(),
    });
    const failed = new Promise((resolve) => stream.once('error', resolve));
    stream.resume();
    expect(await failed).toMatchObject({ message: 'the disk is gone' });
  });
});

test('the configuration is shown without secrets, and the keys without themselves', async () => {
  await device.close();
  const configuration = { deviceId: 'gate', cameras: [{ source: { url: 'http://cam/?token=geheim' } }] };
  device = await startDevice({ configuration });
  expect((await device.call('GET', '/configuration')).body).toEqual({
    configuration: { deviceId: 'gate', cameras: [{ source: { url: 'http://cam/?***' } }] },
  });
  await device.adminKeys.create('old');
  await device.adminKeys.revoke('old');
  const { body } = await device.call('GET', '/keys');
  expect(body).toMatchObject({
    keys: [
      { kind: 'app', name: 'default', fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) as string },
      { kind: 'admin', name: 'front-desk', role: 'admin' },
      { kind: 'admin', name: 'old', revokedAt: expect.any(String) as string },
    ],
  });
  for (const secret of [device.adminKey, device.appKey]) expect(JSON.stringify(body)).not.toContain(secret);
});
