// The fused liveness decision, by tables of the scores that a camera may see of an attacker and of a person.
import { describe, expect, test } from 'vitest';
import { fuseLiveness } from '../../src/recognition/liveness.js';

const samples = (scores: string, quality = 0.8) =>
  scores
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ score: Number(word), quality }));

describe('the verdict', () => {
  test.each([
    { scores: '', verdict: 'unsure' },
    { scores: '9', verdict: 'unsure', score: 9 },
    { scores: '9 9', verdict: 'unsure', score: 9 },
    { scores: '1 2 3', verdict: 'live', score: 2 },
    { scores: '-1 -2 -3', verdict: 'spoof', score: -2 },
    { scores: '1 2 -1', verdict: 'unsure', score: 1 },
    { scores: '-9 -9 30', verdict: 'unsure', score: -9 },
    { scores: '3 3 3 -1', verdict: 'unsure', score: 3 },
    // One bad frame blocks nobody, and one lucky frame passes nobody, however far it is from the threshold.
    { scores: '3 3 3 3 -50', verdict: 'live', score: 3 },
    { scores: '-1 -1 -1 -1 50', verdict: 'spoof', score: -1 },
    { scores: '3 3 3 -1 -1', verdict: 'unsure', score: 3 },
    { scores: '3 3 -1 -1 -1', verdict: 'unsure', score: -1 },
    // A print that looks alive in every other frame never passes.
    { scores: '3 -3 3 -3 3 -3 3 -3 3 -3 3 -3', verdict: 'unsure', score: -3 },
    { scores: '0 0 0', verdict: 'live', score: 0 },
    { scores: 'NaN 1 2 3 NaN', verdict: 'live', score: 2 },
    { scores: 'NaN NaN NaN', verdict: 'unsure' },
    { scores: 'Infinity 1 1', verdict: 'unsure', score: 1 },
  ])('on [$scores] is $verdict', ({ scores, verdict, score }) => {
    const fused = fuseLiveness(samples(scores), { threshold: 0, isSuspect: false });
    expect(fused).toEqual({ verdict, ...(score !== undefined && { score }) });
  });

  test.each([
    { scores: '3 3 3 3 3 3', verdict: 'unsure' },
    { scores: '3 3 3 3 3 3 3', verdict: 'live' },
    { scores: '-3 -3 3 3 3 3 3', verdict: 'live' },
    { scores: '-3 -3 -3 3 3 3 3', verdict: 'unsure' },
    { scores: '-3 -3 -3', verdict: 'spoof' },
  ])('on [$scores] of a face that was a spoof before is $verdict', ({ scores, verdict }) => {
    expect(fuseLiveness(samples(scores), { threshold: 0, isSuspect: true }).verdict).toBe(verdict);
  });

  test('depends on the threshold', () => {
    for (const [threshold, verdict] of [
      [-1, 'live'],
      [0.5, 'spoof'],
    ] as const) {
      // prettier-ignore
      expect(fuseLiveness(samples('0 0 0'), { threshold, isSuspect: false }).verdict).toBe(verdict);
    }
  });

  test('is not turned by two excellent frames against three poor ones', () => {
    const mixed = [...samples('5 5', 1), ...samples('-5 -5 -5', 0)];
    expect(fuseLiveness(mixed, { threshold: 0, isSuspect: false })).toEqual({ verdict: 'unsure', score: -5 });
    const turned = [...samples('5 5 5', 0), ...samples('-5 -5', 1)];
    expect(fuseLiveness(turned, { threshold: 0, isSuspect: false }).verdict).toBe('unsure');
  });
});
