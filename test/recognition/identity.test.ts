// Identity by tables: k of n shots, persons with several faces, changing results, ends of tracks.
import { describe, expect, test } from 'vitest';
import type { EnrolledFace } from '../../src/gallery/gallery.types.js';
import {
  decideIdentity,
  decideIdentityAtEnd,
  findAgreedPerson,
  derivePerson,
  type CandidateShot,
  type Candidate,
} from '../../src/recognition/identity.js';
import { present } from '../support/present.js';

function enrolled(faceId: string, externalImageId?: string): EnrolledFace {
  return {
    faceId,
    imageId: 'i',
    ...(externalImageId !== undefined && { externalImageId }),
    bbox: { x0: 0, y0: 0, x1: 1, y1: 1 },
    detectionScore: 0.9,
  };
}

const staff = { appKey: 'default', groupId: 'staff', order: 0, threshold: 90 };
const guests = { appKey: 'default', groupId: 'guests', order: 1, threshold: 80 };

/** `anna 95` is anna of the staff at 95, `anna@guests 95` of the guests. */
function candidate(word: string): Candidate {
  const [who = '', similarity] = word.split(' ');
  const [person = '', group] = who.split('@');
  const inGroup = group === 'guests' ? guests : staff;
  return { person, group: inGroup, face: enrolled(`${person}-${inGroup.groupId}`), similarity: Number(similarity) };
}

/** Frames, split by commas; `anna 95 + bert 94` has two candidates, `-` is a frame at an empty group. */
function createShots(words: string): CandidateShot[] {
  if (words === '') return [];
  return words.split(', ').map((word) => ({ candidates: word === '-' ? [] : word.split(' + ').map(candidate) }));
}

const threeOfFive = { margin: 2, agree: 3, outOf: 5 };
const oneOfOne = { margin: 2, agree: 1, outOf: 1 };
const oneOfThree = { margin: 2, agree: 1, outOf: 3 };

