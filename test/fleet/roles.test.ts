import { randomBytes } from 'node:crypto';
import { renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PublishedGroups } from '../../src/fleet/published-groups.js';
import { startMember, type Member } from '../../tools/fleet/member.js';
import { makeNumberedFace } from '../../tools/fleet/member-requests.js';
import { anything } from '../gallery/faces.js';
import { eventually } from '../events/support.js';
import { tempDir } from '../support/temp-dir.js';

const MODEL = 'm1';
const BY = { actor: 'cli' };

let folder: string;
let members: Member[];

beforeEach(() => {
  folder = tempDir();
  members = [];
});

afterEach(async () => {
  for (const member of members.toReversed()) await member.stop();
});

async function start(name: string, section: Record<string, unknown>): Promise<Member> {
  const member = await startMember({
    folder: join(folder, name),
    name,
    fleet: { folder: join(folder, 'log'), renewSeconds: 1, ...section },
    modelVersions: [MODEL],
  });
  members.push(member);
  return member;
}

const startAuthority = (section = {}) => start('office', { role: 'authority', ...section });

async function stop(member: Member): Promise<void> {
  members.splice(members.indexOf(member), 1);
  await member.stop();
}

async function joinDoor(authority: Member, name: string, section = {}): Promise<Member> {
  const door = await start(name, { role: 'door', ...section });
  const { token, fingerprint } = await authority.fleet.admin.invite(BY);
  const asked = await door.fleet.admin.join(token, BY);
  expect(asked.authorityFingerprint).toBe(fingerprint);
  await eventually(() => authority.fleet.admin.status().doors.some(({ id }) => id === asked.door));
  await authority.fleet.admin.approve(name, BY);
  await eventually(() => door.fleet.admin.status().joining?.state === 'approved');
  return door;
}

function find(member: Member, number: number): string | undefined {
  const { embedding } = makeNumberedFace(number);
  const matches = member.gallery.searchByEmbedding(
    member.makeRef('staff'),
    { embedding },
    { ...anything, limit: 1, threshold: 99.9 },
  );
  return matches[0]?.face.faceId;
}

async function enrol(authority: Member, ...numbers: number[]): Promise<string[]> {
  const { enrolled } = await authority.gallery.enrol(authority.makeRef('staff'), numbers.map(makeNumberedFace));
  return enrolled.map(({ faceId }) => faceId);
}

const isCurrent = (door: Member, faces: number): boolean =>
  door.fleet.admin.status().groups.some(({ state, records }) => state === 'current' && records === faces);

