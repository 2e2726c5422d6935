// How a door joins a fleet: from the token to the membership, whatever is killed on the way, and whoever else tries.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIdentity, encodePublicKeys, newFleetId, publishIdentity } from '../../src/fleet/identity.js';
import { decodeToken, encodeToken, INVITE_LIFE_MS, proveInvite, type InviteToken } from '../../src/fleet/invites.js';
import { writeLetter } from '../../src/fleet/signed-letter.js';
import { nameJoin, nameWelcome } from '../../src/fleet/subjects.js';
import { readContents, temporaryDirectory } from '../store/support.js';
import {
  Fuse,
  Groups,
  listActions,
  listEntries,
  openDisk,
  openFolderLog,
  START_MS,
  startAuthority,
  startDoor,
  startFleet,
  Time,
  type TestAuthority,
} from './members.js';

const invalid: unknown = expect.objectContaining({ code: 'TOKEN_INVALID' });

async function makeToken({ invites }: TestAuthority): Promise<InviteToken> {
  return decodeToken((await invites.invite({ actor: 'cli' })).token, START_MS);
}

/** Writes a request to join as an attacker would, who may have a token. */
function writeRequest(
  token: InviteToken,
  { state }: TestAuthority,
  change: { identity?: ReturnType<typeof createIdentity>; secret?: string; join?: string; proof?: string; sealing?: string } = {}, // prettier-ignore
): Buffer {
  const { identity = createIdentity(), secret = token.secret, join = token.join } = change;
  const keys = { ...encodePublicKeys(publishIdentity(identity)), ...(change.sealing && { sealing: change.sealing }) };
  const proof = change.proof ?? proveInvite(secret, { fleet: token.fleet, join, door: identity.id, keys });
  const body = { name: 'back-door', softwareVersion: '0.5.0', models: [], keys, proof };
  const issuedAt = new Date(START_MS).toISOString();
  const draft = { kind: 'request', fleet: token.fleet, sequence: 1, issuedAt, body } as const;
  return writeLetter(identity, publishIdentity(state.identity), draft);
}

describe('a token', () => {
  it('brings a door the keys of the authority, and the way to the log', async () => {
    const { authority } = await startFleet();
    const { token, fingerprint, expiresAt } = await authority.invites.invite({ actor: 'admin:ann' });
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(fingerprint).toBe(authority.state.fingerprint);
    expect(Date.parse(expiresAt) - START_MS).toBe(INVITE_LIFE_MS);
    const read = decodeToken(`  ${token.slice(0, 40)}\n${token.slice(40)}\n`, START_MS);
    expect(read).toMatchObject({
      fleet: authority.state.fleet,
      authority: { name: 'head-office', keys: authority.state.keys },
      connection: { servers: ['tls://fleet.example.org:4222'], credentials: `invite ${read.join}` },
    });
    expect(await listEntries(authority.disk)).toEqual([
      ['fleet.founded', 'service', { fleet: authority.state.fleet, fingerprint }],
      ['fleet.invited', 'admin:ann', { invite: read.join, expiresAt }],
    ]);
  });

  it('with any letter changed, cut short, or of another form is refused', async () => {
    const { authority } = await startFleet();
    const { token } = await authority.invites.invite({ actor: 'cli' });
    const attempt = (text: string): unknown => {
      try {
        return decodeToken(text, START_MS);
      } catch (error) {
        return error;
      }
    };
    for (let at = 0; at < token.length; at += 7) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(attempt(token.slice(0, at) + other + token.slice(at + 1)), `letter ${at}`).toEqual(invalid);
      expect(attempt(token.slice(0, at)), `${at} letters`).toEqual(invalid);
    }
    const content = decodeToken(token, START_MS);
    const later = encodeToken({ ...content, version: 2 } as unknown as InviteToken);
    for (const text of ['', ' ', 'a token', `${token}AAAA`, 'A'.repeat(100_000), later]) {
      expect(attempt(text), text.slice(0, 20)).toEqual(invalid);
    }
    expect(() => decodeToken(token, START_MS + INVITE_LIFE_MS)).toThrow('The token has expired');
  });
});