describe('a decision', () => {
  test.each([
    { frames: '', rule: threeOfFive, decided: 'undecided 0' },
    { frames: 'anna 95', rule: threeOfFive, decided: 'undecided 1' },
    { frames: 'anna 95, anna 96', rule: threeOfFive, decided: 'undecided 2' },
    { frames: 'anna 95, anna 96, anna 91', rule: threeOfFive, decided: 'match anna' },
    { frames: 'anna 90, anna 90, anna 90', rule: threeOfFive, decided: 'match anna' },
    { frames: 'anna 95, anna 96, anna 89.99', rule: threeOfFive, decided: 'undecided 2' },
    { frames: 'anna 95, bert 95, anna 95, bert 95', rule: threeOfFive, decided: 'undecided 2' },
    { frames: 'anna 95, bert 95, anna 95, bert 95, anna 92', rule: threeOfFive, decided: 'match anna' },
    { frames: 'anna 95, bert 95, anna 95, bert 95, carl 92', rule: threeOfFive, decided: 'unknown disagreement' },
    { frames: 'anna 95, anna 40, anna 40, anna 95, anna 40', rule: threeOfFive, decided: 'unknown below-threshold' },
    { frames: 'anna 40, bert 30, anna 20, bert 50', rule: threeOfFive, decided: 'undecided 0' },
    { frames: 'anna 40, bert 30, anna 20, bert 50, carl 10', rule: threeOfFive, decided: 'unknown below-threshold' },
    { frames: '-, -, -, -', rule: threeOfFive, decided: 'undecided 0' },
    { frames: '-, -, -, -, -', rule: threeOfFive, decided: 'unknown empty-group' },
    { frames: '-, -, -, -, anna 12', rule: threeOfFive, decided: 'unknown below-threshold' },
    { frames: '-, anna 95, -, anna 95, anna 95', rule: threeOfFive, decided: 'match anna' },
    { frames: 'anna 95, anna 95, -, -, -, anna 95', rule: threeOfFive, decided: 'unknown below-threshold' },
    { frames: '-, -, anna 95, -, anna 95, anna 95', rule: threeOfFive, decided: 'match anna' },
    { frames: 'anna 95', rule: oneOfOne, decided: 'match anna' },
    { frames: 'anna 12', rule: oneOfOne, decided: 'unknown below-threshold' },
    { frames: 'anna NaN', rule: oneOfOne, decided: 'unknown below-threshold' },
    { frames: 'anna 95, bert 97, bert 91', rule: oneOfThree, decided: 'match bert' },
    { frames: 'anna 95, bert 97', rule: oneOfThree, decided: 'undecided 1' },
    { frames: 'anna 95, bert 97, carl 99', rule: oneOfThree, decided: 'unknown disagreement' },
    // A stranger who looks like somebody in one frame.
    { frames: 'anna 30, anna 99, anna 20, bert 25, anna 28', rule: threeOfFive, decided: 'unknown below-threshold' },
    // The margin between the first person and the second.
    { frames: 'anna 95 + bert 93', rule: oneOfOne, decided: 'match anna' },
    { frames: 'anna 95 + bert 93.1', rule: oneOfOne, decided: 'unknown tie' },
    { frames: 'anna 90.5 + bert 89', rule: oneOfOne, decided: 'unknown tie' },
    { frames: 'anna 95 + bert 95', rule: { ...oneOfOne, margin: 0 }, decided: 'unknown tie' },
    { frames: 'anna 95 + bert 94.9', rule: { ...oneOfOne, margin: 0 }, decided: 'match anna' },
    { frames: 'anna 95 + bert 94, anna 95, anna 95, anna 95', rule: threeOfFive, decided: 'match anna' },
    {
      frames: 'anna 95 + bert 94, anna 95, bert 95 + anna 94, anna 95, anna 95 + bert 94',
      rule: threeOfFive,
      decided: 'unknown tie',
    },
    {
      frames: 'anna 95 + bert 94, anna 30, anna 30, anna 30, anna 30',
      rule: threeOfFive,
      decided: 'unknown below-threshold',
    },
    { frames: 'anna 95 + bert 94, anna 95, anna 40, -, -', rule: threeOfFive, decided: 'unknown below-threshold' },
    // Several groups, each with its threshold: 90 for the staff, 80 for the guests.
    { frames: 'anna@guests 85', rule: oneOfOne, decided: 'match anna' },
    { frames: 'anna 85', rule: oneOfOne, decided: 'unknown below-threshold' },
    { frames: 'anna 85 + anna@guests 84', rule: oneOfOne, decided: 'match anna' },
    { frames: 'anna 95 + anna@guests 94', rule: oneOfOne, decided: 'match anna' },
    { frames: 'anna 85 + bert@guests 82', rule: oneOfOne, decided: 'unknown below-threshold' },
    { frames: 'anna@guests 85 + bert 84', rule: oneOfOne, decided: 'unknown tie' },
    { frames: 'anna 95 + anna@guests 94 + bert 94', rule: oneOfOne, decided: 'unknown tie' },
  ])('on [$frames] with $rule.agree of $rule.outOf is $decided', ({ frames, rule, decided }) => {
    const decision = decideIdentity(createShots(frames), rule);
    const word =
      decision.kind === 'match'
        ? decision.person
        : decision.kind === 'undecided'
          ? String(decision.leading)
          : decision.reason;
    expect(`${decision.kind} ${word}`.trim()).toBe(decided);
  });

  test('a match names the frames that agree, each with the face it chose, and no others', () => {
    const frames = createShots('anna 95, bert 96, anna 91, anna 93');
    const decision = decideIdentity(frames, threeOfFive);
    expect(decision).toMatchObject({ kind: 'match', person: 'anna' });
    expect(decision.kind === 'match' && decision.agreeing).toEqual(
      [0, 2, 3].map((index) => ({ shot: frames[index], candidate: frames[index]?.candidates[0] })),
    );
  });

  test.each([
    { frames: 'anna 95 + anna@guests 94, anna 93 + anna@guests 94, anna 91', named: 'anna-staff' },
    { frames: 'anna 85 + anna@guests 84, anna@guests 86, anna@guests 81', named: 'anna-guests' },
    { frames: 'anna 95, anna@guests 94 + anna 93, anna@guests 94 + anna 50, anna@guests 94', named: 'anna-guests' },
  ])('of [$frames] is in the first group where enough frames agree: $named', ({ frames, named }) => {
    const decision = decideIdentity(createShots(frames), threeOfFive);
    expect(decision.kind === 'match' && decision.agreeing.map(({ candidate }) => candidate.face.faceId)).toEqual([
      named,
      named,
      named,
    ]);
  });

  test.each([
    { frames: '', decided: 'undecided 0' },
    { frames: 'anna 40, -', decided: 'undecided 0' },
    { frames: 'anna 40, -, -', decided: 'unknown below-threshold' },
    { frames: '-, -, -', decided: 'unknown empty-group' },
    { frames: 'anna 95', decided: 'undecided 1' },
    { frames: 'anna 95, anna 95, -', decided: 'undecided 2' },
    { frames: 'anna 95 + bert 94, anna 95 + bert 94, anna 95 + bert 94', decided: 'unknown tie' },
  ])('on [$frames] at the end of a track is $decided', ({ frames, decided }) => {
    const decision = decideIdentityAtEnd(createShots(frames), threeOfFive);
    expect(`${decision.kind} ${decision.kind === 'unknown' ? decision.reason : decision.leading}`).toBe(decided);
  });

  test.each([
    { frame: 'anna 95 + bert 30', person: 'anna' },
    { frame: 'anna 95 + bert 94', person: undefined },
    { frame: 'anna 85', person: undefined },
    { frame: '-', person: undefined },
  ])('a single frame [$frame] agrees on $person', ({ frame, person }) => {
    expect(findAgreedPerson(present(createShots(frame)[0]), 2)).toBe(person);
  });
});

describe('persons', () => {
  test('are the faces of one externalImageId in the groups of one appKey, and each face without one', () => {
    const one = [
      derivePerson(enrolled('f1', 'anna'), staff),
      derivePerson(enrolled('f2', 'anna'), staff),
      derivePerson(enrolled('f3', 'anna'), guests),
    ];
    expect(new Set(one).size).toBe(1);
    const others = [
      derivePerson(enrolled('f1', 'anna'), staff),
      derivePerson(enrolled('f1', 'bert'), staff),
      derivePerson(enrolled('f1', 'anna'), { ...staff, appKey: 'other' }),
      derivePerson(enrolled('anna'), staff),
      derivePerson(enrolled('anna'), guests),
      derivePerson(enrolled('f3'), staff),
    ];
    expect(new Set(others).size).toBe(6);
  });
});
