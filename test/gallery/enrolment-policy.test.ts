// The policy of a group: which faces are enrolled under an externalImageId, which are refused, and what the audit log says about both.
import { describe, expect, test } from 'vitest';
import { findPolicy, pickStricter, type EnrolmentPolicy } from '../../src/domain/enrolment-policy.js';
import { isAnotherPerson } from '../../src/domain/person-bounds.js';
import type { AuditEntry } from '../../src/domain/audit.js';
import type { Enrolment, EnrolmentRules, Gallery, NewFace } from '../../src/gallery/gallery.types.js';
import { openAudit, readRecords } from '../audit/support.js';
import { temporaryDirectory, withCode } from '../store/support.js';
import { BLURRED, conditionScales } from './conditions.js';
import { staff } from './faces.js';

/** Cosines below 0.5 are of other people, and from 0.92 on of the same person. */
const scales = conditionScales;

/** A face in a plane: two faces have the cosine of the difference of their angles. */
function faceAt(degrees: number, externalImageId?: string, rest: Partial<NewFace> = {}): NewFace {
  const radians = (degrees * Math.PI) / 180;
  const embedding = new Float32Array(8);
  embedding.set([Math.cos(radians), Math.sin(radians)]);
  const bbox = { x0: 0, y0: 0, x1: 1, y1: 1 };
  return { bbox, detectionScore: 1, embedding, ...(externalImageId !== undefined && { externalImageId }), ...rest };
}

interface Opened {
  gallery: Gallery;
  enrol: (faces: NewFace[], rules?: Partial<EnrolmentRules>) => Promise<Enrolment>;
  entries: () => Promise<Pick<AuditEntry, 'action' | 'subject'>[]>;
}

async function open(policy: EnrolmentPolicy, limits = { maxGroups: 10, maxFacesPerGroup: 100 }): Promise<Opened> {
  const findPolicy = (groupId: string): EnrolmentPolicy => (groupId === staff.groupId ? policy : 'open');
  const { gallery, store } = await openAudit(await temporaryDirectory(), Date.now, { limits, findPolicy });
  await gallery.createGroup(staff, 'm1');
  return {
    gallery,
    enrol: (faces, rules) =>
      gallery.enrol(staff, faces, 'app:test', { scales, facesInPicture: faces.length, ...rules }),
    entries: async () => (await readRecords(store)).filter(({ action }) => action.startsWith('face.')),
  };
}

const summarise = ({ outcomes }: Enrolment): string[] =>
  outcomes.map(
    ({ enrolled, concern, isRefused }) =>
      `${isRefused ? 'refused' : enrolled ? 'enrolled' : 'no place'}${concern ? ` ${concern.reason}` : ''}`,
  );

describe('the policies', () => {
  test('a group has its own one, or that of all groups', () => {
    const groups = [{ group: 'door', enrolment: 'one-face-per-picture' as const }];
    expect(findPolicy({ enrolment: 'open', groups }, 'door')).toBe('one-face-per-picture');
    expect(findPolicy({ enrolment: 'one-person-per-id', groups }, 'hall')).toBe('one-person-per-id');
    expect(findPolicy({ enrolment: 'open' }, 'door')).toBe('open');
  });

  test('of two, the stricter one applies', () => {
    expect(pickStricter('open', 'one-person-per-id')).toBe('one-person-per-id');
    expect(pickStricter('one-face-per-picture', 'one-person-per-id')).toBe('one-face-per-picture');
  });

  test('a bound falls with the recognisability of both faces, and an unrecognisable face proves nothing', () => {
    const at = (degrees: number, recognisability: number) => {
      const { embedding } = faceAt(degrees);
      return { embedding, condition: { recognisability, masked: false } };
    };
    expect(isAnotherPerson(at(0, 1), at(61, 1), scales)).toBe(true);
    expect(isAnotherPerson(at(0, 1), at(59, 1), scales)).toBe(false);
    expect(isAnotherPerson(at(0, 0.6), at(61, 0.9), scales)).toBe(false);
    expect(isAnotherPerson(at(0, 0.6), at(80, 0.9), scales)).toBe(true);
    expect(isAnotherPerson(at(0, 0.1), at(90, 0.9), scales)).toBe(false);
  });
});

