// What doors are given and what is taken back: keys of their groups alone, only newer letters, and a removal that ends whatever is killed.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIdentity, decodePublicKeys, newFleetId } from '../../src/fleet/identity.js';
import { FAREWELL_MS } from '../../src/fleet/memberships.js';
import { writeReport } from '../../src/fleet/report.js';
import { writeLetter, type LetterDraft, type LetterRefusal } from '../../src/fleet/signed-letter.js';
import { nameMembership, nameReport } from '../../src/fleet/subjects.js';
import { Fuse, listActions, listEntries, makeReport, openDisk, START_MS, startAuthority, startDoor, startFleet, type TestAuthority } from './members.js'; // prettier-ignore

const FAREWELL = makeReport({ isLeaving: true });

describe('a membership', () => {
  it('is written again when something in it changes, and only then', async () => {
    const { time, log, authority, addDoor, group } = await startFleet();
    const [front, back] = [await addDoor('front'), await addDoor('back')];
    expect(await authority.memberships.publish()).toBe(0);
    authority.groups.begin('staff');
    time.nowMs += 1_000;
    expect(await authority.memberships.publish()).toBe(2);
    expect(await front.membership.read(log)).toEqual({ outcome: 'changed' });
    expect(front.joined.findEpochKey(group.group, 2)).toEqual(group.epochKeys.get(2));
    expect(front.joined.findEpochKey(group.group, 1)).toBeUndefined();
    expect(await front.membership.read(log)).toEqual({ outcome: 'unchanged' });
    expect(await authority.memberships.publish({ again: true })).toBe(2);
    expect(await front.membership.read(log)).toEqual({ outcome: 'unchanged' });
    expect(await back.membership.read(log)).toEqual({ outcome: 'changed' });
  });

  it('holds the keys since the door was given the group, and of its groups alone', async () => {
    const { log, authority, addDoor, group } = await startFleet();
    const visitors = authority.groups.add('visitors', await authority.state.findFleetGroup('visitors'));
    group.epoch = 2;
    group.epochKeys.set(2, randomBytes(32)).set(3, randomBytes(32));
    const door = await addDoor('front');
    const keys = (id: string): unknown => [1, 2, 3].map((epoch) => door.joined.findEpochKey(id, epoch) !== undefined);
    expect([keys(group.group), keys(visitors.group)]).toEqual([[false, true, true], [true, false, false]]); // prettier-ignore
    await authority.desk.approve(door.id, { groups: ['visitors'], actor: 'cli' });
    expect(await door.membership.read(log)).toEqual({ outcome: 'changed' });
    expect([keys(group.group), keys(visitors.group)]).toEqual([[false, false, false], [true, false, false]]); // prettier-ignore
    expect((await listEntries(authority.disk)).at(-1)).toMatchObject(['fleet.approved', 'cli', { door: door.id, groups: 'visitors' }]); // prettier-ignore
  });

  it('goes on above what a door has seen, after the authority was put back to an older state', async () => {
    const { time, log, authority, addDoor } = await startFleet();
    const door = await addDoor('front');
    const before = authority.state.door(door.id)!;
    authority.groups.begin('staff');
    time.nowMs += 1_000;
    await authority.memberships.publish();
    await door.membership.read(log);
    // The older state and the older keys, and no word of what has been since.
    await authority.state.change(() => ({ change: { doors: [before] }, result: undefined }));
    const restored = await startAuthority({ time, disk: authority.disk, log, groups: authority.groups });
    restored.groups.begin('staff');
    time.nowMs -= 3_600_000;
    await restored.memberships.publish({ again: true });
    expect(await door.membership.read(log)).toMatchObject({ outcome: 'refused', refusal: 'replayed' });
    await log.put(nameReport(door.id), await writeReport(door.joined, { ...FAREWELL, isLeaving: false }));
    expect(await restored.reports.receive(door.id)).toBeDefined();
    expect(await door.membership.read(log)).toEqual({ outcome: 'changed' });
    expect(await listActions(door.disk)).toEqual(['fleet.joined', 'fleet.approved', 'fleet.attacked']);
  });

  it.each<[string, LetterRefusal, (a: TestAuthority, door: { id: string; other: Buffer; old: Buffer }) => Buffer]>([
    ['forged by somebody with the id of the authority', 'forged', (a, { id }) => write(createIdentity(a.state.fleet), a, id)], // prettier-ignore
    ['for another door', 'sealed-otherwise', (_, { other }) => other],
    ['for another door, sealed for this one', 'other-reader', (a, { id }) => write(a.state.identity, a, id, { to: newFleetId() })], // prettier-ignore
    ['of another fleet', 'other-fleet', (a, { id }) => write(a.state.identity, a, id, { fleet: newFleetId() })],
    ['from an older time', 'replayed', (_, { old }) => old],
    ['that was another letter', 'sealed-otherwise', (a, { id }) => write(a.state.identity, a, id, { kind: 'welcome' })],
    ['of an unknown form', 'malformed', (a, { id }) => write(a.state.identity, a, id, { body: { state: 'king' } })],
    ['of random bytes', 'sealed-otherwise', () => randomBytes(500)],
  ])('%s is refused, and audited once', async (_, refusal, make) => {
    const { time, log, authority, addDoor, group } = await startFleet();
    const [door, other] = [await addDoor('front'), await addDoor('back')];
    const subject = nameMembership(door.id);
    const old = (await log.get(subject))!;
    authority.groups.begin('staff');
    time.nowMs += 1_000;
    await authority.memberships.publish();
    await door.membership.read(log);
    const otherLetter = (await log.get(nameMembership(other.id)))!;
    await log.put(subject, make(authority, { id: door.id, other: otherLetter, old }));
    for (let i = 0; i < 3; i++) expect(await door.membership.read(log)).toEqual({ outcome: 'refused', refusal });
    expect(door.joined.findEpochKey(group.group, 2)).toEqual(group.epochKeys.get(2));
    expect(door.membership.refusals).toEqual({ [refusal]: 3 });
    expect((await listEntries(door.disk)).slice(2)).toEqual([
      ['fleet.attacked', 'fleet', { fleet: authority.state.fleet, what: 'membership', reason: refusal }],
    ]);
    await authority.memberships.publish({ again: true });
    expect(await door.membership.read(log)).toEqual({ outcome: 'unchanged' });
  });
});