describe('a door', () => {
  it('joins: it asks, waits, is approved, and has the keys of its groups', async () => {
    const { time, log, authority, group } = await startFleet();
    const door = await startDoor({ time, disk: await openDisk(time), log });
    const { token } = await authority.invites.invite({ actor: 'cli' });
    const begun = await door.join.begin(token, { actor: 'cli' });
    expect(begun).toMatchObject({ authority: 'head-office', authorityFingerprint: authority.state.fingerprint });
    expect(await door.step()).toBe('waiting');
    expect(door.join.detail).toBe('The authority has not answered yet.');
    const [waiting] = await authority.desk.receive();
    expect(waiting).toMatchObject({
      id: begun.door,
      name: 'front-door',
      fingerprint: begun.fingerprint,
      state: 'waiting',
    });
    expect(await authority.desk.receive()).toEqual([]);
    expect(await door.step()).toBe('waiting');
    expect(door.join.detail).toContain('somebody has to approve it');
    expect(door.joined.membership).toBeUndefined();
    expect(door.joined.findEpochKey(group.group, 1)).toBeUndefined();

    await authority.desk.approve(authority.state.findDoor('front-door').id, { actor: 'admin:ann' });
    expect(await door.step()).toBe('approved');
    expect(door.joined.connection?.credentials).toBe(`door ${begun.door}`);
    expect(door.joined.findEpochKey(group.group, 1)).toEqual(group.epochKeys.get(1));
    expect(door.joined.membership?.groups).toMatchObject([
      { group: group.group, groupId: 'staff', modelVersion: 'v1' },
    ]);
    expect(await door.membership.read(log)).toEqual({ outcome: 'unchanged' });
    expect(await listActions(authority.disk)).toEqual(['fleet.founded', 'fleet.invited', 'fleet.joined', 'fleet.approved']); // prettier-ignore
    expect(await listActions(door.disk)).toEqual(['fleet.joined', 'fleet.approved']);
    await expect(door.join.begin(token, { actor: 'cli' })).rejects.toMatchObject({ code: 'FLEET_CONFLICT' });
  });

  it('that is turned away knows it, and can join with another token', async () => {
    const { time, log, authority } = await startFleet();
    const door = await startDoor({ time, disk: await openDisk(time), log });
    const { token } = await authority.invites.invite({ actor: 'cli' });
    const { door: id } = await door.join.begin(token, { actor: 'cli' });
    await door.step();
    await authority.desk.receive();
    await authority.desk.refuse(id, { actor: 'cli' });
    expect(await door.step()).toBe('refused');
    expect(door.joined.membership).toBeUndefined();
    await expect(authority.desk.approve(id, { actor: 'cli' })).rejects.toMatchObject({ code: 'FLEET_CONFLICT' });
    await expect(door.join.begin(token, { actor: 'cli' })).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    const again = await authority.invites.invite({ actor: 'cli' });
    const second = await door.join.begin(again.token, { actor: 'cli' });
    expect(second.door).not.toBe(id);
    await door.step();
    expect(await authority.desk.receive()).toHaveLength(1);
    expect(authority.state.findDoor('front-door').id).toBe(second.door);
  });

  it('that joins or leaves leaves no key of its membership in its files', async () => {
    const { time, log, authority, group } = await startFleet();
    const folder = await temporaryDirectory();
    const door = await startDoor({ time, disk: await openDisk(time, folder), log });
    await expect(door.joined.leave({ actor: 'cli' })).resolves.toBeUndefined();
    const { token } = await authority.invites.invite({ actor: 'cli' });
    const { door: id } = await door.join.begin(token, { actor: 'cli' });
    await door.step();
    await authority.desk.receive();
    await authority.desk.approve(id, { actor: 'cli' });
    await door.step();
    await door.joined.leave({ actor: 'cli' });
    expect([door.joined.state, door.joined.identity, door.joined.findEpochKey(group.group, 1)]).toEqual(['none', undefined, undefined]); // prettier-ignore
    await door.disk.store.idle();
    const files = Buffer.concat([...(await readContents(folder)).values()]);
    for (const secret of [decodeToken(token, START_MS).secret, `door ${id}`])
      expect(files.includes(secret)).toBe(false);
    expect(await listActions(door.disk)).toEqual(['fleet.joined', 'fleet.approved', 'fleet.left']);
  });

  it('is a member exactly once, whatever write the devices are killed at', async () => {
    let kills = 0;
    for (const kill of ['before', 'after'] as const) {
      for (let writes = 0; ; writes++) {
        const [time, log, groups] = [new Time(), openFolderLog(), new Groups()];
        const group = groups.add('staff');
        const [disk, doorDisk] = [await openDisk(time), await openDisk(time)];
        const fuse = new Fuse();
        let token: string | undefined;
        /** All of the way, from what the disks hold. */
        const run = async (): Promise<TestAuthority> => {
          const authority = await startAuthority({ time, disk, log, groups, fuse });
          const door = await startDoor({ time, disk: doorDisk, log, fuse });
          token ??= (await authority.invites.invite({ actor: 'cli' })).token;
          if (door.joined.state === 'none') await door.join.begin(token, { actor: 'cli' });
          await door.step();
          await authority.desk.receive();
          const { id, state } = authority.state.findDoor('front-door');
          if (state === 'waiting') await authority.desk.approve(id, { actor: 'cli' });
          await authority.desk.publishWelcomes();
          await door.step();
          return authority;
        };
        Object.assign(fuse, { left: writes, kill });
        const killed = await run().catch((error: Error) => error.message);
        if (killed === 'killed') kills++;
        else if (typeof killed === 'string') throw new Error(`${kill} write ${writes}: ${killed}`);
        fuse.left = Infinity;
        const authority = await run();
        const door = await startDoor({ time, disk: doorDisk, log });
        const where = `killed ${kill} write ${writes}`;
        expect(door.joined.state, where).toBe('approved');
        expect(door.joined.findEpochKey(group.group, 1), where).toEqual(group.epochKeys.get(1));
        expect(authority.state.doors.map(({ id, state }) => [id, state]), where).toEqual([[door.joined.identity?.id, 'approved']]); // prettier-ignore
        expect(await door.membership.read(log), where).toEqual({ outcome: 'unchanged' });
        const counts = (actions: string[]): number[] =>
          ['fleet.joined', 'fleet.approved'].map((action) => actions.filter((one) => one === action).length);
        expect([counts(await listActions(disk)), counts(await listActions(doorDisk))], where).toEqual([[1, 1], [1, 1]]); // prettier-ignore
        if (typeof killed !== 'string') break;
      }
    }
    // Founding, invite, request (2), waiting (2), approval, membership (2), welcome, and the door's own.
    expect(kills).toBeGreaterThanOrEqual(20);
  });
});

