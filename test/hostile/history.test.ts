// Attacks on a recorded history: what somebody can do to it who holds the file, the broker or the network, and not the key of the device.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hashEvent, NO_HASH } from '../../src/events/event-chain.js';
import type { RecognitionEvent } from '../../src/events/event.js';
import { countNumbers, type HistoryReport } from '../../src/events/history-check.js';
import { createHistoryEncoder, type Gap } from '../../src/events/history.js';
import { EventSigner } from '../../src/events/signing.js';
import { MessageVerifier } from '../../src/events/verify.js';
import { anEvent, SIGNING_KEY } from '../events/support.js';
import { seedRandom } from './files.js';

const publicKey = createPublicKey(SIGNING_KEY);
const signer = new EventSigner(SIGNING_KEY);
const STRANGER = generateKeyPairSync('ed25519').privateKey;

/** Makes the events of a device, chained, with numbers from 1. */
function makeEvents(count: number, deviceId = 'gate', key = signer, mark = 'a'): RecognitionEvent[] {
  const events: RecognitionEvent[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    const { keyId, signature, ...unsigned } = anEvent({
      deviceId,
      sequence,
      eventId: `9c0f4f0e-7a3c-4a0e-8d4e-${mark}${String(sequence).padStart(11, '0')}`,
    });
    expect([keyId, signature]).not.toContain(undefined);
    const before = events.at(-1);
    events.push(key.sign({ ...unsigned, previous: before ? hashEvent(before) : NO_HASH }));
  }
  return events;
}

const EVENTS = makeEvents(9);
const at = (sequence: number, events = EVENTS): RecognitionEvent => events[sequence - 1] as RecognitionEvent;
const encode = createHistoryEncoder('gate', 'mqtt', signer.signObject);
const line = (sequence: number, late = false, events = EVENTS): string =>
  encode({ sequence, event: at(sequence, events) }, late);
const gapLine = (from: number, to: number, change: Partial<Gap> = {}): string => {
  const previous = from > 1 ? hashEvent(at(from - 1)) : NO_HASH;
  return encode({ sequence: to, gap: { from, to, reason: 'removed', previous, ...change } }, true);
};
const statusLine = (sequence: number, events = EVENTS): string => {
  const head = { sequence, hash: hashEvent(at(sequence, events)) };
  const history = signer.signObject({ version: 1, deviceId: 'gate', head });
  return JSON.stringify({ version: 1, deviceId: 'gate', status: 'online', since: '2026-11-28T12:00:00.000Z', history });
};
const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index));

interface Found {
  invalid: string[];
  report: HistoryReport | undefined;
  strayGaps: number;
}

function verify(recording: readonly string[]): Found {
  const verifier = new MessageVerifier(publicKey, 0);
  const verdicts = recording.map((one) => verifier.check(one));
  const invalid = verdicts.filter(({ verdict }) => verdict === 'invalid').map(({ notes }) => notes.join(', '));
  return {
    invalid,
    report: verifier.reports().find(({ deviceId }) => deviceId === 'gate'),
    strayGaps: verifier.strayGaps,
  };
}

const change = (text: string, edit: (message: Record<string, unknown>) => void): string => {
  const message = JSON.parse(text) as Record<string, unknown>;
  edit(message);
  return JSON.stringify(message);
};
const strip = (text: string): string => {
  const { sequence, late, event, gap } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(gap === undefined ? { version: 1, sequence, late, event } : { version: 1, gap });
};

describe('a whole history', () => {
  it('is complete, with duplicates, events that are late the second time, and a head', () => {
    const found = verify([...lines(1, 5), line(4, true), line(5), ...lines(6, 9), statusLine(9)]);
    expect(found.invalid).toEqual([]);
    expect(found.report).toEqual({
      deviceId: 'gate',
      covered: { from: 1, to: 9 },
      missing: [],
      declared: [],
      misplaced: 0,
      unsigned: 0,
    });
  });

  it('may have a signed gap, one that grows, and one that comes twice', () => {
    const found = verify([
      ...lines(1, 2),
      gapLine(3, 4),
      gapLine(3, 4),
      gapLine(3, 6, { previous: hashEvent(at(2)) }),
      ...lines(7, 9),
    ]);
    expect(found).toMatchObject({ invalid: [], report: { missing: [], misplaced: 0 } });
    expect(countNumbers(found.report?.declared ?? [])).toBe(4);
  });

  it('may begin anywhere, and with a gap', () => {
    expect(verify([gapLine(4, 5), ...lines(6, 9)])).toMatchObject({
      invalid: [],
      report: { covered: { from: 4, to: 9 }, missing: [], declared: [{ from: 4, to: 5 }] },
    });
  });
});

