// The evaluation of a liveness trial: error rates, their bounds, and the suggested threshold.
import { describe, expect, test } from 'vitest';
import {
  judgeTrial,
  computeErrorRate,
  type TrialAttempt,
  type Presentation,
} from '../../src/recognition/liveness-trial.js';

function attempt(presentation: Presentation, ...scores: number[]): TrialAttempt {
  return { presentation, samples: scores.map((score) => ({ score, quality: 0.9 })) };
}

const steady = (presentation: Presentation, score: number): TrialAttempt =>
  attempt(presentation, score, score + 0.1, score - 0.1, score, score);

describe('a trial of liveness', () => {
  test('counts attacks that pass and live people who do not', () => {
    const report = judgeTrial(
      [
        steady('live', 3),
        steady('live', -2),
        attempt('live'),
        steady('print', -3),
        steady('print', 2),
        steady('screen', -1),
      ],
      0,
    );
    expect(report.apcer.print).toMatchObject({ errors: 1, attempts: 2, rate: 0.5 });
    expect(report.apcer.screen).toMatchObject({ errors: 0, attempts: 1, rate: 0 });
    expect(report.apcer.worst).toEqual(report.apcer.print);
    expect(report.bpcer).toMatchObject({ errors: 2, attempts: 3 });
    expect(report.verdicts.map(({ verdict }) => verdict)).toEqual([
      'live',
      'spoof',
      'unsure',
      'spoof',
      'live',
      'spoof',
    ]);
  });

  test('suggests the threshold between what is live and what is not', () => {
    const attempts = [steady('live', 1), steady('live', 4), steady('print', -2), steady('screen', 0)];
    expect(judgeTrial(attempts, 2).suggested).toEqual({ threshold: 0.5, apcer: 0, bpcer: 0 });
  });

  test('prefers to err on the side of the door that stays shut', () => {
    const attempts = [steady('live', 1), steady('live', 4), steady('print', 2)];
    expect(judgeTrial(attempts, 0).suggested).toMatchObject({ apcer: 0, bpcer: 0.5, threshold: 3 });
  });

  test('suggests nothing where attacks look as alive as people', () => {
    const attempts = [steady('live', 3), steady('print', 3), steady('screen', 4)];
    expect(judgeTrial(attempts, 0).suggested).toBeUndefined();
  });

  test('counts evidence as recognition does: it contradicts the scores, and a doubt holds them back', () => {
    const seen = (one: TrialAttempt, evidence: TrialAttempt['evidence']): TrialAttempt => ({
      ...one,
      evidence: evidence!,
    });
    const report = judgeTrial(
      [
        steady('live', 3),
        seen(steady('live', 3), { attack: [], doubts: ['border'] }),
        seen(steady('print', 5), { attack: ['pattern'], doubts: [] }),
        seen(steady('screen', 5), { attack: [], doubts: ['border'] }),
        steady('screen', -3),
      ],
      0,
    );
    expect(report.verdicts.map(({ verdict }) => verdict)).toEqual(['live', 'unsure', 'spoof', 'unsure', 'spoof']);
    expect(report.verdicts[2]!.evidence).toEqual(['pattern']);
    expect(report.apcer.worst).toMatchObject({ errors: 0 });
    expect(report.bpcer).toMatchObject({ errors: 1, attempts: 2 });
    // The attacks with evidence pass at no threshold; the doubtful live attempt fails at each.
    expect(report.suggested).toEqual({ threshold: 0, apcer: 0, bpcer: 0.5 });
  });

  test('suggests nothing where evidence decides alone', () => {
    const evidence = { attack: ['grey'], doubts: [] } as const;
    expect(
      judgeTrial(
        [
          { ...steady('live', 3), evidence },
          { ...steady('print', 3), evidence },
        ],
        0,
      ).suggested,
    ).toBeUndefined();
  });

  test('suggests nothing where one side is missing', () => {
    expect(judgeTrial([steady('live', 1)], 0).suggested).toBeUndefined();
    expect(judgeTrial([steady('print', 1), attempt('live')], 0).suggested).toBeUndefined();
  });

  test.each([
    // Rule of three: about 3 / n; the table of Clopper and Pearson for the others.
    [0, 5, 0.451],
    [0, 300, 0.00994],
    [1, 10, 0.394],
    [5, 5, 1],
    [0, 0, 1],
  ])('%i errors in %i attempts may be a rate of %f', (errors, attempts, upper) => {
    expect(computeErrorRate(errors, attempts).upper).toBeCloseTo(upper, 3);
  });
});
