// Enrolments made at a door: handed to the authority, carried out once, and answered when the door's copy holds them.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../src/domain/log.js';
import { AppError } from '../../src/errors.js';
import type { FleetLog } from '../../src/fleet/fleet-log.js';
import type { DoorRecord } from '../../src/fleet/fleet-records.js';
import { FolderLog } from '../../src/fleet/folder-log.js';
import { NatsLog } from '../../src/fleet/nats/nats-log.js';
import {
  createIdentity,
  encodePublicKeys,
  newFleetId,
  publishIdentity,
  type FleetIdentity,
} from '../../src/fleet/identity.js';
import { ProposalDesk, type ProposalDeskOptions } from '../../src/fleet/proposal-desk.js';
import { describeProposal, makeProposalIds } from '../../src/fleet/proposal-letters.js';
import { ProposalRecords } from '../../src/fleet/proposal-records.js';
import { Proposer, type ProposerTiming } from '../../src/fleet/proposer.js';
import { writeLetter, type LetterDraft } from '../../src/fleet/signed-letter.js';
import { nameAnswer, nameProposal } from '../../src/fleet/subjects.js';
import type { LevelGallery } from '../../src/gallery/leveldb-gallery.js';
import { eventually } from '../events/support.js';
import { newFace, percent, staff } from '../gallery/faces.js';
import { openGallery } from '../gallery/support.js';
import { temporaryDirectory } from '../store/support.js';
import { natsServerPath, startFleetServer, type FleetServer } from './fleet-server.js';
import { randomNumbers } from '../store/values.js';

const MODEL = 'v1';
const copyRef = { owner: 'door-key', groupId: 'staff' };
const rules = { scales: percent, facesInPicture: 1 };

/** Brings the copy to the state of the group, as the fleet does. */
async function copyGroup(from: LevelGallery, to: LevelGallery): Promise<void> {
  const puts = [];
  for await (const { faceId, sequence, record } of from.copies.listFaces(staff)) {
    const id = createHash('sha256').update(faceId).digest('hex').slice(0, 32);
    puts.push({ id, digest: createHash('sha256').update(record).digest(), sequence, record });
  }
  await to.copies.apply(copyRef, { head: '{}', puts, deletes: [] });
}

/** @param openLogs gives the logs of the authority and of a door; default: one folder for both */
async function startFleet(openLogs?: (fleet: string, door: string) => Promise<{ log: FleetLog; doorLog: FleetLog }>) {
  const folder = await temporaryDirectory();
  const random = randomNumbers(7);
  const authority = createIdentity();
  const door = createIdentity();
  const shared = new FolderLog({ folder, pollMs: 5, timers: globalThis, newId: randomUUID });
  const { log, doorLog } = (await openLogs?.(authority.id, door.id)) ?? { log: shared, doorLog: shared };
  const group = newFleetId();
  const main = await openGallery(await temporaryDirectory());
  await main.gallery.createGroup(staff, MODEL);
  const copy = await openGallery(await temporaryDirectory());
  await copy.gallery.createCopy(copyRef, MODEL, { fleet: authority.id, group, authority: 'head-office' });
  const keys = encodePublicKeys(publishIdentity(door));
  const record: DoorRecord = {
    id: door.id,
    name: 'front-door',
    keys,
    fingerprint: '',
    state: 'approved',
    join: newFleetId(),
    joinedAt: new Date().toISOString(),
    softwareVersion: '1',
    models: [],
  };
  const doors = new Map([[door.id, record]]);
  const forged: string[] = [];
  const records = new ProposalRecords(main.store);
  const desk = async (options: Partial<ProposalDeskOptions> = {}): Promise<ProposalDesk> => {
    const made = new ProposalDesk({
      fleet: log,
      identity: authority,
      findDoor: (id) => doors.get(id),
      findGroup: (id) => (id === group ? staff : undefined),
      gallery: main.gallery,
      findScales: (version) => (version === MODEL ? percent : undefined),
      records,
      clock: Date.now,
      log: silentLog,
      onForged: (_, refusal) => forged.push(refusal),
      timing: { retryMs: 5, sweepMs: 50 },
      ...options,
    });
    onTestFinished(() => made.stop());
    await made.start();
    return made;
  };
  const proposer = (timing: Partial<ProposerTiming> = {}, fleet: FleetLog = doorLog): Proposer => {
    const made = new Proposer({
      fleet,
      fleetId: authority.id,
      door,
      authority: publishIdentity(authority),
      clock: Date.now,
      monotonic: () => performance.now(),
      log: silentLog,
      timing: { askMs: 20, lookMs: 5, ...timing },
    });
    onTestFinished(() => made.stop());
    copy.gallery.proposeEnrolment = made.propose;
    return made;
  };
  /** Copies whenever the authority's gallery has changed. */
  const follow = (): void => {
    onTestFinished(main.gallery.changes.listen(() => void copyGroup(main.gallery, copy.gallery)));
  };
  const face = (externalImageId: string) => newFace(random, { externalImageId, quality: 0.75, origin: 'nhn' });
  const write = (body: object, change: Partial<LetterDraft> = {}, by: FleetIdentity = door): Buffer => {
    const draft = { kind: 'proposal' as const, fleet: authority.id, sequence: 1, issuedAt: new Date().toISOString() };
    return writeLetter(by, publishIdentity(authority), { ...draft, body, ...change });
  };
  const describe = (proposal: string, externalImageId: string) => {
    const described = describeProposal([face(externalImageId)], rules);
    return { proposal, group, modelVersion: MODEL, actor: 'app:default', ...described };
  };
  const count = (): number => main.gallery.group(staff).faceCount;
  return {
    log,
    authority,
    door,
    doors,
    record,
    records,
    group,
    main,
    copy,
    desk,
    proposer,
    follow,
    face,
    forged,
    write,
    describe,
    count,
  };
}

