// A fleet whose log lies: what somebody with access to it shows, what a door says of it, what it writes into its audit log, and what it keeps.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemTimers } from '../../src/domain/time.js';
import { FolderLog } from '../../src/fleet/folder-log.js';
import { nameHead, nameMembership, nameRecords } from '../../src/fleet/subjects.js';
import { startMember, type Member } from '../../tools/fleet/member.js';
import { makeNumberedFace } from '../../tools/fleet/member-requests.js';

const MODEL = 'm1';
const BY = { actor: 'cli' };
/** What the authority writes, in an order in which a copy of it is whole at the end. */
const WRITTEN = ['group', 'welcome', 'member', 'answer', 'head'];

type Values = Map<string, Buffer>;

/** The log as the door will see it, and what an attacker has: an earlier state, and both groups. */
interface Scene {
  values: Values;
  earlier: Values;
  staff: string;
  guests: string;
  /** Subjects of records of staff that the door does not have yet. */
  fresh: string[];
}

const LIES: readonly [attack: string, lie: (scene: Scene) => void, detail: RegExp, reason?: string][] = [
  [
    'an older head is replayed',
    ({ values, earlier, staff }) => copy(values, nameHead(staff), earlier.get(nameHead(staff))),
    /refused \(rollback\)/,
    'rollback',
  ],
  [
    'everything is put back to an older state',
    ({ values, earlier }) => earlier.forEach((value, subject) => values.set(subject, value)),
    /refused \(rollback\)/,
    'rollback',
  ],
  [
    'a head that somebody else has signed',
    ({ values, staff }) =>
      change(values, nameHead(staff), (head) => Buffer.concat([randomBytes(64), head.subarray(64)])),
    /refused \(forged\)/,
    'forged',
  ],
  [
    'a head in which one bit is changed',
    ({ values, staff }) => change(values, nameHead(staff), (head) => flip(head, head.length - 20)),
    /refused \(forged\)/,
    'forged',
  ],
  [
    'the head of another group',
    ({ values, staff, guests }) => copy(values, nameHead(staff), values.get(nameHead(guests))),
    /refused \(other-group\)/,
    'other-group',
  ],
  [
    'two records that are swapped',
    ({ values, fresh: [a = '', b = ''] }) => {
      const first = values.get(a);
      copy(values, a, values.get(b));
      copy(values, b, first);
    },
    /other records/,
    'altered',
  ],
  [
    'a record under another id',
    ({ values, fresh: [a = '', b = ''] }) => copy(values, a, values.get(b)),
    /other records/,
    'altered',
  ],
  [
    'a record of another group',
    ({ values, guests, fresh: [a = ''] }) => copy(values, a, findRecord(values, guests)),
    /other records/,
    'altered',
  ],
  // Nothing shows that somebody did it: a server that lost its store looks the same.
  ['a record that is hidden', ({ values, fresh: [a = ''] }) => void values.delete(a), /lacks a part/],
  ['a head that is hidden', ({ values, staff }) => void values.delete(nameHead(staff)), /does not have this group/],
];

