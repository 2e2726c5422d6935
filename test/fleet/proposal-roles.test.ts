// Enrolments at the door of a fleet that is put together as in the service: the door waits until its copy holds the faces.
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startMember, type Member } from '../../tools/fleet/member.js';
import { makeNumberedFace } from '../../tools/fleet/member-requests.js';
import { eventually } from '../events/support.js';
import { percent } from '../gallery/faces.js';
import { tempDir } from '../support/temp-dir.js';

const MODEL = 'm1';
const BY = { actor: 'cli' };
const rules = { scales: percent, facesInPicture: 1 };

async function startFleet(proposals: boolean): Promise<{ authority: Member; door: Member }> {
  const folder = tempDir();
  const start = async (name: string, section: Record<string, unknown>): Promise<Member> => {
    const member = await startMember({
      folder: join(folder, name),
      name,
      fleet: { folder: join(folder, 'log'), renewSeconds: 1, proposals, ...section },
      modelVersions: [MODEL],
      findScales: () => percent,
    });
    onTestFinished(() => member.stop());
    return member;
  };
  const authority = await start('office', { role: 'authority' });
  await authority.gallery.createGroup(authority.makeRef('staff'), MODEL);
  await authority.gallery.enrol(authority.makeRef('staff'), [makeNumberedFace(1)]);
  const door = await start('entrance', { role: 'door' });
  const { token } = await authority.fleet.admin.invite(BY);
  const asked = await door.fleet.admin.join(token, BY);
  await eventually(() => authority.fleet.admin.status().doors.some(({ id }) => id === asked.door));
  await authority.fleet.admin.approve('entrance', BY);
  await eventually(() => door.fleet.admin.status().groups.some(({ state }) => state === 'current'));
  return { authority, door };
}

test('with proposals an enrolment at a door is at the authority and in the copy when the caller has its answer', async () => {
  const { authority, door } = await startFleet(true);
  const ref = door.makeRef('staff');
  const { enrolled } = await door.gallery.enrol(ref, [makeNumberedFace(2)], 'app:default', rules);
  const { faceId } = enrolled[0]!;
  expect(authority.gallery.face(authority.makeRef('staff'), faceId).faceId).toBe(faceId);
  const options = { limit: 1, threshold: 99, scales: percent };
  const [match] = door.gallery.searchByEmbedding(ref, { embedding: makeNumberedFace(2).embedding }, options);
  expect(match?.face.faceId).toBe(faceId);
  const { records } = await authority.audit.list({}, { limit: 20 });
  const entry = records.find(({ action, actor }) => action === 'face.enrolled' && actor === 'door:entrance');
  expect(entry?.subject).toMatchObject({ faceId, doorActor: 'app:default' });
  await expect(door.gallery.deleteFace(ref, faceId)).rejects.toMatchObject({ code: 'GROUP_READ_ONLY' });
});

test('without proposals a door refuses, and names the authority', async () => {
  const { door } = await startFleet(false);
  await expect(door.gallery.enrol(door.makeRef('staff'), [makeNumberedFace(2)])).rejects.toMatchObject({
    code: 'GROUP_READ_ONLY',
    detail: expect.stringContaining('office') as string,
  });
});