describe('an authority and its doors', () => {
  it('share a group: what is enrolled is found at the doors, and what is deleted is found nowhere', async () => {
    const authority = await startAuthority();
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    const [first] = await enrol(authority, 1, 2);
    const entrance = await joinDoor(authority, 'entrance');
    const yard = await joinDoor(authority, 'yard');
    for (const door of [entrance, yard]) await eventually(() => isCurrent(door, 2));
    expect(find(entrance, 1)).toBe(first);

    const [third] = await enrol(authority, 3);
    for (const door of [entrance, yard]) await eventually(() => isCurrent(door, 3));
    expect(find(yard, 3)).toBe(third);

    await authority.gallery.deleteFace(authority.makeRef('staff'), first!);
    for (const door of [entrance, yard]) await eventually(() => isCurrent(door, 2));
    expect(find(entrance, 1)).toBeUndefined();
    await eventually(async () => (await authority.fleet.admin.proof({})).proved.length === 2);
    expect((await authority.fleet.admin.proof({ groupId: 'staff' })).summary).toBe('2 of 2 proved');
  });

  it('go on after restarts of each, and make up for what happened meanwhile', async () => {
    let authority = await startAuthority();
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    const [first] = await enrol(authority, 1);
    let door = await joinDoor(authority, 'entrance');
    await eventually(() => isCurrent(door, 1));
    await stop(door);
    await enrol(authority, 2);
    await authority.gallery.deleteFace(authority.makeRef('staff'), first!);
    await stop(authority);
    door = await start('entrance', { role: 'door' });
    authority = await startAuthority();
    // The log may still show the version with both: the deletion was published before the stop, or after the start.
    await eventually(() => find(door, 2) !== undefined && find(door, 1) === undefined);
    const readVersion = (one: Member): number | undefined => one.fleet.admin.status().groups[0]?.version;
    await eventually(() => readVersion(door) === readVersion(authority));
  });

  it('delete a group at the doors when it is deleted, and take one of the same name anew', async () => {
    const authority = await startAuthority();
    const ref = authority.makeRef('staff');
    await authority.gallery.createGroup(ref, MODEL);
    await enrol(authority, 1);
    const door = await joinDoor(authority, 'entrance');
    await eventually(() => isCurrent(door, 1));
    await authority.gallery.deleteGroup(ref);
    await eventually(() => door.gallery.copies.list().length === 0);
    await authority.gallery.createGroup(ref, MODEL);
    await enrol(authority, 2, 3);
    await eventually(() => isCurrent(door, 2));
    expect(find(door, 1)).toBeUndefined();
  });

  it('take a group made anew also where the deletion of the old one was not over at a restart', async () => {
    let authority = await startAuthority();
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    await enrol(authority, 1);
    const door = await joinDoor(authority, 'entrance');
    await eventually(() => isCurrent(door, 1));
    const log = join(folder, 'log');
    renameSync(log, `${log}-away`);
    writeFileSync(log, 'no folder');
    await authority.gallery.deleteGroup(authority.makeRef('staff'));
    // The keys are destroyed, and the log could not be told so.
    await eventually(async () => {
      const published = new PublishedGroups({ store: authority.store, randomBytes });
      await published.open();
      return published.list().every(({ facts }) => facts.isDeleted);
    });
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    await enrol(authority, 2, 3);
    await stop(authority);
    authority = await startAuthority();
    unlinkSync(log);
    renameSync(`${log}-away`, log);
    await eventually(() => isCurrent(door, 2), 20_000);
    expect(find(door, 1)).toBeUndefined();
    expect(find(door, 2)).toBeDefined();
  });

  it('part: a removed door deletes its copies, and the others go on in a new epoch', async () => {
    const authority = await startAuthority();
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    await enrol(authority, 1);
    const entrance = await joinDoor(authority, 'entrance');
    const yard = await joinDoor(authority, 'yard');
    for (const door of [entrance, yard]) await eventually(() => isCurrent(door, 1));
    await authority.fleet.admin.remove('yard', BY);
    await eventually(() => yard.fleet.admin.status().joining?.state === 'removed');
    await eventually(() => yard.gallery.copies.list().length === 0);
    await enrol(authority, 2);
    await eventually(() => isCurrent(entrance, 2));
    expect(entrance.fleet.admin.status().groups[0]?.epoch).toBe(2);
  });

  it('grant nothing from a copy that is too old', async () => {
    const authority = await startAuthority({ maxStaleHours: 1 });
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    await enrol(authority, 1);
    const door = await joinDoor(authority, 'entrance', { maxStaleHours: 0.001 });
    await eventually(() => isCurrent(door, 1));
    const ref = door.makeRef('staff');
    expect(door.fleet.isStale(ref)).toBe(false);
    await stop(authority);
    // 3.6 seconds without a fresh head.
    await eventually(() => door.fleet.isStale(ref));
    expect(door.fleet.admin.status().groups[0]?.state).toBe('stale');
    await startAuthority({ maxStaleHours: 1 });
    await eventually(() => !door.fleet.isStale(ref));
  });

  it('refuse what is for the other role, and a door refuses changes of a copy', async () => {
    const authority = await startAuthority();
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    const door = await joinDoor(authority, 'entrance');
    await eventually(() => isCurrent(door, 0));
    await expect(door.fleet.admin.invite(BY)).rejects.toMatchObject({ code: 'FLEET_ROLE' });
    await expect(authority.fleet.admin.leave(BY)).rejects.toMatchObject({ code: 'FLEET_ROLE' });
    await expect(door.gallery.enrol(door.makeRef('staff'), [makeNumberedFace(1)])).rejects.toMatchObject({
      code: 'GROUP_READ_ONLY',
      message: expect.stringContaining('office') as string,
    });
    await door.fleet.admin.leave(BY);
    expect(door.gallery.copies.list()).toEqual([]);
    await eventually(() => authority.fleet.admin.status().doors[0]?.state === 'removed');
  });

  it('start without a way to the log, and say so', async () => {
    const authority = await startAuthority();
    await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
    const door = await joinDoor(authority, 'entrance');
    await eventually(() => isCurrent(door, 0));
    await stop(door);
    // The folder lies elsewhere now, and the configuration names a server that this fleet never had.
    const lost = await start('entrance', { role: 'door', folder: undefined, servers: ['tls://127.0.0.1:9'] });
    expect(lost.fleet.admin.status()).toMatchObject({ role: 'door', joining: { state: 'approved' } });
    expect(lost.fleet.isStale(lost.makeRef('staff'))).toBe(true);
  });
});