test('an enrolment at a door is one at the authority, and the caller gets its answer when the copy holds it', async () => {
  const { desk, proposer, follow, copy, main, face, log, door } = await startFleet();
  await desk();
  proposer();
  follow();
  const proposed = face('anna');
  const { imageId, enrolled, outcomes } = await copy.gallery.enrol(copyRef, [proposed], 'app:default', rules);
  expect(enrolled).toHaveLength(1);
  const { faceId } = enrolled[0]!;
  expect(enrolled[0]).toMatchObject({
    imageId,
    externalImageId: 'anna',
    bbox: proposed.bbox,
    quality: 0.75,
    origin: 'nhn',
  });
  expect(outcomes).toEqual([{ enrolled: enrolled[0], isRefused: false }]);
  expect(main.gallery.face(staff, faceId)).toMatchObject({ externalImageId: 'anna' });
  expect(copy.gallery.face(copyRef, faceId)).toMatchObject({ externalImageId: 'anna' });
  const probe = { embedding: proposed.embedding };
  const [match] = copy.gallery.searchByEmbedding(copyRef, probe, { limit: 1, threshold: 50, scales: percent });
  expect(match).toMatchObject({ similarity: 100, face: { faceId } });
  // A proposal that was answered does not stay in the log.
  const left = [];
  for await (const subject of log.list(`proposal.${door.id}`)) left.push(subject);
  expect(left).toEqual([]);
});

test('without proposals an enrolment at a door is refused, and deletions are in any case', async () => {
  const { desk, proposer, follow, copy, face } = await startFleet();
  await expect(copy.gallery.enrol(copyRef, [face('anna')])).rejects.toMatchObject({
    code: 'GROUP_READ_ONLY',
    detail: expect.stringContaining('head-office') as string,
  });
  await desk();
  proposer();
  follow();
  const { enrolled } = await copy.gallery.enrol(copyRef, [face('anna')], 'app:default', rules);
  await expect(copy.gallery.deleteFace(copyRef, enrolled[0]!.faceId)).rejects.toMatchObject({
    code: 'GROUP_READ_ONLY',
  });
});

test('the policy of the authority decides, and the refusals come back as they are', async () => {
  const { desk, proposer, follow, copy, face } = await startFleet();
  await desk();
  proposer();
  follow();
  const strict = { ...rules, policy: 'one-person-per-id' as const };
  await copy.gallery.enrol(copyRef, [face('anna')], 'app:default', strict);
  const { enrolled, outcomes } = await copy.gallery.enrol(copyRef, [face('anna')], 'app:default', strict);
  expect(enrolled).toEqual([]);
  expect(outcomes).toMatchObject([{ isRefused: true, concern: { reason: 'another-person' } }]);
});

