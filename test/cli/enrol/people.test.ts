// The people of whom no face is enrolled in the end.
import { describe, expect, it } from 'vitest';
import { EnrolledPeople } from '../../../src/cli/enrol/people.js';
import { refusePicture } from '../../../src/cli/enrol/picture-result.js';
import type { PictureListing, SourcePerson } from '../../../src/cli/enrol/sources.js';

const listing = (people: SourcePerson[], refused: PictureListing['refused'] = []): PictureListing => ({
  pictures: [],
  refused,
  people,
  ignoredVideos: 0,
  ignoredFiles: 0,
});
const person = (id: string): SourcePerson => ({ externalImageId: id, path: id });
const noFace = { reason: 'no-face', detail: 'the picture has no face' } as const;

/** A gallery that holds faces of these people. */
const galleryWith = (...ids: string[]) => {
  const asked: string[][] = [];
  const findEnrolled = async (wanted: ReadonlySet<string>) => {
    asked.push([...wanted]);
    return new Set(ids.filter((id) => wanted.has(id)));
  };
  return { findEnrolled, asked };
};

describe('the people without a face', () => {
  it('are those of whom every picture was refused, and those without a picture', async () => {
    const people = new EnrolledPeople(
      listing(
        ['ann', 'ben', 'cid', 'dan', 'eve', 'fay'].map(person).concat({
          externalImageId: 'gus',
          path: 'gus',
          reason: { reason: 'no-picture', detail: 'the folder is empty' },
        }),
        [refusePicture('eve/old', 'eve', { reason: 'nested', detail: 'folders are not read' })],
      ),
    );
    people.add({ path: 'ann/1.jpg', externalImageId: 'ann', outcome: 'enrolled', reasons: [] });
    people.add(refusePicture('ann/2.jpg', 'ann', noFace));
    people.add({ path: 'ben/1.jpg', externalImageId: 'ben', outcome: 'doubtful', reasons: [noFace] });
    people.add({ path: 'cid/1.jpg', externalImageId: 'cid', outcome: 'already', reasons: [] });
    people.add(refusePicture('dan/1.jpg', 'dan', noFace));
    people.add(refusePicture('dan/2.jpg', 'dan', noFace));
    const missing = await people.listMissing(galleryWith());
    expect(
      missing.map(({ path, outcome, reasons }) => [path, outcome, reasons[0]?.reason, reasons[0]?.detail]),
    ).toEqual([
      [
        'dan',
        'not-enrolled',
        'all-refused',
        'all 2 pictures were refused, see above; use another picture of this person',
      ],
      [
        'eve',
        'not-enrolled',
        'all-refused',
        'the only picture was refused, see above; use another picture of this person',
      ],
      ['fay', 'not-enrolled', 'no-picture', 'there is no picture of this person'],
      ['gus', 'not-enrolled', 'no-picture', 'the folder is empty'],
    ]);
  });

  it.each([
    ['service-error', 'run the same command again'],
    ['lookalike', 'find out whose face it is'],
    ['duplicate', 'find out whose face it is'],
    ['unreadable', 'use another picture of this person'],
  ] as const)('are told what to do where the reason is %s', async (reason, advice) => {
    const people = new EnrolledPeople(listing([person('ann')]));
    people.add(refusePicture('ann/1.jpg', 'ann', { reason, detail: 'x' }));
    const [missing] = await people.listMissing(galleryWith());
    expect(missing?.reasons[0]?.detail).toBe(`the only picture was refused, see above; ${advice}`);
  });

  it('are not those who were enrolled before, and each is named once', async () => {
    const gallery = galleryWith('ann');
    const people = new EnrolledPeople(listing([person('ann'), person('ben'), { ...person('ben'), path: 'ben again' }]));
    expect((await people.listMissing(gallery)).map(({ path }) => path)).toEqual(['ben']);
    expect(gallery.asked).toEqual([['ann', 'ben']]);
  });

  it('are not searched in the gallery where there are none, and a folder without an id is named all the same', async () => {
    const gallery = galleryWith();
    expect(await new EnrolledPeople(listing([])).listMissing(gallery)).toEqual([]);
    const reason = { reason: 'no-person', detail: 'its folder is not in the table' } as const;
    expect(await new EnrolledPeople(listing([{ path: 'x', reason }])).listMissing(gallery)).toEqual([
      { path: 'x', outcome: 'not-enrolled', reasons: [reason] },
    ]);
    expect(gallery.asked).toEqual([]);
  });
});
