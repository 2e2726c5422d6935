// Reports, and what they prove: which doors hold nothing of what was deleted, from when the others refuse, and what doors say of attacks.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DoorReport } from '../../src/fleet/fleet-records.js';
import { createIdentity, decodePublicKeys, newFleetId, publishIdentity } from '../../src/fleet/identity.js';
import { proveDeletions } from '../../src/fleet/proof.js';
import { writeReport } from '../../src/fleet/report.js';
import { isSignedBy, writeLetter } from '../../src/fleet/signed-letter.js';
import { listDoorStatus } from '../../src/fleet/status.js';
import { nameReport } from '../../src/fleet/subjects.js';
import {
  listEntries,
  START_MS,
  startAuthority,
  makeReport,
  startFleet,
  type TestAuthority,
  type TestDoor,
} from './members.js';

type Fleet = Awaited<ReturnType<typeof startFleet>>;
type Door = TestDoor & { id: string };

const HOUR_MS = 3_600_000;
const root = (version: number): string => version.toString(16).padStart(64, 'a');

/** Has a door report that it holds a version of a group. */
async function report(
  { log, time, authority }: Pick<Fleet, 'log' | 'time'> & { authority: TestAuthority },
  door: Door,
  held: { group: string; version: number; root?: string; atMs?: number; state?: 'current' | 'stale' } | undefined,
  change: Partial<DoorReport> = {},
): Promise<boolean> {
  const groups = held
    ? [
        {
          group: held.group,
          version: held.version,
          root: held.root ?? (held.version === 0 ? '' : root(held.version)),
          epoch: 1,
          issuedAt: new Date(held.atMs ?? time.nowMs).toISOString(),
          state: held.state ?? ('current' as const),
        },
      ]
    : [];
  await log.put(nameReport(door.id), await writeReport(door.joined, makeReport({ groups, ...change })));
  return (await authority.reports.receive(door.id)) !== undefined;
}

/** Publishes a version, which has lost faces. */
async function publishDeletion({ authority, time, group }: Fleet, version: number): Promise<void> {
  await authority.reports.notePublished(group.group, { version, root: root(version) });
  const at = new Date(time.nowMs).toISOString();
  await authority.state.noteDeletions([{ group: group.group, groupId: 'staff', version, at, kind: 'faces', faces: 1 }]);
}

function prove(
  { authority, time }: Pick<Fleet, 'authority' | 'time'>,
  options: { groupId?: string; deletion?: number } = {},
) {
  return proveDeletions(authority.state, { ...options, nowMs: time.nowMs, maxStaleHours: 24 });
}

