// One event with its grounds, and the audit log's entries and check, over a real socket, a real event log and a real audit log.
import { createPublicKey, verify } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../../src/domain/log.js';
import { hashEvent } from '../../../src/events/event-chain.js';
import { EventLog } from '../../../src/events/event-log.js';
import { EventSigner } from '../../../src/events/signing.js';
import { aDraft, aGroundsDraft, openStore, SIGNING_KEY } from '../../events/support.js';
import { expectSentence } from '../details.js';
import { startDevice, type Device } from './harness.js';

const signer = new EventSigner(SIGNING_KEY);
let log: EventLog;
let device: Device;

beforeEach(async () => {
  const limits = { maxEvents: 1_000, maxBytes: 10_000_000, maxAgeHours: 1 };
  const base = { deviceId: 'gate', consumers: ['mqtt'], clock: Date.now, log: silentLog, signer };
  log = new EventLog({ ...base, store: await openStore(), limits });
  onTestFinished(() => log.stop());
  await log.start();
  device = await startDevice({ feed: log });
});
afterEach(() => device.close());

describe('one event', () => {
  test('comes with its grounds, and with the texts that the signatures cover', async () => {
    const event = await log.emit(aDraft(), aGroundsDraft());
    const { status, body } = await device.call('GET', '/events/1');
    expect(status).toBe(200);
    expect(body.event).toEqual(event);
    expect(body.grounds).toMatchObject({ sequence: 1, eventHash: hashEvent(event), shots: aGroundsDraft().shots });
    const publicKey = createPublicKey(SIGNING_KEY);
    const isSigned = (text: string, signature: string) =>
      verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64url'));
    expect(isSigned(body.signed, event.signature ?? '')).toBe(true);
    expect(isSigned(body.signedGrounds, body.grounds.signature)).toBe(true);
    expect({ ...JSON.parse(body.signed), signature: event.signature }).toEqual(event);
    expect({ ...JSON.parse(body.signedGrounds), signature: body.grounds.signature }).toEqual(body.grounds);
  });

  test('without grounds comes without them', async () => {
    await log.emit(aDraft());
    const { body } = await device.call('GET', '/events/1');
    expect(Object.keys(body).sort()).toEqual(['event', 'signed']);
  });

  test.each([
    '/events/7',
    '/events/0',
    '/events/-1',
    '/events/1e2',
    '/events/01',
    '/events/9999999999999999',
    '/events/abc',
  ])('%s is not there', async (path) => {
    await log.emit(aDraft(), aGroundsDraft());
    const { status, body } = await device.call('GET', path);
    expect([status, body.error.code]).toEqual([404, 'NOT_FOUND']);
    expectSentence(body.error.message);
  });

  test('is not audited, as the list of the events is not', async () => {
    await log.emit(aDraft(), aGroundsDraft());
    const before = (await device.audited()).length;
    await device.call('GET', '/events/1');
    expect(await device.audited()).toHaveLength(before);
  });
});

describe('the list of the events by reason', () => {
  test('asks for one or more reasons, on the next page as well', async () => {
    const { body } = await device.call('GET', '/events?limit=1&reason=tie,below-threshold');
    expect(device.filters.at(-1)).toEqual({ limit: 1, reasons: ['tie', 'below-threshold'] });
    if (body.next) expect(body.next).toContain('reason=tie%2Cbelow-threshold');
  });

  test.each(['because', 'tie,', 'tie,because', ''])('refuses %o', async (reason) => {
    const { status, body } = await device.call('GET', `/events?reason=${reason}`);
    expect([status, body.error.code]).toEqual([400, 'INVALID_PARAM']);
    expectSentence(body.error.message);
  });
});

describe('the audit log', () => {
  test('shows one entry with the hash of the one before', async () => {
    for (const action of ['pause', 'resume']) await device.call('POST', `/cameras/yard/${action}`);
    const { body: first } = await device.call('GET', '/audit/2');
    const { status, body } = await device.call('GET', '/audit/3');
    expect(status).toBe(200);
    expect(body).toMatchObject({ sequence: 3, action: 'camera.resumed', subject: { cameraId: 'yard' } });
    expect(body.previous).toBe(first.hash);
    const missing = await device.call('GET', '/audit/99');
    expect([missing.status, missing.body.error.code]).toEqual([404, 'NOT_FOUND']);
    expectSentence(missing.body.error.message);
  });

  test('lists the entries about one thing', async () => {
    for (const camera of ['yard', 'front', 'yard']) await device.call('POST', `/cameras/${camera}/pause`);
    const { body } = await device.call('GET', '/audit?about=yard&limit=1');
    expect(body.entries.map(({ sequence }: { sequence: number }) => sequence)).toEqual([4]);
    const second = await device.call('GET', body.next.replace('/device/v1', ''));
    expect(second.body.entries.map(({ sequence }: { sequence: number }) => sequence)).toEqual([2]);
  });

  test('is checked in the background, and says how it ended', async () => {
    expect((await device.call('GET', '/audit/check')).body).toEqual({ state: 'none' });
    const begun = await device.call('POST', '/audit/check');
    expect(begun.status).toBe(202);
    expect(begun.body).toMatchObject({ state: 'running', entries: 1 });
    const read = async () => (await device.call('GET', '/audit/check')).body;
    await expect.poll(async () => (await read()).state, { timeout: 15_000 }).toBe('done');
    const { report, startedAt, endedAt } = await read();
    expect(report).toMatchObject({ ok: true, entries: 1, problems: [], problemCount: 0 });
    expect(report.head).toEqual({ sequence: 1, hash: (await device.call('GET', '/audit/1')).body.hash });
    expect(Date.parse(endedAt)).toBeGreaterThanOrEqual(Date.parse(startedAt));
  });
});
