// A log that lies: whatever somebody with access to it shows, a door refuses it, says so once, and keeps what it has.
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openHead, signHead, type Head } from '../../src/fleet/head.js';
import { nameBucket, nameHead, nameKeyTable, nameRecord } from '../../src/fleet/subjects.js';
import { HOUR, newId, startFleet, type MemoryLog, type TestFleet } from './fleet-fakes.js';

type Lie = (fleet: TestFleet, before: Map<string, Buffer>) => void | Promise<void>;

/** What somebody with access to the log does between two versions, and what a door answers. */
const LIES: readonly [string, Lie, string][] = [
  [
    'shows an older head',
    ({ log, group }, before) => set(log, nameHead(group), before.get(nameHead(group))!),
    'rollback',
  ],
  ['puts all of it back', ({ log }, before) => void (log.values = before), 'rollback'],
  ['shows a head of its own', (fleet) => resign(fleet, {}, generateKeyPairSync('ed25519').privateKey), 'forged'],
  ['changes the head', ({ log, group }) => void (log.values.get(nameHead(group))![8_600]! ^= 1), 'forged'],
  ['changes the recent changes', ({ log, group }) => void (log.values.get(nameHead(group))![8_270]! ^= 1), 'forged'],
  [
    'cuts the head',
    ({ log, group }) => set(log, nameHead(group), log.values.get(nameHead(group))!.subarray(0, 70)),
    'forged',
  ],
  ['shows an empty head', ({ log, group }) => set(log, nameHead(group), Buffer.alloc(0)), 'forged'],
  ['shows one head for ever', ({ time }) => void (time.nowMs += 2 * HOUR), 'expired'],
  ['takes the head away', ({ log, group }) => void log.values.delete(nameHead(group)), 'no-head'],
  ['hides a record', ({ log, ...fleet }) => void log.values.delete(fresh(fleet, log)[0]!), 'incomplete'],
  ['swaps two records', swapRecords, 'altered'],
  [
    'shows a record under another id',
    ({ log, ...fleet }) => set(log, fresh(fleet, log)[0]!, log.values.get(fresh(fleet, log)[1]!)!),
    'altered',
  ],
  [
    'cuts a record',
    ({ log, ...fleet }) => set(log, fresh(fleet, log)[0]!, log.values.get(fresh(fleet, log)[0]!)!.subarray(0, 50)),
    'altered',
  ],
  ['changes buckets and the recent changes are not enough', changeBuckets, 'incomplete'],
  ['swaps the records of two groups', swapGroups, 'altered'],
];

/** What only the authority could do, and what no door follows either. */
const MISTAKES: readonly [string, Partial<Head>, string][] = [
  ['a head of another fleet', { fleet: newId() }, 'other-fleet'],
  ['a head of another group', { group: newId() }, 'other-group'],
  ['an earlier epoch', { epoch: 1 }, 'rollback'],
  ['a head of tomorrow', { issuedAt: '2026-11-29T12:00:00.000Z', expiresAt: '2026-11-30T12:00:00.000Z' }, 'future'],
  ['a root that does not fit', { root: 'ab'.repeat(32) }, 'forged'],
  ['the version of another root', { version: 3 }, 'fork'],
];

async function startWithCopy(): Promise<{ fleet: TestFleet; before: Map<string, Buffer>; had: Map<string, string> }> {
  const fleet = await startFleet();
  const { publisher, faces, log, copy, store } = fleet;
  await publisher.publish([faces.put('resident'), faces.put('neighbour')]);
  await publisher.beginEpoch(randomBytes(32));
  const before = new Map([...log.values].map(([subject, value]) => [subject, Buffer.from(value)]));
  await publisher.publish([faces.put('guest')]);
  await copy.sync();
  const had = new Map(store.records);
  await publisher.publish([faces.put('third'), faces.put('fourth'), faces.put('fifth')]);
  return { fleet, before, had };
}