describe('a report', () => {
  it('is kept, with its signature as evidence for what it proves', async () => {
    const fleet = await startFleet();
    const { authority, addDoor, group, log } = fleet;
    const door = await addDoor('front');
    await authority.reports.notePublished(group.group, { version: 3, root: root(3) });
    expect(await report(fleet, door, { group: group.group, version: 3 })).toBe(true);
    expect(await authority.reports.receiveAll()).toBe(0);
    const record = authority.state.report(door.id)!;
    const proved = record.proved[group.group]!;
    expect(proved).toMatchObject({ version: 3, root: root(3) });
    const evidence = Buffer.from(record.receipts[proved.receipt]!, 'base64');
    const { signing } = decodePublicKeys(door.id, authority.state.door(door.id)!.keys);
    expect(isSignedBy(evidence, signing)).toBe(true);
    expect(JSON.parse(evidence.toString('utf8', 64))).toMatchObject({
      kind: 'report',
      from: door.id,
      body: { groups: [{ group: group.group, version: 3, root: root(3) }], auditHead: { sequence: 9 } },
    });
    expect((await log.get(nameReport(door.id)))!.includes('0.5.0')).toBe(false);
    // A restart knows the same.
    const again = await startAuthority({ time: fleet.time, disk: authority.disk, log, groups: authority.groups });
    expect(again.state.report(door.id)).toEqual(record);
  });

  it('proves nothing by a root that the authority did not sign, and is audited', async () => {
    const fleet = await startFleet();
    const { authority, addDoor, group } = fleet;
    const door = await addDoor('front');
    await publishDeletion(fleet, 3);
    for (let i = 0; i < 2; i++) await report(fleet, door, { group: group.group, version: 3, root: root(4) });
    await report(fleet, door, { group: group.group, version: 7 });
    expect(authority.state.report(door.id)?.proved).toEqual({});
    expect(prove(fleet).proved).toEqual([]);
    const attacks = (await listEntries(authority.disk)).filter(([action]) => action === 'fleet.attacked');
    expect(attacks).toMatchObject([['fleet.attacked', 'fleet', { door: door.id, reason: 'other-root', version: 3 }]]);
  });

  it.each<[string, string, (fleet: Fleet, door: Door) => Promise<Buffer>]>([
    ['that another door wrote', 'report-forged', async ({ authority }, door) => forge(authority, createIdentity(door.id))], // prettier-ignore
    ['of an older time', 'report-replayed', async ({ log }, door) => (await log.get(nameReport(door.id)))!],
    ['for another fleet', 'report-other-fleet', async ({ authority }, door) => forge(authority, door.joined.identity!, newFleetId())], // prettier-ignore
    ['that is no letter', 'report-sealed-otherwise', async () => randomBytes(300)],
  ])('%s is refused, and audited once', async (_, reason, make) => {
    const fleet = await startFleet();
    const { authority, addDoor, group, log } = fleet;
    const door = await addDoor('front');
    await report(fleet, door, { group: group.group, version: 0 });
    const bytes = await make(fleet, door);
    await report(fleet, door, { group: group.group, version: 0 }, { health: 'degraded' });
    const before = authority.state.report(door.id);
    await log.put(nameReport(door.id), bytes);
    for (let i = 0; i < 3; i++) expect(await authority.reports.receive(door.id)).toBeUndefined();
    expect(authority.state.report(door.id)).toEqual(before);
    const attacks = (await listEntries(authority.disk)).filter(([action]) => action === 'fleet.attacked');
    expect(attacks).toEqual([['fleet.attacked', 'fleet', expect.objectContaining({ door: door.id, reason })]]);
  });

  it('of attacks that the door has refused is audited at the first sight of each kind', async () => {
    const fleet = await startFleet();
    const { authority, addDoor, time } = fleet;
    const door = await addDoor('front');
    for (const refusals of [{ forged: 1 }, { forged: 5, rollback: 2 }, { forged: 5, rollback: 2 }, { rollback: 0 }]) {
      await report(fleet, door, undefined, { refusals });
    }
    time.nowMs += 25 * HOUR_MS;
    await report(fleet, door, undefined, { refusals: { rollback: 1 } });
    const attacks = (await listEntries(authority.disk)).filter(([action]) => action === 'fleet.attacked');
    expect(attacks.map(([, , { reason, count }]) => [reason, count])).toEqual([['forged', 1], ['rollback', 2], ['rollback', 1]]); // prettier-ignore
  });

  it('of a door that is not approved is not read', async () => {
    const fleet = await startFleet();
    const { authority, log } = fleet;
    await log.put(nameReport(newFleetId()), randomBytes(100));
    expect(await authority.reports.receive(newFleetId())).toBeUndefined();
  });
});

/** Writes a report as somebody else would. */
function forge({ state }: TestAuthority, from: ReturnType<typeof createIdentity>, fleet = state.fleet): Buffer {
  const body = { ...makeReport(), membership: 1 };
  const issuedAt = new Date(START_MS).toISOString();
  return writeLetter(from, publishIdentity(state.identity), { kind: 'report', fleet, sequence: START_MS * 2, issuedAt, body }); // prettier-ignore
}