describe('a message that is', () => {
  it('dropped is missing, and is told from one that a signed gap declares', () => {
    expect(verify([...lines(1, 3), ...lines(5, 9)])).toMatchObject({
      invalid: [],
      report: { missing: [{ from: 4, to: 4 }], declared: [] },
    });
    expect(verify([...lines(1, 3), gapLine(4, 4), ...lines(5, 9)])).toMatchObject({
      invalid: [],
      report: { missing: [], declared: [{ from: 4, to: 4 }] },
    });
  });

  it('moved is out of order', () => {
    expect(verify([...lines(1, 3), line(5), line(4), ...lines(6, 9)])).toMatchObject({
      invalid: [],
      report: { missing: [], misplaced: 1 },
    });
  });

  it('cut off at the end is missing when a status names the newest event, and is not noticed without one', () => {
    expect(verify([...lines(1, 6), statusLine(9)]).report?.missing).toEqual([{ from: 7, to: 9 }]);
    expect(verify(lines(1, 6)).report?.missing).toEqual([]);
  });

  const edits: [name: string, text: string][] = [
    ['marked late', change(line(4), (message) => (message.late = true))],
    ['not marked late any more', change(line(4, true), (message) => (message.late = false))],
    ['of another person', change(line(4), ({ event }) => ((event as RecognitionEvent).externalImageId = 'x'))],
    ['given another number', change(line(4), (message) => (message.sequence = 5))],
    ['given the event of another message', change(line(4), (message) => (message.event = at(5)))],
    ['given to another stream', change(line(4), (message) => (message.stream = 'webhook'))],
    ['given to another device', change(line(4), (message) => (message.deviceId = 'side'))],
    ['stripped of its signature', strip(line(4))],
    [
      'given the signature of another message',
      change(line(4), (m) => (m.signature = (JSON.parse(line(5)) as { signature: string }).signature)),
    ],
  ];
  it.each(edits)('%s is invalid', (_, text) => {
    expect(verify([...lines(1, 3), text, ...lines(5, 9)]).invalid).toHaveLength(1);
    expect(verify([text]).invalid).toHaveLength(1);
  });
});

describe('a gap that', () => {
  const forged: [name: string, text: string][] = [
    ['nobody signed', strip(gapLine(4, 6))],
    [
      'a stranger signed',
      createHistoryEncoder(
        'gate',
        'mqtt',
        new EventSigner(STRANGER).signObject,
      )({ sequence: 6, gap: { from: 4, to: 6, reason: 'removed', previous: NO_HASH } }, true),
    ],
    ['was made longer', change(gapLine(4, 4), ({ gap }) => ((gap as Gap).to = 6))],
    ['was moved', change(gapLine(3, 5), ({ gap }) => Object.assign(gap as Gap, { from: 4, to: 6 }))],
    [
      'is of the other stream',
      createHistoryEncoder(
        'gate',
        'webhook',
        signer.signObject,
      )({ sequence: 6, gap: { from: 4, to: 6, reason: 'removed', previous: hashEvent(at(3)) } }, true),
    ],
    [
      'is of another device',
      createHistoryEncoder(
        'side',
        'mqtt',
        signer.signObject,
      )({ sequence: 6, gap: { from: 4, to: 6, reason: 'removed', previous: NO_HASH } }, true),
    ],
  ];
  it.each(forged)('%s does not hide suppressed events', (_, text) => {
    const { invalid, report } = verify([...lines(1, 3), text, ...lines(7, 9)]);
    expect(report?.missing).toEqual([{ from: 4, to: 6 }]);
    expect(report?.declared).toEqual([]);
    expect(invalid).toHaveLength(text.includes('"deviceId":"side"') ? 0 : 1);
  });

  it('follows another event than the one before it is invalid', () => {
    const { invalid } = verify([...lines(1, 3), gapLine(4, 6, { previous: hashEvent(at(8)) }), ...lines(7, 9)]);
    expect(invalid).toEqual(['it does not follow the event before it: one of them is forged']);
  });
});

