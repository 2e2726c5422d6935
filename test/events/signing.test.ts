// The signature of events: what it covers, and that nothing else passes for it.
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EventSigner, isSignedBy, describeSigningKey } from '../../src/events/signing.js';
import { canonicalJson } from '../../src/platform/canonical-json.js';
import { anEvent, SIGNING_KEY } from './support.js';

const publicKey = createPublicKey(SIGNING_KEY);

describe('the signature of an event', () => {
  it('is Ed25519 over the canonical JSON without it', () => {
    const { signature = '', ...signed } = anEvent();
    const bytes = Buffer.from(canonicalJson(signed));
    expect(verify(null, bytes, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(signed.keyId).toBe(describeSigningKey(publicKey).keyId);
  });

  it('is valid for the event as it is parsed again, whatever the order of its members', () => {
    const event = anEvent({ liveness: { mode: 'observe', verdict: 'live', score: 1 / 3 } });
    const read = JSON.parse(JSON.stringify(event)) as object;
    expect(isSignedBy(publicKey, read)).toBe(true);
    expect(isSignedBy(publicKey, Object.fromEntries(Object.entries(read).reverse()))).toBe(true);
  });

  it('is still valid as version 0.1.0 wrote it', () => {
    const recorded =
      '{"version":2,"type":"match","eventId":"9c0f4f0e-7a3c-4a0e-8d4e-3f1f5f5b2c33","sequence":7,"deviceId":"gate",' +
      '"cameraId":"front","trackId":3,"capturedAt":"2026-05-01T00:00:00.000Z","decidedAt":"2026-05-01T00:00:00.100Z",' +
      '"expiresAt":"2026-05-01T00:00:05.100Z","reason":"agreed","groupId":"door",' +
      '"faceId":"5b4c4b3e-8d2f-4f2e-9a52-0b1b8a1b6d11","imageId":"0c4e5a1c-5f0c-4a4b-8f4f-6a5f5c1f1a22",' +
      '"externalImageId":"guest-1","similarity":97.5,"threshold":90,' +
      '"liveness":{"mode":"observe","verdict":"live","score":0.3333333333333333},"masked":false,' +
      '"bbox":{"x0":0.25,"y0":0.1,"x1":0.5,"y1":0.75},"quality":0.8,"modelVersion":"test-1","keyId":"4e51532c7a566828",' +
      '"signature":"HhcjJ9UZpzn4gVi1WEU8tTr18l9D9Eljb4UFHAk9DuseEmQ5IocsB841D3PgqVb8K6rTxb1aicequWIbUEAWCg"}';
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: 'vkU9QuxO_42euX8eDgthtOH1TzbVTB-g7guC2XLZf6E' };
    const recordedKey = createPublicKey({ key: jwk, format: 'jwk' });
    expect(isSignedBy(recordedKey, JSON.parse(recorded))).toBe(true);
    expect(isSignedBy(recordedKey, JSON.parse(recorded.replace('"threshold":90', '"threshold":80')))).toBe(false);
  });

  it('is not valid under another key', () => {
    expect(isSignedBy(generateKeyPairSync('ed25519').publicKey, anEvent())).toBe(false);
  });

  /** The same bytes: 86 characters hold four bits more than 64 bytes. */
  const withSpareBits = (text: string): string => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(85) + 1);
  const { signature = '', ...unsigned } = anEvent();
  const { faceId, ...faceless } = anEvent();
  it.each<[string, unknown]>([
    ['another expiry', { ...anEvent(), expiresAt: '2100-01-01T00:00:00.000Z' }],
    ['another face', { ...anEvent(), faceId: '00000000-0000-4000-8000-000000000000' }],
    ['another sequence', { ...anEvent(), sequence: 2 }],
    ['another key id', { ...anEvent(), keyId: '0000000000000000' }],
    ['a member taken away', { ...faceless }],
    ['a member added', { ...anEvent(), door: 'open' }],
    ['a box moved', { ...anEvent(), bbox: { x0: 0, y0: 0, x1: 1, y1: 1 } }],
    ['no signature', unsigned],
    ['an empty signature', { ...unsigned, signature: '' }],
    ['a signature of another form', { ...unsigned, signature: Buffer.from(signature, 'base64url').toString('hex') }],
    ['a signature whose spare bits were set', { ...unsigned, signature: withSpareBits(signature) }],
    ['a signature that is no text', { ...unsigned, signature: [signature] }],
    ['half a surrogate pair', { ...anEvent(), modelVersion: '\ud83d' }],
    ['no object', 'event'],
    ['nothing', null],
  ])('does not hold for an event with %s', (_, event) => {
    expect(faceId).toBeDefined();
    expect(isSignedBy(publicKey, event)).toBe(false);
  });
});

describe('the public key', () => {
  it('is returned as PEM and as JWK, with an id that is computed from it', () => {
    const info = describeSigningKey(SIGNING_KEY);
    expect(describeSigningKey(publicKey)).toEqual(info);
    expect(createPublicKey(info.publicKeyPem).equals(publicKey)).toBe(true);
    const { kty, crv, x } = info.publicKeyJwk;
    expect(createPublicKey({ key: { kty, crv, x }, format: 'jwk' }).equals(publicKey)).toBe(true);
    const digest = createHash('sha256').update(Buffer.from(x, 'base64url')).digest('hex');
    expect(info.keyId).toBe(digest.slice(0, 16));
    expect(info).toMatchObject({ algorithm: 'Ed25519', publicKeyJwk: { kid: info.keyId, alg: 'EdDSA', use: 'sig' } });
    expect(JSON.stringify(info)).not.toMatch(/PRIVATE|"d"/);
  });

  it('is refused when it is not an Ed25519 key', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() => new EventSigner(privateKey)).toThrow(TypeError);
    expect(() => new EventSigner(publicKey)).toThrow(TypeError);
  });
});