describe('a fleet whose log lies', () => {
  let folder: string;
  let authority: Member;
  let door: Member;
  /** The folder in which the authority writes, and the one that the door reads: this test carries between them. */
  let written: FolderLog;
  let shown: FolderLog;
  let earlier: Values;
  let lastNumber = 0;
  const there: number[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lintel-hostile-'));
    [written, shown] = ['written', 'shown'].map((name) => openFolder(join(folder, name))) as [FolderLog, FolderLog];
    authority = await start('office', { role: 'authority', folder: join(folder, 'written'), renewSeconds: 600 });
    door = await start('entrance', { role: 'door', folder: join(folder, 'shown'), renewSeconds: 1 });
    for (const groupId of ['staff', 'guests']) await authority.gallery.createGroup(authority.makeRef(groupId), MODEL);
    await enrol('guests', 2);
    await enrol('staff', 2);
    const { token } = await authority.fleet.admin.invite(BY);
    await door.fleet.admin.join(token, BY);
    await until(async () => {
      for await (const { subject, value } of shown.readAll('join')) await written.put(subject, value);
      return authority.fleet.admin.status().doors.length === 1;
    });
    await authority.fleet.admin.approve('entrance', BY);
    await carryUntilCurrent();
    earlier = await readValues();
    await enrol('staff', 1);
    await carryUntilCurrent();
  }, 60_000);

  afterAll(async () => {
    await door?.stop();
    await authority?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(name: string, fleet: Record<string, unknown>): Promise<Member> {
    return startMember({ folder: join(folder, name), name, fleet, modelVersions: [MODEL] });
  }

  /** Enrols people at the authority, and waits until its log has them. */
  async function enrol(groupId: string, count: number): Promise<void> {
    const numbers = Array.from({ length: count }, () => ++lastNumber);
    if (groupId === 'staff') there.push(...numbers);
    await authority.gallery.enrol(authority.makeRef(groupId), numbers.map(makeNumberedFace));
    const { faceCount } = authority.gallery.group(authority.makeRef(groupId));
    await until(() =>
      authority.fleet.admin
        .status()
        .groups.some((group) => group.groupId === groupId && group.records === faceCount && group.state === 'current'),
    );
  }

  async function readValues(): Promise<Values> {
    const values: Values = new Map();
    for (const prefix of WRITTEN) {
      for await (const { subject, value } of written.readAll(prefix)) values.set(subject, value);
    }
    return values;
  }

  /** Shows the door these values and no others. */
  async function show(values: Values): Promise<void> {
    for (const prefix of WRITTEN) {
      for await (const subject of shown.list(prefix)) if (!values.has(subject)) await shown.remove(subject);
    }
    for (const [subject, value] of values) {
      if (!(await shown.get(subject))?.equals(value)) await shown.put(subject, value);
    }
  }

  function describeStaff(member: Member) {
    return member.fleet.admin.status().groups.find(({ groupId }) => groupId === 'staff');
  }

  /** Shows the door the truth, until it has everything. */
  async function carryUntilCurrent(): Promise<void> {
    await until(async () => {
      await show(await readValues());
      const found = describeStaff(door);
      return found?.state === 'current' && found.root === describeStaff(authority)?.root;
    });
  }

  async function listAttacks(): Promise<Record<string, unknown>[]> {
    const { records } = await door.audit.list({ action: 'fleet.attacked' }, { limit: 100 });
    return records.map(({ subject }) => subject as Record<string, unknown>).reverse();
  }

  async function listStaff(): Promise<string[]> {
    const { items } = await door.gallery.listFaces(door.makeRef('staff'), { limit: 200 });
    return items.map(({ faceId }) => faceId).sort();
  }

  it.each(LIES)(
    '%s: refused, declared, audited, and over with the lie',
    async (_, lie, detail, reason) => {
      const had = await listStaff();
      const attacks = await listAttacks();
      const before = describeStaff(door);
      await enrol('staff', 2);
      const values = await readValues();
      const [staff, guests] = ['staff', 'guests'].map(
        (groupId) => door.gallery.copies.list().find(({ ref }) => ref.groupId === groupId)?.group ?? '',
      ) as [string, string];
      const fresh: string[] = [];
      for (const subject of values.keys()) {
        if (subject.startsWith(`${nameRecords(staff)}.`) && !(await shown.get(subject))) fresh.push(subject);
      }
      expect(fresh).toHaveLength(2);
      lie({ values, earlier, staff, guests, fresh });
      await show(values);

      // Declared: the door says that it is behind, and why.
      await until(() => {
        const found = describeStaff(door);
        return found?.state === 'behind' && detail.test(found.detail ?? '');
      });
      // Audited, once.
      const expected =
        reason === undefined ? [] : [expect.objectContaining({ what: 'head', groupId: 'staff', reason })];
      await expect.poll(async () => (await listAttacks()).slice(attacks.length), { timeout: 15_000 }).toEqual(expected);
      // Refused: the copy is what it was, and serves.
      expect(await listStaff()).toEqual(had);
      expect(describeStaff(door)).toMatchObject({ version: before?.version, root: before?.root });
      expect(door.fleet.isStale(door.makeRef('staff'))).toBe(false);
      if (reason !== undefined)
        expect(door.fleet.admin.status().counts?.refusedHeads?.[reason]).toBeGreaterThanOrEqual(1);

      await carryUntilCurrent();
      expect(await listStaff()).toHaveLength(there.length);
      expect((await listAttacks()).slice(attacks.length)).toEqual(expected);
    },
    40_000,
  );

  it.each([
    ['replayed', (member: string) => earlier.get(member)],
    ['sealed-otherwise', () => randomBytes(400)],
  ])(
    'a membership that is %s: refused, audited, and the copies go on',
    async (reason, find) => {
      // A new group makes a new membership, which the door takes first.
      await authority.gallery.createGroup(authority.makeRef(`group-${reason}`), MODEL);
      await until(async () => {
        await show(await readValues());
        return door.gallery.copies.list().some(({ ref }) => ref.groupId === `group-${reason}`);
      });
      const attacks = await listAttacks();
      const copies = door.gallery.copies.list().length;
      const values = await readValues();
      const member = nameMembership(authority.fleet.admin.status().doors[0]?.id ?? '');
      copy(values, member, find(member));
      await show(values);
      const expected = [expect.objectContaining({ what: 'membership', reason })];
      await expect.poll(async () => (await listAttacks()).slice(attacks.length), { timeout: 15_000 }).toEqual(expected);
      expect(door.gallery.copies.list()).toHaveLength(copies);
      expect(describeStaff(door)?.state).toBe('current');
      await enrol('staff', 1);
      await carryUntilCurrent();
    },
    40_000,
  );
});

describe('a fleet whose log stands still', () => {
  it('has its head refused when it has expired, and the door grants nobody until a fresh one comes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lintel-frozen-'));
    const start = (name: string, fleet: Record<string, unknown>): Promise<Member> =>
      startMember({
        folder: join(folder, name),
        name,
        fleet: { folder: join(folder, 'log'), ...fleet },
        modelVersions: [MODEL],
      });
    // Heads live for 3.6 s.
    const section = { role: 'authority', renewSeconds: 1, maxStaleHours: 0.001 };
    let authority = await start('office', section);
    const door = await start('entrance', { role: 'door', renewSeconds: 1 });
    try {
      await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
      await authority.gallery.enrol(authority.makeRef('staff'), [makeNumberedFace(1)]);
      await door.fleet.admin.join((await authority.fleet.admin.invite(BY)).token, BY);
      await until(() => authority.fleet.admin.status().doors.length === 1);
      await authority.fleet.admin.approve('entrance', BY);
      const read = () => door.fleet.admin.status().groups[0];
      await until(() => read()?.records === 1 && read()?.state === 'current');
      await authority.stop();
      await until(() => read()?.state === 'stale');
      expect(door.fleet.isStale(door.makeRef('staff'))).toBe(true);
      expect(read()?.detail).toMatch(/Nothing fresh was heard since .+, so this copy grants nobody\./);
      await expect
        .poll(
          async () => {
            const { records } = await door.audit.list({ action: 'fleet.attacked' }, { limit: 10 });
            return records.map(({ subject }) => subject);
          },
          { timeout: 15_000 },
        )
        .toEqual([expect.objectContaining({ what: 'head', groupId: 'staff', reason: 'expired' })]);
      expect(read()?.records).toBe(1);
      authority = await start('office', section);
      await until(() => read()?.state === 'current');
    } finally {
      await door.stop();
      await authority.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});

/** Also for `beforeAll`. */
async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await check()).toBe(true), { timeout: 20_000, interval: 20 });
}

function openFolder(folder: string): FolderLog {
  return new FolderLog({ folder, pollMs: 1_000, timers: systemTimers, newId: randomUUID });
}

function copy(values: Values, subject: string, value: Buffer | undefined): void {
  if (!value) throw new TypeError(`nothing to show as ${subject}`);
  values.set(subject, value);
}

function change(values: Values, subject: string, make: (value: Buffer) => Buffer): void {
  copy(values, subject, make(Buffer.from(values.get(subject) ?? [])));
}

function flip(value: Buffer, place: number): Buffer {
  value[place]! ^= 1;
  return value;
}

function findRecord(values: Values, group: string): Buffer | undefined {
  return [...values].find(([subject]) => subject.startsWith(`${nameRecords(group)}.`))?.[1];
}