describe('a request to join', () => {
  const cases: [string, string, (token: InviteToken, authority: TestAuthority) => Buffer][] = [
    ['with another secret', 'wrong-secret', (token, a) => writeRequest(token, a, { secret: randomBytes(32).toString('base64') })], // prettier-ignore
    ['with a proof for other keys', 'wrong-secret', (token, a) => writeRequest(token, a, { proof: proveInvite(token.secret, { fleet: token.fleet, join: token.join, door: newFleetId(), keys: a.state.keys }) })], // prettier-ignore
    ['made for another invite', 'wrong-secret', (token, a) => writeRequest(token, a, { join: newFleetId() })],
    ['for another fleet', 'other-fleet', (token, a) => writeRequest({ ...token, fleet: newFleetId() }, a)],
    ['under the id of the authority', 'known-door', (token, a) => writeRequest(token, a, { identity: { ...createIdentity(), id: a.state.fleet } })], // prettier-ignore
    ['with a key for which nothing can be sealed', 'malformed', (token, a) => writeRequest(token, a, { sealing: Buffer.alloc(32).toString('base64url') })], // prettier-ignore
    ['that is no letter', 'sealed-otherwise', () => randomBytes(400)],
  ];
  it.each(cases)('%s is refused and audited', async (_, reason, write) => {
    const { log, authority } = await startFleet();
    const token = await makeToken(authority);
    await log.put(nameJoin(token.join), write(token, authority));
    expect(await authority.desk.receive()).toEqual([]);
    await authority.desk.receive();
    expect(authority.state.doors).toEqual([]);
    expect((await listEntries(authority.disk)).slice(2)).toEqual([
      ['fleet.refused', 'fleet', { invite: token.join, reason }],
    ]);
    // The invite holds for the door that it was made for.
    await log.put(nameJoin(token.join), writeRequest(token, authority));
    expect(await authority.desk.receive()).toHaveLength(1);
  });

  it('that names keys which it does not have is refused', async () => {
    const { log, authority } = await startFleet();
    const token = await makeToken(authority);
    const [victim, thief] = [createIdentity(), createIdentity()];
    const keys = encodePublicKeys(publishIdentity(victim));
    const { fleet, join } = token;
    const proof = proveInvite(token.secret, { fleet, join, door: victim.id, keys });
    const body = { name: 'x', softwareVersion: '1', models: [], keys, proof };
    const draft = { kind: 'request', fleet, sequence: 1, issuedAt: new Date(START_MS).toISOString(), body } as const;
    const forged = writeLetter({ ...thief, id: victim.id }, publishIdentity(authority.state.identity), draft);
    await log.put(nameJoin(join), forged);
    expect(await authority.desk.receive()).toEqual([]);
    expect((await listEntries(authority.disk)).at(-1)).toEqual(['fleet.refused', 'fleet', { invite: join, reason: 'forged' }]); // prettier-ignore
  });

  it('after the invite has expired is refused', async () => {
    const { time, log, authority } = await startFleet();
    const token = await makeToken(authority);
    await log.put(nameJoin(token.join), writeRequest(token, authority));
    time.nowMs += INVITE_LIFE_MS;
    expect(await authority.desk.receive()).toEqual([]);
    expect((await listEntries(authority.disk)).at(-1)).toEqual(['fleet.refused', 'fleet', { invite: token.join, reason: 'expired' }]); // prettier-ignore
  });

  it('with a token that another door has used is refused, and the first door keeps its place', async () => {
    const { log, authority, time } = await startFleet();
    const { token } = await authority.invites.invite({ actor: 'cli' });
    const [first, second] = [await startDoor({ time, disk: await openDisk(time), log }), await startDoor({ time, disk: await openDisk(time), log, name: 'thief' })]; // prettier-ignore
    const { door: id } = await first.join.begin(token, { actor: 'cli' });
    await first.step();
    await authority.desk.receive();
    await second.join.begin(token, { actor: 'cli' });
    await second.step();
    expect(await authority.desk.receive()).toEqual([]);
    expect((await listEntries(authority.disk)).at(-1)?.[2]).toMatchObject({ reason: 'used' });
    await authority.desk.approve(id, { actor: 'cli' });
    expect([await first.step(), await second.step()]).toEqual(['approved', 'waiting']);
    time.nowMs += INVITE_LIFE_MS;
    expect(second.join.detail).toContain('was used by another door');
    expect(authority.state.doors).toHaveLength(1);
  });

  it('fills neither the audit log nor the list of doors, however often nonsense is sent', async () => {
    const { log, authority } = await startFleet();
    const token = await makeToken(authority);
    for (let i = 0; i < 15; i++) {
      await log.put(nameJoin(token.join), randomBytes(100));
      await log.put(nameJoin(newFleetId()), randomBytes(100));
      await authority.desk.receive();
    }
    expect((await listActions(authority.disk)).filter((action) => action === 'fleet.refused')).toHaveLength(10);
    expect(authority.state.invites[0]?.refused).toBe(15);
  });
});

