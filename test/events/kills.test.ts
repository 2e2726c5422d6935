// Events under kills, in the short form of `npm run faults -- events`, and the problems that its witness must find.
import { describe, expect, it } from 'vitest';
import { BROKER_PROGRAMS } from '../../tools/faults/events-broker.js';
import { runEvents } from '../../tools/faults/events-rounds.js';
import { EventsWitness } from '../../tools/faults/events-witness.js';
import { tempDir } from '../support/temp-dir.js';
import { anEvent, lacks } from './support.js';

describe('events, while their broker and their process are killed', () => {
  it.skipIf(lacks('events under kills', ...BROKER_PROGRAMS))(
    'are all in the history, in order, and no match comes late',
    async () => {
      const tally = await runEvents({ folder: tempDir(), events: 500, brokerKills: 5, processKills: 2, seed: 4 });
      expect(tally.problems).toEqual([]);
      expect(tally).toMatchObject({ brokerKills: 5, processKills: 2 });
      expect(tally.recorded).toBeGreaterThanOrEqual(500 - tally.unanswered);
      expect(tally.recorded).toBeLessThanOrEqual(500);
      // Without late and repeated messages the kills would prove nothing.
      expect(tally.late).toBeGreaterThan(10);
      expect(tally.live).toBeGreaterThan(100);
      expect(tally.leastLeftSentMs).toBeLessThan(5_000);
    },
    60_000,
  );
});

describe('the witness', () => {
  const NOW = Date.UTC(2026, 2, 1, 12);
  const event = (sequence: number) => anEvent({ sequence, expiresAt: new Date(NOW + 1_000).toISOString() });
  const history = (sequence: number, late = false, change: object = {}): string =>
    JSON.stringify({ version: 1, sequence, late, event: { ...event(sequence), ...change } });

  function witnessOfTwo(): EventsWitness {
    const witness = new EventsWitness();
    for (const sequence of [1, 2]) {
      witness.expect(sequence, event(sequence).eventId);
      witness.see({ topic: 'lintel/gate/front/match', payload: JSON.stringify(event(sequence)), atMs: NOW });
      witness.see({ topic: 'lintel/gate/history', payload: history(sequence), atMs: NOW });
    }
    return witness;
  }

  it('finds no problem when the promised events come, even twice', () => {
    const witness = witnessOfTwo();
    witness.see({ topic: 'lintel/gate/history', payload: history(1), atMs: NOW });
    expect(witness.problems()).toEqual([]);
    expect(witness.tally()).toMatchObject({ recorded: 2, repeated: 1, live: 2, late: 0, liveAfterExpiry: 0 });
  });

  const wrong: [string, string, string, number, RegExp][] = [
    ['a number that is missing', 'history', history(4, true), 0, /^4 came after 2/],
    ['an event in the place of another', 'history', history(2, false, { eventId: 'x' }), 0, /2 stands for two events/],
    [
      'one that is not late and was not live',
      'history',
      history(3),
      0,
      /3 is not marked late, but was not live either/,
    ],
    [
      'an event that does not follow the one before it',
      'history',
      history(3, true, { previous: 'B'.repeat(43) }),
      0,
      /event 3 does not follow event 2/,
    ],
    ['a gap', 'history', '{"version":1,"gap":{"from":3,"to":4,"reason":"removed"}}', 0, /declared a gap/],
    ['a match after its expiry', 'front/match', JSON.stringify(event(2)), 2_000, /match 2 came 1000 ms after/],
  ];
  it.each(wrong)('finds %s', (_, topic, payload, afterMs, problem) => {
    const witness = witnessOfTwo();
    witness.see({ topic: `lintel/gate/${topic}`, payload, atMs: NOW + afterMs });
    expect(witness.problems()).toEqual([expect.stringMatching(problem)]);
  });

  it('finds a match that was sent too late', () => {
    const witness = witnessOfTwo();
    witness.seeSent(new Date(NOW).toISOString(), NOW - 1);
    expect(witness.problems()).toEqual([]);
    witness.seeSent(new Date(NOW).toISOString(), NOW + 300);
    expect(witness.problems()).toEqual(['a match was sent 300 ms after its expiry']);
    expect(witness.tally()).toMatchObject({ leastLeftSentMs: -300, sentAfterExpiry: 1 });
  });

  it('finds a promised event that is missing', () => {
    const witness = witnessOfTwo();
    witness.expect(2, 'another');
    expect(witness.problems()).toEqual(['sequence 2 was used for two events', 'event 2 is not in the history']);
  });
});
