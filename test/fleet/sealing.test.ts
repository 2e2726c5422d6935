// Records and boxes of a fleet: they open at their place, and nowhere else.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  openRecord,
  openWrappedRecord,
  sealRecord,
  wrapRecordKey,
  type RecordPlace,
} from '../../src/fleet/record-seal.js';
import { openSealed, sealFor } from '../../src/fleet/sealed-box.js';

const FORGED: unknown = expect.objectContaining({ code: 'FLEET_FORGED' });

function catchError(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a sealed record', () => {
  const key = randomBytes(32);
  const place: RecordPlace = { group: randomBytes(16), epoch: 3, record: randomBytes(16), modelVersion: 'v1' };
  const plain = Buffer.from('a template and a name');
  const recordKey = randomBytes(32);
  const sealed = sealRecord({ epochKey: key, recordKey }, place, plain);

  it('opens at its place, and holds no byte of its content in plain', () => {
    expect(openRecord(key, place, sealed)).toEqual(plain);
    expect(sealed.includes(plain.subarray(0, 8))).toBe(false);
    expect(sealRecord({ epochKey: key, recordKey: randomBytes(32) }, place, plain)).not.toEqual(sealed);
  });

  it.each<[string, Partial<RecordPlace>]>([
    ['another group', { group: randomBytes(16) }],
    ['another epoch', { epoch: 4 }],
    ['another id', { record: randomBytes(16) }],
    ['another model', { modelVersion: 'v2' }],
  ])('does not open in %s', (_, other) => {
    expect(catchError(() => openRecord(key, { ...place, ...other }, sealed))).toEqual(FORGED);
  });

  it('does not open under another key, nor with any bit changed, nor cut short', () => {
    expect(catchError(() => openRecord(randomBytes(32), place, sealed))).toEqual(FORGED);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1 << (at % 8);
      expect(
        catchError(() => openRecord(key, place, changed)),
        `byte ${at}`,
      ).toEqual(FORGED);
      expect(
        catchError(() => openRecord(key, place, sealed.subarray(0, at))),
        `${at} bytes`,
      ).toEqual(FORGED);
    }
  });

  it('has the same bytes again from the same keys, and no nonce twice', () => {
    expect(sealRecord({ epochKey: key, recordKey }, place, plain)).toEqual(sealed);
    const nonces = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const one = sealRecord({ epochKey: key, recordKey: randomBytes(32) }, place, plain);
      nonces.add(one.toString('hex', 5, 17)).add(one.toString('hex', 65, 77));
    }
    expect(nonces.size).toBe(400);
  });

  it('opens with its key wrapped for a later epoch, and with that of no other record, group, epoch or model', () => {
    const later = randomBytes(32);
    const wrap = (other: Partial<RecordPlace> = {}): Buffer => {
      return wrapRecordKey({ epochKey: later, recordKey }, { ...place, epoch: 5, ...other });
    };
    const open = (bytes: Buffer, epoch = 5, epochKey: Uint8Array = later): Buffer => {
      return openWrappedRecord({ epoch, epochKey, bytes }, place, sealed);
    };
    expect(open(wrap())).toEqual(plain);
    for (const other of [
      { group: randomBytes(16) },
      { record: randomBytes(16) },
      { epoch: 6 },
      { modelVersion: 'v2' },
    ]) {
      expect(catchError(() => open(wrap(other)))).toEqual(FORGED);
    }
    expect(catchError(() => open(wrap(), 6))).toEqual(FORGED);
    expect(catchError(() => open(wrap(), 5, randomBytes(32)))).toEqual(FORGED);
    expect(catchError(() => open(wrap().subarray(1)))).toEqual(FORGED);
    expect(catchError(() => open(sealed.subarray(5, 65)))).toEqual(FORGED);
  });

  it('does not open with the key part of another record', () => {
    const other = sealRecord({ epochKey: key, recordKey }, { ...place, record: randomBytes(16) }, plain);
    const mixed = Buffer.concat([other.subarray(0, 65), sealed.subarray(65)]);
    expect(catchError(() => openRecord(key, place, mixed))).toEqual(FORGED);
  });
});

describe('a sealed box', () => {
  const door = generateKeyPairSync('x25519');
  const plain = Buffer.from('the key of an epoch, for one door');
  const box = sealFor(door.publicKey, 'membership', plain);

  it('opens for its reader, and holds no byte of its content in plain', () => {
    expect(openSealed(door.privateKey, 'membership', box)).toEqual(plain);
    expect(box.includes(plain.subarray(0, 8))).toBe(false);
    expect(sealFor(door.publicKey, 'membership', plain)).not.toEqual(box);
    expect(openSealed(door.privateKey, 'x', sealFor(door.publicKey, 'x', Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
  });

  it('opens for no other reader or purpose', () => {
    const other = generateKeyPairSync('x25519').privateKey;
    expect(catchError(() => openSealed(other, 'membership', box))).toEqual(FORGED);
    expect(catchError(() => openSealed(door.privateKey, 'report', box))).toEqual(FORGED);
    expect(catchError(() => openSealed(door.privateKey, '', box))).toEqual(FORGED);
  });

  it('opens with no bit changed, nor cut short, nor with the key of no exchange', () => {
    for (let at = 0; at < box.length; at++) {
      const changed = Buffer.from(box);
      changed[at]! ^= 1;
      expect(
        catchError(() => openSealed(door.privateKey, 'membership', changed)),
        `byte ${at}`,
      ).toEqual(FORGED);
      expect(
        catchError(() => openSealed(door.privateKey, 'membership', box.subarray(0, at))),
        `${at} bytes`,
      ).toEqual(FORGED);
    }
    const zero = Buffer.concat([box.subarray(0, 1), Buffer.alloc(32), box.subarray(33)]);
    expect(catchError(() => openSealed(door.privateKey, 'membership', zero))).toEqual(FORGED);
  });
});