describe('open', () => {
  test('enrols everybody, and tells that a picture holds several people under one id', async () => {
    const { enrol, entries } = await open('open');
    expect(summarise(await enrol([faceAt(0, 'a'), faceAt(90, 'a'), faceAt(180, 'a')]))).toEqual([
      'enrolled',
      'enrolled several-people',
      'enrolled several-people',
    ]);
    expect((await entries()).map(({ subject }) => subject.concern)).toEqual([
      undefined,
      'several-people',
      'several-people',
    ]);
  });

  test('enrols another person under an id that is taken, and tells the enrolled face and the similarity', async () => {
    const { enrol, entries } = await open('open');
    const { enrolled } = await enrol([faceAt(0, 'a')]);
    const second = await enrol([faceAt(70, 'a')]);
    const faceId = enrolled[0]!.faceId;
    const similarity = expect.closeTo(34.2, 1) as number;
    expect(second.outcomes[0]).toMatchObject({
      concern: { reason: 'another-person', faceId, similarity },
      isRefused: false,
    });
    expect((await entries())[1]).toMatchObject({
      action: 'face.enrolled',
      subject: { faceId: second.enrolled[0]!.faceId, concern: 'another-person', comparedFaceId: faceId, similarity },
    });
  });

  test('has nothing to tell about people without an id, one person’s second picture, and the same person elsewhere', async () => {
    const { enrol } = await open('open');
    expect(summarise(await enrol([faceAt(0), faceAt(90)]))).toEqual(['enrolled', 'enrolled']);
    await enrol([faceAt(0, 'a')]);
    expect(summarise(await enrol([faceAt(40, 'a')]))).toEqual(['enrolled']);
    expect(summarise(await enrol([faceAt(0, 'b')]))).toEqual(['enrolled']);
  });
});