describe('an answer to a request', () => {
  it('that is not of the authority of the token, or for another door, is no answer', async () => {
    const { time, log, authority } = await startFleet();
    const door = await startDoor({ time, disk: await openDisk(time), log });
    const other = await startDoor({ time, disk: await openDisk(time), log, name: 'other' });
    const [token, otherToken] = [await authority.invites.invite({ actor: 'cli' }), await authority.invites.invite({ actor: 'cli' })]; // prettier-ignore
    const { door: id } = await door.join.begin(token.token, { actor: 'cli' });
    const { door: otherId } = await other.join.begin(otherToken.token, { actor: 'cli' });
    for (const one of [door, other]) await one.step();
    await authority.desk.receive();
    await authority.desk.approve(otherId, { actor: 'cli' });
    const subject = nameWelcome(door.joined.record?.join ?? '');
    const { fleet } = authority.state;
    const issuedAt = new Date(START_MS).toISOString();
    const membership = { state: 'approved', authority: 'evil', groups: [], connection: { servers: [] }, events: 'none', maxStaleHours: 1 }; // prettier-ignore
    const body = { state: 'approved', sequence: 5, membership };
    const draft = { kind: 'welcome', fleet, sequence: START_MS * 2, issuedAt, body } as const;
    const { identity } = door.joined.requireJoined();
    const forged = [
      writeLetter(createIdentity(fleet), publishIdentity(identity), draft),
      writeLetter(authority.state.identity, publishIdentity(identity), { ...draft, fleet: newFleetId() }),
      writeLetter(authority.state.identity, publishIdentity(identity), { ...draft, kind: 'answer' }),
      await log.get(nameWelcome(other.joined.record?.join ?? '')),
      randomBytes(300),
    ];
    for (const bytes of forged) {
      await log.put(subject, bytes!);
      expect(await door.step()).toBe('waiting');
    }
    const attacks = (await listEntries(door.disk)).slice(1);
    const reasons = ['forged', 'other-fleet', 'sealed-otherwise'];
    expect(attacks).toEqual(reasons.map((reason) => ['fleet.attacked', 'fleet', { fleet, what: 'welcome', reason }]));
    await authority.desk.approve(id, { actor: 'cli' });
    expect(await door.step()).toBe('approved');
    expect(door.joined.membership?.authority).toBe('head-office');
  });
});