/** Writes a membership as an attacker would. `to`: id of the reader in the letter. */
function write(
  from: ReturnType<typeof createIdentity>,
  { state }: TestAuthority,
  id: string,
  { to = id, ...change }: Partial<LetterDraft> & { to?: string } = {},
): Buffer {
  const membership = { state: 'approved', authority: 'x', groups: [], connection: { servers: [] }, events: 'none', maxStaleHours: 1 }; // prettier-ignore
  const door = state.door(id)!;
  const reader = decodePublicKeys(to, door.keys);
  const draft = { kind: 'membership', fleet: state.fleet, sequence: START_MS * 2, issuedAt: new Date(START_MS).toISOString(), body: membership } as const; // prettier-ignore
  return writeLetter(from, reader, { ...draft, ...change });
}

describe('a door that is removed', () => {
  it('deletes, and its credentials are revoked once it has said so; new epochs begin at once', async () => {
    const { time, log, authority, addDoor, group } = await startFleet();
    const [door, other] = [await addDoor('front'), await addDoor('back')];
    const removed = await authority.memberships.remove(door.id, { actor: 'admin:ann' });
    expect(removed).toMatchObject({ state: 'removed', removal: { isRevoked: false, groups: ['staff'] } });
    expect(await authority.memberships.finishRemovals()).toBe(FAREWELL_MS);
    expect([authority.begun, authority.revoked, group.epoch]).toEqual([['staff'], [], 2]);
    expect(await door.membership.read(log)).toEqual({ outcome: 'removed' });
    expect([door.joined.state, door.joined.membership]).toEqual(['removed', undefined]);
    expect([1, 2].map((epoch) => door.joined.findEpochKey(group.group, epoch))).toEqual([undefined, undefined]);
    expect(door.joined.connection?.credentials).toBe(`door ${door.id}`);
    expect(await other.membership.read(log)).toEqual({ outcome: 'changed' });
    expect(other.joined.findEpochKey(group.group, 2)).toEqual(group.epochKeys.get(2));

    await log.put(nameReport(door.id), await writeReport(door.joined, FAREWELL));
    await authority.reports.receive(door.id);
    expect(await authority.memberships.finishRemovals()).toBeUndefined();
    expect(authority.revoked).toEqual([door.id]);
    expect(authority.state.door(door.id)).not.toHaveProperty('credentials');
    expect(await authority.memberships.finishRemovals()).toBeUndefined();
    expect(authority.revoked).toEqual([door.id]);
    expect((await listEntries(authority.disk)).at(-1)).toMatchObject(['fleet.removed', 'admin:ann', { door: door.id }]);
    expect(await listActions(door.disk)).toEqual(['fleet.joined', 'fleet.approved', 'fleet.removed']);
    expect(time.nowMs).toBe(START_MS);
  });

  it('and is not heard any more is revoked after a short time', async () => {
    const { time, authority, addDoor } = await startFleet();
    const door = await addDoor('front');
    await authority.memberships.remove(door.id, { actor: 'cli' });
    await authority.memberships.finishRemovals();
    time.nowMs += FAREWELL_MS;
    expect(await authority.memberships.finishRemovals()).toBeUndefined();
    expect(authority.revoked).toEqual([door.id]);
  });

  it('is removed whatever write the authority is killed at', async () => {
    for (const kill of ['before', 'after'] as const) {
      for (let writes = 0; ; writes++) {
        const { time, log, authority, addDoor, group } = await startFleet();
        const door = await addDoor('front');
        const fuse = new Fuse();
        const revoked: string[][] = [];
        /** All of a removal, from what the disk holds. */
        const run = async (): Promise<TestAuthority> => {
          const again = await startAuthority({ time, disk: authority.disk, log, groups: authority.groups, fuse });
          revoked.push(again.revoked);
          await again.memberships.publish();
          await again.memberships.remove(door.id, { actor: 'cli' });
          await again.memberships.finishRemovals();
          time.nowMs += FAREWELL_MS;
          await again.memberships.finishRemovals();
          return again;
        };
        Object.assign(fuse, { left: writes, kill });
        const killed = await run().then(
          () => 'not killed',
          (error: Error) => error.message,
        );
        fuse.left = Infinity;
        const again = await run();
        const where = `killed ${kill} write ${writes}: ${killed}`;
        expect(again.state.door(door.id), where).toMatchObject({ state: 'removed' });
        expect(again.state.door(door.id), where).not.toHaveProperty('removal');
        expect(revoked.flat(), where).toContain(door.id);
        expect(group.epoch, where).toBeGreaterThan(1);
        expect(await door.membership.read(log), where).toEqual({ outcome: 'removed' });
        expect(
          (await listActions(authority.disk)).filter((one) => one === 'fleet.removed'),
          where,
        ).toHaveLength(1);
        if (killed !== 'killed') break;
      }
    }
  });

  it('by itself is removed from the list, and can join again', async () => {
    const { time, log, authority, addDoor } = await startFleet();
    const door = await addDoor('front');
    await log.put(nameReport(door.id), await writeReport(door.joined, FAREWELL));
    await door.joined.leave({ actor: 'cli' });
    await authority.reports.receiveAll();
    expect(authority.state.door(door.id)?.state).toBe('removed');
    await authority.memberships.finishRemovals();
    expect([authority.revoked, authority.begun]).toEqual([[door.id], ['staff']]);
    expect((await listEntries(authority.disk)).at(-1)).toMatchObject(['fleet.left', 'fleet', { door: door.id }]);
    const again = await startDoor({ time, disk: door.disk, log, name: 'front' });
    const { token } = await authority.invites.invite({ actor: 'cli' });
    await again.join.begin(token, { actor: 'cli' });
    await again.step();
    expect(await authority.desk.receive()).toHaveLength(1);
    expect(authority.state.findDoor('front').state).toBe('waiting');
  });

  it('before it was approved is to be refused instead, and an unknown one is not found', async () => {
    const { time, log, authority } = await startFleet();
    const door = await startDoor({ time, disk: await openDisk(time), log });
    const { token } = await authority.invites.invite({ actor: 'cli' });
    const { door: id } = await door.join.begin(token, { actor: 'cli' });
    await door.step();
    await authority.desk.receive();
    await expect(authority.memberships.remove(id, { actor: 'cli' })).rejects.toMatchObject({ code: 'FLEET_CONFLICT' });
    expect(authority.state.findDoor(id.slice(0, 6)).id).toBe(id);
    for (const name of ['nobody', '', id.slice(0, 3)]) expect(() => authority.state.findDoor(name)).toThrow('no door');
  });
});