describe('one-person-per-id', () => {
  test('enrols the first face of a picture under its id, and refuses the others', async () => {
    const { enrol, gallery, entries } = await open('one-person-per-id');
    expect(summarise(await enrol([faceAt(0, 'a'), faceAt(90, 'a'), faceAt(180, 'a')]))).toEqual([
      'enrolled',
      'refused several-people',
      'refused several-people',
    ]);
    expect(gallery.group(staff).faceCount).toBe(1);
    expect((await entries()).map(({ action, subject }) => [action, subject.concern])).toEqual([
      ['face.enrolled', undefined],
      ['face.refused', 'several-people'],
      ['face.refused', 'several-people'],
    ]);
  });

  test('refuses another person under an id that is taken, with nothing but an entry in the audit log', async () => {
    const { enrol, gallery, entries } = await open('one-person-per-id');
    await enrol([faceAt(0, 'a')]);
    expect(summarise(await enrol([faceAt(75, 'a')]))).toEqual(['refused another-person']);
    expect(gallery.group(staff).faceCount).toBe(1);
    const last = (await entries()).at(-1)!;
    expect(last).toMatchObject({
      action: 'face.refused',
      subject: { owner: staff.owner, groupId: 'staff', concern: 'another-person' },
    });
    expect(JSON.stringify(last)).not.toContain('"a"');
  });

  test('enrols a second picture of the person, by the mean of all enrolled faces', async () => {
    const { enrol } = await open('one-person-per-id');
    await enrol([faceAt(0, 'a')]);
    expect(summarise(await enrol([faceAt(45, 'a')]))).toEqual(['enrolled']);
    // 59 degrees from the second picture alone, but 81 from the mean of both: a chain does not lead from one person to another.
    expect(summarise(await enrol([faceAt(104, 'a')]))).toEqual(['refused another-person']);
  });

  test('enrols a person under a second id, and tells the other one', async () => {
    const { enrol } = await open('one-person-per-id');
    const { enrolled } = await enrol([faceAt(0, 'a')]);
    const second = await enrol([faceAt(5, 'b')]);
    expect(second.outcomes[0]).toMatchObject({
      isRefused: false,
      concern: { reason: 'another-id', faceId: enrolled[0]!.faceId },
    });
  });

  test('gives an id whose only face cannot be recognised to the next person: that face matches nobody', async () => {
    const { enrol } = await open('one-person-per-id');
    await enrol([faceAt(0, 'a', { condition: BLURRED })]);
    expect(summarise(await enrol([faceAt(90, 'a')]))).toEqual(['enrolled']);
  });

  test('gives an id to the next person when its faces are deleted', async () => {
    const { enrol, gallery } = await open('one-person-per-id');
    const { enrolled } = await enrol([faceAt(0, 'a')]);
    await gallery.deleteFace(staff, enrolled[0]!.faceId);
    expect(summarise(await enrol([faceAt(90, 'a')]))).toEqual(['enrolled']);
  });

  test('an attack by many requests at once gets one person into an id', async () => {
    const { enrol, gallery, entries } = await open('one-person-per-id');
    const people = Array.from({ length: 24 }, (_, i) => faceAt(90 * (i % 4), 'taken'));
    const all = await Promise.all(people.map((face) => enrol([face])));
    const degrees = new Set(all.flatMap((one, i) => (one.enrolled.length > 0 ? [90 * (i % 4)] : [])));
    expect(degrees.size).toBe(1);
    expect(gallery.group(staff).faceCount).toBe(6);
    expect((await entries()).filter(({ action }) => action === 'face.refused')).toHaveLength(18);
  });

  test('counts a refused face neither as a place nor as a quota', async () => {
    const { enrol } = await open('one-person-per-id', { maxGroups: 1, maxFacesPerGroup: 2 });
    expect(summarise(await enrol([faceAt(0, 'a'), faceAt(90, 'a'), faceAt(10, 'a'), faceAt(20, 'a')]))).toEqual([
      'enrolled',
      'refused several-people',
      'enrolled',
      'no place',
    ]);
    expect(summarise(await enrol([faceAt(90, 'a')]))).toEqual(['refused another-person']);
    await expect(enrol([faceAt(0, 'a')])).rejects.toEqual(withCode('QUOTA_EXCEEDED'));
  });

  test('an enrolment that waits for its turn does not reach a group that was made again meanwhile', async () => {
    const { enrol, gallery } = await open('one-person-per-id');
    const waiting = Promise.allSettled([0, 1, 2].map((degrees) => enrol([faceAt(degrees, 'a')])));
    await gallery.deleteGroup(staff);
    await gallery.createGroup(staff, 'm2');
    for (const one of await waiting) expect(one).toMatchObject({ reason: withCode('GROUP_NOT_FOUND') });
    expect(gallery.group(staff).faceCount).toBe(0);
    expect(summarise(await enrol([faceAt(180, 'a')]))).toEqual(['enrolled']);
  });

  test('an enrolment that fails does not stop the next one', async () => {
    const { enrol } = await open('one-person-per-id', { maxGroups: 1, maxFacesPerGroup: 1 });
    await enrol([faceAt(0, 'a')]);
    await expect(enrol([faceAt(0, 'a')])).rejects.toEqual(withCode('QUOTA_EXCEEDED'));
    expect(summarise(await enrol([faceAt(90, 'a')]))).toEqual(['refused another-person']);
  });

  test('refuses all faces of one person where one of them is refused', async () => {
    const { enrol } = await open('one-person-per-id');
    await enrol([faceAt(0, 'a')]);
    const shots = [faceAt(61, 'a'), faceAt(55, 'a')];
    expect(summarise(await enrol(shots, { facesInPicture: 1, isOnePerson: true }))).toEqual([
      'refused another-person',
      'refused another-person',
    ]);
  });
});

describe('one-face-per-picture', () => {
  test('refuses a picture with several faces, whatever their ids, with one entry', async () => {
    const { enrol, gallery, entries } = await open('one-face-per-picture');
    expect(summarise(await enrol([faceAt(0), faceAt(90, 'a')]))).toEqual([
      'refused several-faces',
      'refused several-faces',
    ]);
    expect(summarise(await enrol([faceAt(0)], { facesInPicture: 2 }))).toEqual(['refused several-faces']);
    expect(gallery.group(staff).faceCount).toBe(0);
    expect((await entries()).map(({ subject }) => subject.faces)).toEqual([2, 1]);
  });

  test('is as strict as one-person-per-id', async () => {
    const { enrol } = await open('one-face-per-picture');
    expect(summarise(await enrol([faceAt(0, 'a')]))).toEqual(['enrolled']);
    expect(summarise(await enrol([faceAt(75, 'a')]))).toEqual(['refused another-person']);
  });
});

test('a caller may be stricter than the group, and not laxer', async () => {
  const lax = await open('open');
  await lax.enrol([faceAt(0, 'a')]);
  expect(summarise(await lax.enrol([faceAt(75, 'a')], { policy: 'one-person-per-id' }))).toEqual([
    'refused another-person',
  ]);
  const strict = await open('one-person-per-id');
  await strict.enrol([faceAt(0, 'a')]);
  expect(summarise(await strict.enrol([faceAt(75, 'a')], { policy: 'open' }))).toEqual(['refused another-person']);
});
