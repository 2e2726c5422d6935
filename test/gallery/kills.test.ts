// kill -9 at random moments, in the short form of `npm run faults -- kill`; and that its ledger sees what must not be.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createGalleryTarget } from '../../tools/faults/gallery-target.js';
import { runKills } from '../../tools/faults/kill-rounds.js';
import { Ledger, type FoundGroup } from '../../tools/faults/ledger.js';
import { createServiceTarget } from '../../tools/faults/service-target.js';
import { facesDir, missing, sharedModelsDir } from '../support/shared.js';
import { tempDir } from '../support/temp-dir.js';

describe('killed at any moment, among concurrent clients', () => {
  test('the gallery keeps what it acknowledged, and no half of a picture', async () => {
    const tally = await runKills(createGalleryTarget(join(tempDir(), 'db')), { rounds: 8, seed: 22 });
    expect(tally.problems).toEqual([]);
    expect(tally.kills).toBe(8);
    expect(tally.registered).toBeGreaterThan(20);
    expect(tally.deletedFaces).toBeGreaterThan(10);
    expect(tally.deletedGroups).toBeGreaterThan(0);
    // Kills that no request was under way for would prove nothing.
    expect(tally.unanswered).toBeGreaterThan(8);
  }, 60_000);

  test.skipIf(missing('the service killed under its clients', sharedModelsDir, facesDir))(
    'the whole service does so as well',
    async () => {
      const target = createServiceTarget({
        folder: tempDir(),
        modelsDir: sharedModelsDir ?? '',
        photo: join(facesDir ?? '', 'groups', 'bbt1.jpg'),
        facesPerPicture: 3,
      });
      const tally = await runKills(target, { rounds: 2, seed: 22 });
      expect(tally.problems).toEqual([]);
      expect(tally.registered).toBeGreaterThan(2);
      expect(tally.unanswered).toBeGreaterThan(2);
    },
    60_000,
  );
});

describe('the ledger', () => {
  /** Two pictures of two faces were acknowledged, a face of the first was deleted. The registration of a third picture had no answer. */
  function ledgerAndTruth(): { ledger: Ledger; staff: FoundGroup } {
    const ledger = new Ledger(2);
    ledger.creating('staff');
    ledger.created('staff');
    for (const [picture, faces] of [
      ['p1', ['a', 'b']],
      ['p2', ['c', 'd']],
    ] as const) {
      ledger.registering(picture, 'staff');
      ledger.registeredFaces(picture, faces);
    }
    const taken = ledger.takeFace('staff', () => 0);
    expect(taken).toEqual({ picture: 'p1', faceId: 'a' });
    ledger.deletedFace('p1', 'a');
    ledger.registering('p3', 'staff');
    ledger.creating('gone');
    ledger.created('gone');
    ledger.deletingGroup('gone');
    ledger.deletedGroup('gone');
    const faces = [
      { faceId: 'b', imageId: 'i1', picture: 'p1' },
      { faceId: 'c', imageId: 'i2', picture: 'p2' },
      { faceId: 'd', imageId: 'i2', picture: 'p2' },
    ];
    return { ledger, staff: { faceCount: 3, faces, unsearchable: [] } };
  }
  const third = [
    { faceId: 'e', imageId: 'i3', picture: 'p3' },
    { faceId: 'f', imageId: 'i3', picture: 'p3' },
  ];

  test('finds no problem when acknowledged changes hold, whichever way an unanswered request ended', () => {
    const without = ledgerAndTruth();
    expect(without.ledger.settle(new Map([['staff', without.staff]]))).toEqual([]);
    const { ledger, staff } = ledgerAndTruth();
    const whole = { ...staff, faceCount: 5, faces: [...staff.faces, ...third] };
    expect(ledger.settle(new Map([['staff', whole]]))).toEqual([]);
    // The ledger now knows that the third picture was registered.
    expect(ledger.settle(new Map([['staff', staff]]))).toEqual([
      'face e is lost: its registration was acknowledged',
      'face f is lost: its registration was acknowledged',
    ]);
  });

  type Change = (staff: FoundGroup) => Record<string, FoundGroup>;
  const changed = (staff: FoundGroup, faces: FoundGroup['faces']): Record<string, FoundGroup> => ({
    staff: { ...staff, faces, faceCount: faces.length },
  });
  const empty: FoundGroup = { faceCount: 0, faces: [], unsearchable: [] };
  test.each<[string, Change, string]>([
    ['a lost face', (s) => changed(s, s.faces.slice(0, 2)), 'face d is lost: its registration was acknowledged'],
    [
      'a deleted face that exists again',
      (s) => changed(s, [...s.faces, { faceId: 'a', imageId: 'i1', picture: 'p1' }]),
      'face a still exists, but its deletion was acknowledged',
    ],
    ['half of a picture', (s) => changed(s, [...s.faces, third[0]!]), 'picture p3 has only 1 of its 2 faces'],
    [
      'a face that no answer named',
      (s) => changed(s, [...s.faces, { faceId: 'x', imageId: 'i2', picture: 'p2' }]),
      'face x exists, but no answer named it',
    ],
    [
      'a picture that no client registered',
      (s) => changed(s, [...s.faces, { faceId: 'x', imageId: 'i9', picture: 'p9' }]),
      'picture p9 has faces, but no client registered it',
    ],
    ['a wrong count', (s) => ({ staff: { ...s, faceCount: 4 } }), 'group staff counts 4 faces and lists 3'],
    [
      'a face that no search finds',
      (s) => ({ staff: { ...s, unsearchable: ['d'] } }),
      'face d is listed, but a search does not find it',
    ],
    ['a lost group', () => ({}), 'group staff is lost: its creation was acknowledged'],
    [
      'a deleted group that exists again',
      (s) => ({ staff: s, gone: empty }),
      'group gone still exists, but its deletion was acknowledged',
    ],
    ['a group that no client created', (s) => ({ staff: s, odd: empty }), 'group odd exists, but no client created it'],
  ])('sees %s', (_, change, problem) => {
    const { ledger, staff } = ledgerAndTruth();
    expect(ledger.settle(new Map(Object.entries(change(staff))))).toEqual([problem]);
  });
});
