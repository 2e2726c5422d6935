// Topics, messages and the status, and the failures of a broker in words.
import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BrokerFailure, toBrokerFailure } from '../../src/events/broker-failure.js';
import { makeChallengeDelivery } from '../../src/events/challenge-message.js';
import { makeHistoryDelivery, makeLiveDelivery } from '../../src/events/delivery.js';
import { encodeOfflineStatus, encodeOnlineStatus } from '../../src/events/device-status.js';
import { hashEvent } from '../../src/events/event-chain.js';
import { EVENT_TYPES, recognitionEventSchema } from '../../src/events/event.js';
import { createHistoryEncoder } from '../../src/events/history.js';
import { EventSigner, isSignedBy } from '../../src/events/signing.js';
import {
  makeChallengeTopic,
  makeCommandResultTopic,
  makeCommandTopic,
  makeEventTopic,
  makeHistoryTopic,
  makeSnapshotTopic,
  makeStatusTopic,
} from '../../src/events/topics.js';
import { anEvent, SIGNING_KEY } from './support.js';

describe('topics', () => {
  it('name the device, the camera and the kind of event', () => {
    expect(makeEventTopic({ deviceId: 'gate', cameraId: 'front', type: 'match' })).toBe('lintel/gate/front/match');
    expect(makeEventTopic({ deviceId: 'gate', cameraId: 'front', type: 'unknown' })).toBe('lintel/gate/front/unknown');
    expect(makeStatusTopic('gate')).toBe('lintel/gate/status');
    expect(makeHistoryTopic('gate')).toBe('lintel/gate/history');
    expect(makeCommandTopic('gate')).toBe('lintel/gate/command');
    expect(makeCommandResultTopic('gate')).toBe('lintel/gate/command/result');
    expect(makeSnapshotTopic('gate', 'front')).toBe('lintel/gate/front/snapshot');
    expect(makeChallengeTopic('gate', 'front')).toBe('lintel/gate/front/challenge');
  });
});

const encode = createHistoryEncoder('gate', 'mqtt', new EventSigner(SIGNING_KEY).signObject);
const signature = { keyId: expect.any(String) as string, signature: expect.any(String) as string };

describe('the deliveries of an event', () => {
  it.each(EVENT_TYPES)('are one live message for a %s, not retained', (type) => {
    const event = anEvent({ type, expiresAt: '2026-03-01T12:00:05.000Z' });
    const delivery = makeLiveDelivery(event);
    expect(delivery).toEqual({
      id: 'live/1',
      lane: 'live',
      topic: `lintel/gate/front/${type}`,
      payload: JSON.stringify(event),
      retain: false,
      expiresAtMs: Date.UTC(2026, 2, 1, 12, 0, 5),
    });
    expect(recognitionEventSchema.parse(JSON.parse(String(delivery.payload)))).toEqual(event);
  });

  it.each([true, false])('are one history message with the event and whether it is late: %s', (late) => {
    const event = anEvent({ sequence: 7 });
    const { topic, payload, retain } = makeHistoryDelivery('gate', 7, encode({ sequence: 7, event }, late));
    expect([topic, retain]).toEqual(['lintel/gate/history', false]);
    const message = JSON.parse(String(payload)) as object;
    expect(message).toEqual({ version: 1, deviceId: 'gate', stream: 'mqtt', sequence: 7, late, event, ...signature });
    expect(isSignedBy(createPublicKey(SIGNING_KEY), message)).toBe(true);
    expect(isSignedBy(createPublicKey(SIGNING_KEY), { ...message, late: !late })).toBe(false);
  });

  it('are one history message for a gap', () => {
    const gap = { from: 3, to: 9, reason: 'removed', previous: hashEvent(anEvent({ sequence: 2 })) } as const;
    const { topic, payload, retain } = makeHistoryDelivery('gate', 9, encode({ sequence: 9, gap }, true));
    expect([topic, retain]).toEqual(['lintel/gate/history', false]);
    const message = JSON.parse(String(payload)) as object;
    expect(message).toEqual({ version: 1, deviceId: 'gate', stream: 'mqtt', gap, ...signature });
    expect(isSignedBy(createPublicKey(SIGNING_KEY), message)).toBe(true);
    expect(isSignedBy(createPublicKey(SIGNING_KEY), { ...message, gap: { ...gap, to: 10 } })).toBe(false);
  });
});