describe('a history that is', () => {
  it('spliced from two runs of one device, as of a copy of it, is invalid at the seam', () => {
    const other = makeEvents(9, 'gate', signer, 'b');
    const { invalid } = verify([...lines(1, 4), line(5, false, other), line(6, false, other)]);
    expect(invalid).toEqual(['it does not follow the event before it: one of them is forged']);
    expect(verify([...lines(1, 4), line(4, false, other)]).invalid).toEqual([
      'another event has the same sequence number',
    ]);
    expect(verify([...lines(1, 4), statusLine(4, other)]).invalid).toEqual([
      'the head of its history: the device has signed another event as its newest one',
    ]);
  });

  it('spliced from two devices keeps them apart, and another key is refused', () => {
    const side = makeEvents(9, 'side');
    const encodeSide = createHistoryEncoder('side', 'mqtt', signer.signObject);
    const sideLine = (sequence: number): string => encodeSide({ sequence, event: at(sequence, side) }, false);
    const mixed = verify([...lines(1, 3), sideLine(4), sideLine(5), ...lines(6, 9)]);
    expect(mixed).toMatchObject({ invalid: [], report: { missing: [{ from: 4, to: 5 }] } });
    // The event of one device in the message of another one.
    expect(verify([encode({ sequence: 4, event: at(4, side) }, false)]).invalid).toEqual([
      'its envelope names another device',
    ]);
    const foreign = makeEvents(9, 'gate', new EventSigner(STRANGER));
    expect(verify([...lines(1, 3), line(4, false, foreign)]).invalid).toEqual(['the signature is wrong']);
  });

  it('that of Lintel 0.2 is told apart, and cannot take the place of a signed one', () => {
    const events = Array.from({ length: 5 }, (_, i) => anEvent({ sequence: i + 1, eventId: at(i + 1).eventId }));
    const old = (sequence: number): string =>
      JSON.stringify({ version: 1, sequence, late: false, event: at(sequence, events) });
    const gap = JSON.stringify({ version: 1, gap: { from: 3, to: 4, reason: 'removed' } });
    expect(verify([old(1), old(2), gap, old(5)])).toMatchObject({ invalid: [], report: { unsigned: 4, missing: [] } });
    expect(verify([gap, ...lines(5, 9)])).toMatchObject({ invalid: [], strayGaps: 1 });
    // Before an update and after it, in one file.
    const { keyId, signature, ...unsigned } = at(3, events);
    expect([keyId, signature]).not.toContain(undefined);
    const after = signer.sign({ ...unsigned, previous: hashEvent(at(2, events)) });
    expect(verify([old(1), old(2), encode({ sequence: 3, event: after }, false)])).toMatchObject({
      invalid: [],
      report: { unsigned: 2, missing: [] },
    });
    expect(verify([...lines(1, 3), old(4)]).invalid).toEqual([
      'it is not signed, although earlier messages of this device are',
    ]);
    expect(verify([...lines(1, 3), gap]).invalid).toHaveLength(1);
    expect(verify([strip(line(1)), strip(line(2))]).invalid).toEqual([
      'its envelope is not signed',
      'its envelope is not signed',
    ]);
  });

  it('given a head that nobody signed is invalid', () => {
    for (const text of [
      change(statusLine(9), ({ history }) => ((history as { head: { sequence: number } }).head.sequence = 5)),
      change(statusLine(9), (message) => (message.history = { head: 5 })),
    ]) {
      expect(verify([...lines(1, 5), text]).invalid).toHaveLength(1);
    }
  });
});

describe('400 random tamperings', () => {
  it.each([1, 2, 3, 4])('with seed %i are all noticed', (seed) => {
    const random = seedRandom(seed);
    const pick = (count: number): number => Math.floor(random() * count);
    const whole = [...lines(1, 3), gapLine(4, 5), ...lines(6, 9), statusLine(9)];
    for (let round = 0; round < 100; round++) {
      const recording = [...whole];
      const index = pick(8);
      const kind = pick(4);
      if (kind === 0 && index > 0) recording.splice(index, 1);
      else if (kind === 1 && index < 7) recording.splice(index, 2, whole[index + 1] as string, whole[index] as string);
      else if (kind === 2) {
        const text = whole[index] as string;
        const place = text.indexOf('{') + 1 + pick(text.length - 2);
        const character = String.fromCharCode(text.charCodeAt(place) ^ (1 << pick(5)));
        recording[index] = text.slice(0, place) + character + text.slice(place + 1);
      } else recording[index] = strip(whole[index] as string);
      const { invalid, report } = verify(recording);
      const isNoticed =
        invalid.length > 0 || report === undefined || report.missing.length + report.misplaced + report.unsigned > 0;
      if (!isNoticed) throw new Error(`tampering ${kind} of line ${index} was not noticed:\n${recording.join('\n')}`);
    }
  });
});