describe('a log that lies', () => {
  it.each(LIES)('%s: the door refuses it, and keeps what it has', async (_, lie, answer) => {
    const { fleet, before, had } = await startWithCopy();
    const { copy, store, refusals } = fleet;
    await lie(fleet, before);
    const isRefusal = !['incomplete', 'no-head'].includes(answer);
    const isAltered = answer === 'altered';
    for (let look = 0; look < 3; look++) {
      const result = await copy.sync();
      if (isAltered) expect(result).toEqual({ outcome: 'incomplete', isAltered });
      else expect(result).toMatchObject(isRefusal ? { outcome: 'refused', refusal: answer } : { outcome: answer });
    }
    expect(store.records).toEqual(had);
    expect(copy.applied?.version).toBe(3);
    // Three looks count three times, and are reported once, in a whole sentence. A record may be altered for a moment at a new version: only the
    // second look refuses it.
    expect(copy.refusals).toEqual(isRefusal ? { [answer]: isAltered ? 2 : 3 } : {});
    expect(refusals.map(({ reason }) => reason)).toEqual(isRefusal ? [answer] : []);
    for (const { detail } of refusals) expect(detail).toMatch(/^[A-Za-z].+\.$/);
  });

  it.each(MISTAKES)('the authority signs %s: no door follows', async (_, change, answer) => {
    const { fleet, had } = await startWithCopy();
    resign(fleet, change, fleet.keys.privateKey);
    expect(await fleet.copy.sync()).toMatchObject({ outcome: 'refused', refusal: answer });
    expect(fleet.store.records).toEqual(had);
  });

  it('ends: the door goes on with the next head that is right, and reports the next lie anew', async () => {
    const { fleet, before } = await startWithCopy();
    const { copy, refusals, publisher, log, group, faces, store } = fleet;
    const right = log.values.get(nameHead(group))!;
    log.values.set(nameHead(group), before.get(nameHead(group))!);
    await copy.sync();
    log.values.set(nameHead(group), Buffer.from('no head'));
    await copy.sync();
    log.values.set(nameHead(group), right);
    expect((await copy.sync()).outcome).toBe('applied');
    log.values.set(nameHead(group), before.get(nameHead(group))!);
    await copy.sync();
    expect(refusals.map(({ reason }) => reason)).toEqual(['rollback', 'forged', 'rollback']);
    await publisher.publish([faces.put('sixth')]);
    await copy.sync();
    expect([...store.records.values()].sort()).toEqual(faces.texts());
    expect(copy.seen).toEqual({ version: 5, issuedAt: expect.any(String) as string, atMs: fleet.time.nowMs });
  });

  it('gives a table of keys that was made for another record: the late door refuses the version', async () => {
    const fleet = await startFleet();
    const { publisher, faces, log, group, find, openDoor, state } = fleet;
    // Two records of one bucket.
    const [a, b] = findPair(fleet);
    await publisher.publish([faces.put('a', a), faces.put('b', b)]);
    await publisher.beginEpoch(randomBytes(32));
    const subject = nameKeyTable(group, parseInt(find(a).slice(0, 2), 16));
    const table = Buffer.from(log.values.get(subject)!);
    const [first, second] = [Buffer.from(table.subarray(21, 81)), Buffer.from(table.subarray(97, 157))];
    second.copy(table, 21);
    first.copy(table, 97);
    log.values.set(subject, table);
    const late = openDoor({ findEpochKey: (epoch) => (epoch === 2 ? state.facts.epochKeys.get(2) : undefined) });
    for (let look = 0; look < 3; look++) {
      expect(await late.copy.sync()).toMatchObject({ outcome: 'refused', refusal: 'forged' });
    }
    expect([late.store.records.size, late.refusals.length, late.copy.refusals]).toEqual([0, 1, { forged: 3 }]);
  });
});

/** Finds two faceIds whose records lie in one bucket. */
function findPair({ find }: TestFleet): [string, string] {
  const known = new Map<string, string>();
  for (let i = 0; ; i++) {
    const start = find(`face ${i}`).slice(0, 2);
    const other = known.get(start);
    if (other !== undefined) return [other, `face ${i}`];
    known.set(start, `face ${i}`);
  }
}

function set(log: MemoryLog, subject: string, value: Buffer): void {
  log.values.set(subject, value);
}

/** Lists the subjects of the records that the door does not have yet. */
function fresh({ group, store }: Pick<TestFleet, 'group' | 'store'>, log: MemoryLog): string[] {
  const records = [...log.values.keys()].filter((one) => one.startsWith(`group.${group}.record`));
  return records.filter((one) => !store.records.has(one.split('.')[3] ?? ''));
}

function swapRecords(fleet: TestFleet): void {
  const [a = '', b = ''] = fresh(fleet, fleet.log);
  const value = fleet.log.values.get(a)!;
  set(fleet.log, a, fleet.log.values.get(b)!);
  set(fleet.log, b, value);
}

/** Publishes more than a head carries, and changes the buckets that the door needs then. */
async function changeBuckets({ publisher, faces, log, group }: TestFleet): Promise<void> {
  await publisher.publish(Array.from({ length: 80 }, (_, i) => faces.put(`more ${i}`)));
  for (let bucket = 0; bucket < 256; bucket++) {
    const subject = nameBucket(group, bucket);
    const value = log.values.get(subject);
    if (value) set(log, subject, value.subarray(48));
  }
}

/** Another group of the same fleet has a record under the same id: the log shows that one. */
async function swapGroups(fleet: TestFleet): Promise<void> {
  const { log, faces, state, group } = fleet;
  const other = state.copy();
  other.facts = { ...other.facts, group: newId(), version: 0 };
  other.records.clear();
  const publisher = await fleet.openPublisher({ state: other });
  await publisher.publish([...faces.all].map(([faceId, face]) => ({ faceId, face })));
  for (const subject of fresh(fleet, log)) {
    const id = subject.split('.')[3]!;
    set(log, nameRecord(group, id), log.values.get(nameRecord(other.facts.group, id))!);
  }
}

/** Signs the head of the log again, with changes. */
function resign({ log, group, keys }: TestFleet, change: Partial<Head>, signer: KeyObject): void {
  const signed = openHead(keys.publicKey, log.values.get(nameHead(group))!);
  set(log, nameHead(group), signHead(signer, { ...signed, head: { ...signed.head, ...change } }));
}