describe('the proof of a deletion', () => {
  it('counts the doors that have proved it, and says from when the others refuse', async () => {
    const fleet = await startFleet();
    const { addDoor, group, time } = fleet;
    const doors = [await addDoor('a'), await addDoor('b'), await addDoor('c')] as const;
    await fleet.authority.reports.notePublished(group.group, { version: 1, root: root(1) });
    for (const door of doors) await report(fleet, door, { group: group.group, version: 1 });
    expect(prove(fleet).summary).toBe('Nothing was deleted, so there is nothing to prove.');
    time.nowMs += HOUR_MS;
    await publishDeletion(fleet, 2);
    time.nowMs += 1_000;
    for (const door of doors.slice(0, 2)) await report(fleet, door, { group: group.group, version: 2 });
    await report(fleet, doors[2], { group: group.group, version: 1, atMs: START_MS });
    expect(prove(fleet).summary).toBe('2 of 3 proved; 1 has not confirmed yet');
    time.nowMs += 10 * 60_000;
    const { proved, waiting, summary } = prove(fleet, { groupId: 'staff' });
    expect(proved.map(({ name }) => name)).toEqual(['a', 'b']);
    // The door may have heard a head until the deletion was published at 13:00; its report of 13:00:01 came after it.
    expect(waiting).toEqual([{ door: doors[2].id, name: 'c', lastSeenAt: '2026-11-28T13:00:01.000Z', refusesFrom: '2026-11-29T13:00:00.000Z' }]); // prettier-ignore
    expect(summary).toBe('2 of 3 proved; 1 not heard since 2026-11-28T13:00:01Z, and it refuses from 2026-11-29T13:00:00Z'); // prettier-ignore
    time.nowMs += 48 * HOUR_MS;
    expect(prove(fleet).summary).toContain('and it refuses since 2026-11-29T13:00:00Z');
    await report(fleet, doors[2], { group: group.group, version: 2 });
    expect(prove(fleet).summary).toBe('3 of 3 proved');
  });

  it('counts a report that came before the authority had noted its own version', async () => {
    const fleet = await startFleet();
    const door = await fleet.addDoor('a');
    await report(fleet, door, { group: fleet.group.group, version: 2 });
    await publishDeletion(fleet, 2);
    expect(prove(fleet).summary).toBe('1 of 1 proved');
  });

  it('is of one deletion, of a group, or of all', async () => {
    const fleet = await startFleet();
    const { addDoor, group, authority } = fleet;
    const door = await addDoor('a');
    await publishDeletion(fleet, 2);
    await publishDeletion(fleet, 5);
    await report(fleet, door, { group: group.group, version: 2 });
    expect(authority.state.deletions.map(({ number, version }) => [number, version])).toEqual([[1, 2], [2, 5]]); // prettier-ignore
    expect([1, 2].map((deletion) => prove(fleet, { deletion }).proved.length)).toEqual([1, 0]);
    expect(prove(fleet, { groupId: 'staff' }).proved).toHaveLength(0);
    expect(() => prove(fleet, { deletion: 3 })).toThrow('no deletion');
    expect(() => prove(fleet, { groupId: 'nobody' })).toThrow('does not share');
    const again = await startAuthority({ time: fleet.time, disk: authority.disk, log: fleet.log });
    expect(again.state.deletions).toEqual(authority.state.deletions);
    // Killed between a head and the note of its deletion, perhaps: the version that a start finds is to be proved.
    await again.reports.notePublished(group.group, { version: 6, root: root(6) });
    await again.reports.notePublished(group.group, { version: 7, root: root(7) });
    expect(again.state.deletions.slice(2).map(({ version, faces }) => [version, faces])).toEqual([[6, 0]]);
    expect(prove({ authority: again, time: fleet.time }).proved).toHaveLength(0);
  });

  it('is not asked of doors that were never given the group', async () => {
    const fleet = await startFleet();
    const { addDoor, authority, group } = fleet;
    const door = await addDoor('a');
    authority.groups.add('visitors', await authority.state.findFleetGroup('visitors'));
    const late = await addDoor('late');
    await authority.desk.approve(late.id, { groups: ['visitors'], actor: 'cli' });
    await publishDeletion(fleet, 2);
    // The late door had the group for a moment: it proves that it holds nothing of it any more.
    expect(prove(fleet).waiting.map(({ name }) => name)).toEqual(['a', 'late']);
    await report(fleet, late, undefined);
    expect(prove(fleet).proved).toEqual([]);
    await late.membership.read(fleet.log);
    await report(fleet, late, undefined);
    expect(prove(fleet).proved.map(({ name }) => name)).toEqual(['late']);
    await report(fleet, door, { group: group.group, version: 2 });
    expect(prove(fleet).summary).toBe('2 of 2 proved');
  });

  it('of a removed door is its farewell; without one it refuses from the time of its removal on', async () => {
    const fleet = await startFleet();
    const { addDoor, authority, time, log, group } = fleet;
    const [polite, silent] = [await addDoor('polite'), await addDoor('silent')];
    time.nowMs += HOUR_MS;
    for (const { id } of [polite, silent]) await authority.memberships.remove(id, { actor: 'cli' });
    await polite.membership.read(log);
    await report(fleet, polite, undefined, { isLeaving: true });
    time.nowMs += 10 * HOUR_MS;
    await publishDeletion(fleet, 2);
    const { proved, waiting, summary } = prove(fleet);
    expect(proved.map(({ name }) => name)).toEqual(['polite']);
    expect(waiting).toEqual([{ door: silent.id, name: 'silent', refusesFrom: '2026-11-29T13:00:00.000Z' }]);
    expect(summary).toBe('1 of 2 proved; 1 not heard since 2026-11-28T12:00:00Z, and it refuses from 2026-11-29T13:00:00Z'); // prettier-ignore
    expect(group.groupId).toBe('staff');
  });

  it('of a whole group is a device without it, under a membership without it', async () => {
    const fleet = await startFleet();
    const { addDoor, authority, log, group, time } = fleet;
    const door = await addDoor('a');
    await publishDeletion(fleet, 2);
    await report(fleet, door, { group: group.group, version: 2 });
    await authority.state.endFleetGroup(group.group);
    authority.groups.all.length = 0;
    time.nowMs += 1_000;
    await authority.memberships.publish();
    const at = new Date(time.nowMs).toISOString();
    await authority.state.noteDeletions([{ group: group.group, groupId: 'staff', version: 3, at, kind: 'group', faces: 7 }]); // prettier-ignore
    await report(fleet, door, undefined);
    expect(prove(fleet).proved).toEqual([]);
    await door.membership.read(log);
    await report(fleet, door, undefined);
    expect(prove(fleet, { groupId: 'staff' }).summary).toBe('1 of 1 proved');
    expect(await authority.state.findFleetGroup('staff')).not.toBe(group.group);
  });

  it('says so where no door was given anything', async () => {
    const fleet = await startFleet();
    await publishDeletion(fleet, 2);
    expect(prove(fleet)).toEqual({ proved: [], waiting: [], summary: 'No door was given a copy.' });
  });
});