test('the authority refuses what the door may not do, with a whole sentence', async () => {
  const { desk, proposer, copy, face, doors, record, main, count } = await startFleet();
  let model: string | undefined = MODEL;
  await desk({ findScales: () => (model === undefined ? undefined : percent) });
  proposer();
  const enrol = (): Promise<unknown> => copy.gallery.enrol(copyRef, [face('anna')], 'app:default', rules);
  doors.set(record.id, { ...record, groups: ['visitors'] });
  await expect(enrol()).rejects.toMatchObject({
    code: 'GROUP_NOT_FOUND',
    detail: expect.stringMatching(/\.$/) as string,
  });
  doors.set(record.id, record);
  model = undefined;
  await expect(enrol()).rejects.toMatchObject({ code: 'MODEL_VERSION_MISMATCH' });
  model = MODEL;
  await main.gallery.deleteGroup(staff);
  await expect(enrol()).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
  await main.gallery.createGroup(staff, MODEL);
  await main.gallery.enrol(staff, [newFace(randomNumbers(1), { embedding: Float32Array.of(1, 0) })]);
  await expect(enrol()).rejects.toMatchObject({ code: 'INVALID_PARAM' });
  expect(count()).toBe(1);
});

test('a caller waits for a bounded time, and learns that the enrolment may still happen', async () => {
  const { desk, proposer, copy, face, count, log } = await startFleet();
  proposer({ waitMs: 60 });
  const late = copy.gallery.enrol(copyRef, [face('anna')], 'app:default', rules);
  await expect(late).rejects.toMatchObject({
    code: 'SERVER_BUSY',
    detail: expect.stringContaining('may still happen') as string,
  });
  await desk();
  await eventually(() => count() === 1);
  // The authority answers, and the copy never comes.
  proposer({ waitMs: 400 });
  const without = copy.gallery.enrol(copyRef, [face('bert')], 'app:default', rules);
  await expect(without).rejects.toMatchObject({
    code: 'SERVER_BUSY',
    detail: expect.stringContaining('next copy') as string,
  });
  expect(count()).toBe(2);
  const away = new Proxy(log, {
    get: (target, name) =>
      name === 'put'
        ? () => Promise.reject(new AppError('FLEET_UNREACHABLE', 'the log is away'))
        : (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target),
  });
  proposer({ waitMs: 60 }, away);
  await expect(copy.gallery.enrol(copyRef, [face('carl')])).rejects.toMatchObject({ code: 'SERVER_BUSY' });
});

test('a proposal that comes again is carried out once', async () => {
  const { log, door, desk, write, describe, count } = await startFleet();
  await desk();
  const proposal = newFleetId();
  const letter = write(describe(proposal, 'anna'));
  const subject = nameProposal(door.id, proposal);
  const put = async (): Promise<Buffer> => {
    await log.remove(nameAnswer(door.id, proposal));
    await log.put(subject, letter);
    await eventually(async () => (await log.get(nameAnswer(door.id, proposal))) !== undefined);
    return (await log.get(nameAnswer(door.id, proposal)))!;
  };
  await put();
  await put();
  await put();
  expect(count()).toBe(1);
});

test('a proposal that a kill interrupted is not carried out again, also where its face was deleted since', async () => {
  const { log, door, desk, main, records, proposer, copy, face, write, describe, count } = await startFleet();
  // The kill came before the enrolment.
  const before = newFleetId();
  await records.write(door.id, before, { begunAtMs: Date.now() });
  await log.put(nameProposal(door.id, before), write(describe(before, 'anna')));
  // The kill came after it, and before the answer.
  const after = newFleetId();
  const body = describe(after, 'bert');
  await records.write(door.id, after, { begunAtMs: Date.now() });
  const { enrolled } = await main.gallery.enrol(staff, [face('bert')], 'door:front-door', {
    ...rules,
    newId: makeProposalIds(door.id, after),
  });
  await log.put(nameProposal(door.id, after), write(body));
  await desk();
  for (const one of [before, after])
    await eventually(async () => (await log.get(nameAnswer(door.id, one))) !== undefined);
  expect(count()).toBe(1);
  await main.gallery.deleteFace(staff, enrolled[0]!.faceId);
  await log.put(nameProposal(door.id, after), write(body));
  await eventually(async () => (await log.get(nameProposal(door.id, after))) === undefined);
  expect(count()).toBe(0);
  proposer({ waitMs: 1_000 });
  const next = copy.gallery.enrol(copyRef, [face('carl')], 'app:default', rules);
  await expect(next).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  expect(count()).toBe(1);
});