describe('the message of a challenge', () => {
  const issuedAtMs = Date.UTC(2026, 2, 1, 12, 0, 0);
  const challenge = {
    cameraId: 'front',
    trackId: 7,
    side: 'left',
    issuedAtMs,
    expiresAtMs: issuedAtMs + 3_000,
  } as const;

  it('says what to do until when, and is not retained', () => {
    const { payload, ...rest } = makeChallengeDelivery('gate', { ...challenge, state: 'open' }, issuedAtMs);
    expect(rest).toEqual({ topic: 'lintel/gate/front/challenge', retain: false, expiresAtMs: challenge.expiresAtMs });
    expect(JSON.parse(String(payload))).toEqual({
      version: 1,
      deviceId: 'gate',
      cameraId: 'front',
      trackId: 7,
      state: 'open',
      side: 'left',
      issuedAt: '2026-03-01T12:00:00.000Z',
      expiresAt: '2026-03-01T12:00:03.000Z',
    });
  });

  it.each(['passed', 'failed', 'withdrawn'] as const)('says how it ended: %s', (state) => {
    const endedAtMs = challenge.expiresAtMs + 500;
    const { payload, expiresAtMs } = makeChallengeDelivery('gate', { ...challenge, state }, endedAtMs);
    expect(JSON.parse(String(payload))).toMatchObject({ trackId: 7, state });
    expect(expiresAtMs).toBeGreaterThan(endedAtMs);
  });
});

describe('the status', () => {
  it('shows since when the device is online, and why it is offline', () => {
    expect(JSON.parse(encodeOnlineStatus('gate', 0))).toEqual({
      version: 1,
      deviceId: 'gate',
      status: 'online',
      since: '1970-01-01T00:00:00.000Z',
    });
    const health = { status: 'degraded', parts: { 'camera:front': 'failed' } } as const;
    expect(JSON.parse(encodeOnlineStatus('gate', 0, { health }))).toMatchObject({ status: 'online', health });
    expect(JSON.parse(encodeOfflineStatus('gate', 'connection-lost'))).toEqual({
      version: 1,
      deviceId: 'gate',
      status: 'offline',
      reason: 'connection-lost',
    });
  });
});

describe('the failures of a broker in words', () => {
  const coded = (code: unknown, message = 'as the library says'): Error => Object.assign(new Error(message), { code });
  it.each([
    [coded('ECONNREFUSED'), /connection refused/],
    [coded('ENOTFOUND'), /host name is not known/],
    [coded('EAI_AGAIN'), /cannot be resolved/],
    [coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed'), /^TLS: self-signed \(SELF_SIGNED_CERT_IN_CHAIN\)$/],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID', 'no such name'), /^TLS: no such name/],
    [coded('EPIPE', 'write EPIPE'), /^write EPIPE$/],
    [coded(5), /refuses the user, the password or the right to publish/],
    [coded(134), /refuses the user, the password/],
    [coded(142), /deviceId of its own/],
    [coded(1), /does not speak this version/],
    [coded(151, 'Publish error: Quota exceeded'), /^Publish error: Quota exceeded$/],
    [new Error('connack timeout'), /^no answer to the attempt to connect$/],
    [new Error('Keepalive timeout'), /^the broker does not answer any more$/],
    [new Error('Not supported'), /^the broker does not follow MQTT: Not supported$/],
    ['a text', /a text$/],
    [undefined, /undefined/],
  ])('%s', (error, words) => {
    expect(toBrokerFailure(error).message).toMatch(words);
  });

  it.each([
    [1, true],
    [132, true],
    [5, false],
    [undefined, false],
  ])('reason code %s: another version may do: %s', (reasonCode, versionRefused) => {
    expect(new BrokerFailure('x', { reasonCode }).versionRefused).toBe(versionRefused);
  });

  it('leave a failure as it is', () => {
    const failure = new BrokerFailure('gone');
    expect(toBrokerFailure(failure)).toBe(failure);
  });
});