describe('the status of a door', () => {
  it('says how far it is behind, and what is wrong, before anybody stands before it', async () => {
    const fleet = await startFleet();
    const { addDoor, authority, group, time, log } = fleet;
    const door = await addDoor('front');
    const other = await addDoor('back');
    const issuedAt = new Date(START_MS).toISOString();
    const published = { groupId: 'staff', modelVersion: 'v1', version: 4, issuedAt };
    const list = (change: Partial<typeof published> = {}) =>
      listDoorStatus(authority.state, { groups: [{ ...published, ...change }], nowMs: time.nowMs });
    const find = (name: string, change = {}) => list(change).find((one) => one.name === name);
    expect(find('front')).toMatchObject({ state: 'approved', problems: ['The door has not reported yet.'], groups: [{ groupId: 'staff', version: 0, state: 'missing' }] }); // prettier-ignore
    await report(fleet, door, { group: group.group, version: 4 });
    await report(fleet, other, { group: group.group, version: 1, atMs: START_MS - 30_000 }, { refusals: { forged: 2 }, problems: ['The camera is away.'], health: 'degraded' }); // prettier-ignore
    expect(find('front')).toEqual({
      id: door.id,
      name: 'front',
      fingerprint: door.joined.fingerprint,
      state: 'approved',
      joinedAt: issuedAt,
      approvedAt: issuedAt,
      lastSeenAt: issuedAt,
      lagVersions: 0,
      lagSeconds: 0,
      softwareVersion: '0.5.0',
      models: ['v1'],
      health: 'ok',
      problems: [],
      groups: [{ groupId: 'staff', version: 4, state: 'current' }],
    });
    expect(find('back')).toMatchObject({
      lagVersions: 3,
      lagSeconds: 30,
      health: 'degraded',
      groups: [{ state: 'behind' }],
      problems: ['The door has refused what the log showed it: forged, 2 times.', 'The camera is away.'],
    });
    expect(find('front', { modelVersion: 'v2' })).toMatchObject({
      groups: [{ state: 'unusable' }],
      problems: ['The door does not have the models v2 of the group staff.'],
    });
    await report(fleet, door, { group: group.group, version: 4, state: 'stale' });
    expect(find('front')?.problems).toEqual(['The door grants nobody of the group staff: it has heard nothing fresh.']);
    time.nowMs += 2 * HOUR_MS;
    expect(find('back')?.problems[0]).toBe('The door has not reported for 2 hours.');
    await authority.memberships.remove(door.id, { actor: 'cli' });
    expect(find('front')).toMatchObject({ state: 'removed', groups: [], problems: ['The removal is not complete: it goes on by itself.'] }); // prettier-ignore
    await door.membership.read(log);
  });
});