test('forged, replayed and foreign proposals enrol nobody', async () => {
  const { log, door, doors, record, desk, write, describe, forged, count } = await startFleet();
  await desk();
  const other = createIdentity();
  const cases: [string, string, (proposal: string) => Buffer][] = [
    ['other-sender', door.id, (p) => write(describe(p, 'x'), {}, { ...door, id: other.id })],
    ['forged', door.id, (p) => write(describe(p, 'x'), {}, { ...other, id: door.id })],
    ['sealed-otherwise', door.id, () => randomBytes(500)],
    ['other-proposal', door.id, () => write(describe(newFleetId(), 'x'))],
    ['other-fleet', door.id, (p) => write(describe(p, 'x'), { fleet: newFleetId() })],
    ['sealed-otherwise', door.id, (p) => write(describe(p, 'x'), { kind: 'report' })],
    ['malformed', door.id, (p) => write({ ...describe(p, 'x'), faces: [] })],
    ['future', door.id, (p) => write(describe(p, 'x'), { issuedAt: new Date(Date.now() + 600_000).toISOString() })],
  ];
  for (const [refusal, by, make] of cases) {
    const proposal = newFleetId();
    await log.put(nameProposal(by, proposal), make(proposal));
    await eventually(async () => (await log.get(nameProposal(by, proposal))) === undefined);
    expect(forged.splice(0), refusal).toEqual([refusal]);
  }
  // One that is too old is no attack: the door was away.
  const old = newFleetId();
  await log.put(
    nameProposal(door.id, old),
    write(describe(old, 'x'), { issuedAt: new Date(Date.now() - 600_000).toISOString() }),
  );
  // A door that was removed, and one that nobody knows.
  doors.set(door.id, { ...record, state: 'removed' });
  const late = newFleetId();
  await log.put(nameProposal(door.id, late), write(describe(late, 'x')));
  await log.put(nameProposal(other.id, late), write(describe(late, 'x'), {}, other));
  for (const subject of [nameProposal(door.id, old), nameProposal(door.id, late), nameProposal(other.id, late)]) {
    await eventually(async () => (await log.get(subject)) === undefined);
  }
  expect(forged).toEqual([]);
  expect(count()).toBe(0);
});

test('a door believes no answer but the authority’s', async () => {
  const { log, door, authority, proposer, copy, face } = await startFleet();
  proposer({ waitMs: 300 });
  const enrolling = copy.gallery.enrol(copyRef, [face('anna')], 'app:default', rules);
  const ending = expect(enrolling).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  let proposal = '';
  await eventually(async () => {
    for await (const subject of log.list('proposal')) proposal = subject.split('.')[2]!;
    return proposal !== '';
  });
  const body = { proposal, outcome: 'refused', code: 'QUOTA_EXCEEDED', detail: 'The group is full.' };
  const draft = { kind: 'answer' as const, fleet: authority.id, sequence: 1, issuedAt: new Date().toISOString(), body };
  await log.put(
    nameAnswer(door.id, proposal),
    writeLetter({ ...createIdentity(), id: authority.id }, publishIdentity(door), draft),
  );
  await ending;
});

test('answers that nobody waits for any more are removed, with what they say', async () => {
  const { log, door, desk, write, describe, records } = await startFleet();
  let now = Date.now();
  await desk({ clock: () => now });
  const proposal = newFleetId();
  await log.put(nameProposal(door.id, proposal), write(describe(proposal, 'anna')));
  await eventually(async () => (await log.get(nameAnswer(door.id, proposal))) !== undefined);
  now += 3_600_000;
  await eventually(async () => (await log.get(nameAnswer(door.id, proposal))) === undefined);
  expect(await records.read(door.id, proposal)).toBeUndefined();
});

test.skipIf(natsServerPath === undefined)(
  'a door has the right to propose on a server, and gets its answer',
  async () => {
    let fleetServer: FleetServer | undefined;
    onTestFinished(() => fleetServer?.server.end());
    const { desk, proposer, follow, copy, face, count } = await startFleet(async (fleet, door) => {
      const server = await startFleetServer({ fleet });
      fleetServer = server;
      const log = await NatsLog.connect({ access: server.makeAuthorityAccess(), fleet });
      const doorLog = await NatsLog.connect({ access: server.makeDoorAccess(door), fleet });
      onTestFinished(() => Promise.all([log.close(), doorLog.close()]).then(() => undefined));
      await log.createStreams();
      return { log, doorLog };
    });
    await desk();
    proposer();
    follow();
    const beganMs = performance.now();
    for (const name of ['anna', 'bert']) await copy.gallery.enrol(copyRef, [face(name)], 'app:default', rules);
    expect(count()).toBe(2);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  },
);
