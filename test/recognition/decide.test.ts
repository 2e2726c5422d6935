// Decisions on a track, by tables: k of n, persons of several faces, flicker, ends.
import { describe, expect, test } from 'vitest';
import { SimilarityScale } from '../../src/domain/similarity.js';
import type { EnrolledFace } from '../../src/gallery/gallery.types.js';
import { candidatesOf, decide, decideAtEnd, personOf, type Ballot } from '../../src/recognition/decide.js';

function enrolled(faceId: string, externalImageId?: string): EnrolledFace {
  return { faceId, imageId: 'i', externalImageId, bbox: { x0: 0, y0: 0, x1: 1, y1: 1 }, detectionScore: 0.9 };
}

/** `anna 95` is a frame whose most similar person is anna, at 95; `-` one of an empty group. */
function ballots(words: string): Ballot[] {
  return words.split(', ').flatMap((word) => {
    if (word === '') return [];
    if (word === '-') return [{ candidates: [] }];
    const [person, similarity] = word.split(' ');
    return [{ candidates: [{ person, face: enrolled(person), similarity: Number(similarity) }] }];
  });
}

const threeOfFive = { threshold: 90, agree: 3, outOf: 5 };
const oneOfOne = { threshold: 90, agree: 1, outOf: 1 };
const oneOfThree = { threshold: 90, agree: 1, outOf: 3 };

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
    { frames: 'anna 95, bert 95, anna 95, bert 95, carl 92', rule: threeOfFive, decided: 'unknown' },
    { frames: 'anna 95, anna 40, anna 40, anna 95, anna 40', rule: threeOfFive, decided: 'unknown' },
    { frames: 'anna 40, bert 30, anna 20, bert 50', rule: threeOfFive, decided: 'undecided 0' },
    { frames: 'anna 40, bert 30, anna 20, bert 50, carl 10', rule: threeOfFive, decided: 'unknown' },
    { frames: '-, -, -, -', rule: threeOfFive, decided: 'undecided 0' },
    { frames: '-, -, -, -, -', rule: threeOfFive, decided: 'unknown' },
    { frames: '-, anna 95, -, anna 95, anna 95', rule: threeOfFive, decided: 'match anna' },
    { frames: 'anna 95, anna 95, -, -, -, anna 95', rule: threeOfFive, decided: 'unknown' },
    { frames: '-, -, anna 95, -, anna 95, anna 95', rule: threeOfFive, decided: 'match anna' },
    { frames: 'anna 95', rule: oneOfOne, decided: 'match anna' },
    { frames: 'anna 12', rule: oneOfOne, decided: 'unknown' },
    { frames: 'anna NaN', rule: oneOfOne, decided: 'unknown' },
    { frames: 'anna 95, bert 97, bert 91', rule: oneOfThree, decided: 'match bert' },
    { frames: 'anna 95, bert 97', rule: oneOfThree, decided: 'match bert' },
  ])('on [$frames] with $rule.agree of $rule.outOf is $decided', ({ frames, rule, decided }) => {
    const decision = decide(ballots(frames), rule);
    const word =
      decision.kind === 'match' ? decision.person : decision.kind === 'undecided' ? String(decision.leading) : '';
    expect(`${decision.kind} ${word}`.trim()).toBe(decided);
  });

  test('a match names the frames that agree, each with the face it chose, and no others', () => {
    const frames = ballots('anna 95, bert 96, anna 91, anna 93');
    const decision = decide(frames, threeOfFive);
    expect(decision).toMatchObject({ kind: 'match', person: 'anna' });
    expect(decision.kind === 'match' && decision.agreeing).toEqual(
      [0, 2, 3].map((index) => ({ ballot: frames[index], chosen: frames[index].candidates[0] })),
    );
  });

  test.each([
    { frames: '', decided: 'undecided' },
    { frames: 'anna 40, -', decided: 'undecided' },
    { frames: 'anna 40, -, -', decided: 'unknown' },
    { frames: 'anna 95, anna 95, -', decided: 'unknown' },
  ])('on [$frames] at the end of a track is $decided', ({ frames, decided }) => {
    expect(decideAtEnd(ballots(frames), threeOfFive)).toBe(decided);
  });
});

describe('persons', () => {
  test('are the faces of one externalImageId, and each face without one', () => {
    expect(personOf(enrolled('f1', 'anna'))).toBe(personOf(enrolled('f2', 'anna')));
    const others = [enrolled('f1', 'anna'), enrolled('f1', 'bert'), enrolled('anna'), enrolled('f3')];
    expect(new Set(others.map(personOf)).size).toBe(4);
  });

  test('stand as candidates by their most similar face, most similar first', () => {
    const scale = new SimilarityScale([{ cosine: 0.5, similarity: 90 }]);
    const found = candidatesOf(
      [
        { face: enrolled('a2', 'anna'), cosine: 0.75 },
        { face: enrolled('b1', 'bert'), cosine: 0.5 },
        { face: enrolled('a1', 'anna'), cosine: 0.4 },
        { face: enrolled('x'), cosine: -0.3 },
      ],
      scale,
    );
    expect(found.map(({ face, similarity }) => [face.faceId, similarity])).toEqual([
      ['a2', 95],
      ['b1', 90],
      ['x', 0],
    ]);
  });
});
