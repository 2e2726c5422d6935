// Schemas of the answers about trust: how alike the faces of a group are, what the thresholds promise, and what was decided.
import * as z from 'zod';
import { PERCENTILES, SIMILARITY_BINS, type Percentiles } from '../../domain/similarity-tally.js';
import { LIVENESS_MODES } from '../../domain/liveness-modes.js';
import { EVENT_TYPES, LIVENESS_VERDICTS, REASONS, type Reason } from '../../events/event.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);
const similarity = z.number().min(0).max(100);
const time = z.iso.datetime();

const percentiles = z
  .object(
    Object.fromEntries(PERCENTILES.map((percent) => [`p${percent}`, similarity])) as Record<
      keyof Percentiles,
      typeof similarity
    >,
  )
  .meta({ description: 'Similarities that 1 %, 5 % and so on of the values do not exceed. Absent without values.' });

const distribution = z
  .object({
    compared: count.meta({ description: 'Number of values.' }),
    possible: count.meta({ description: 'Number of all pairs, or faces, of this kind; a part of them is a sample.' }),
    bins: z
      .array(count)
      .length(SIMILARITY_BINS)
      .meta({ description: 'Number of values from 0 to below 1, from 1 to below 2, and so on to 100.' }),
    percentiles: percentiles.optional(),
  })
  .meta({ id: 'SimilarityDistribution' });

export const MEASURED_VERDICTS = ['higher', 'lower', 'as-expected', 'too-few'] as const;

const measured = z
  .object({
    count,
    of: count,
    low: fraction.meta({
      description: 'Lower end of the interval of Clopper and Pearson, 95 %, of independent values.',
    }),
    high: fraction.meta({ description: 'Upper end of the interval.' }),
  })
  .meta({ id: 'MeasuredShare' });

const compared = measured
  .extend({
    expected: fraction,
    verdict: z.enum(MEASURED_VERDICTS).meta({
      description:
        'higher, lower: the interval lies above or below what is expected. too-few: fewer than three would be expected, so that the ' +
        'measurement says nothing about it.',
    }),
  })
  .meta({ id: 'ComparedShare' });

export const similaritiesAnswer = z.object({
  groupId: z.string(),
  modelVersion: z.string(),
  faces: count.meta({ description: 'Number of all faces of the group.' }),
  persons: count.meta({ description: 'People by externalImageId who have a recognisable face.' }),
  unrecognisable: count.meta({ description: 'Faces that are left out, because they match nobody.' }),
  unnamed: count.meta({ description: 'Faces that are left out, because they have no externalImageId.' }),
  genuine: distribution.meta({ description: 'Pairs of two faces of one externalImageId.' }),
  impostor: distribution.meta({ description: 'Pairs of two faces of different externalImageIds.' }),
  nearest: distribution.meta({
    description: 'For each face, the most similar person of another externalImageId, as a camera searches.',
  }),
  mostAlike: z
    .array(z.object({ persons: z.tuple([z.string(), z.string()]), similarity }))
    .meta({ description: 'The people who are most alike of those that were compared; two ids may be one person.' }),
  falseAcceptRates: z
    .array(fraction)
    .length(SIMILARITY_BINS + 1)
    .meta({
      description: 'Promised share of comparisons of strangers that reach the similarity 0, 1, and so on to 100.',
    }),
  cameras: z.array(
    z.object({
      cameraId: z.string(),
      threshold: similarity.meta({ description: 'Threshold in force for the present size of the group.' }),
      targetFalseAcceptPerAttempt: fraction
        .optional()
        .meta({ description: 'The target that the threshold follows from; absent where the threshold is fixed.' }),
      agree: z.int().min(1),
      outOf: z.int().min(1),
      falseAcceptsPerAttempt: fraction.meta({
        description:
          'Share of the attempts of strangers that end in a false accept at most, as the calibration promises it.',
      }),
      impostors: compared.meta({ description: 'Pairs of two people that reach the threshold.' }),
      lookalikes: compared.meta({ description: 'Faces for which a person of another externalImageId reaches it.' }),
      missed: measured.meta({ description: 'Pairs of one person that do not reach it.' }),
    }),
  ),
});

export const decisionListAnswer = z.object({
  counts: z
    .array(
      z.object({
        cameraId: z.string(),
        groupId: z.string(),
        type: z.enum(EVENT_TYPES),
        reason: z.enum(Object.keys(REASONS) as [Reason, ...Reason[]]),
        count: z.int().min(1),
      }),
    )
    .meta({ description: 'Number of decisions of this page, the most frequent first.' }),
  decisions: z.array(
    z
      .object({
        sequence: z.int().min(1),
        decidedAt: time,
        cameraId: z.string(),
        groupId: z.string(),
        type: z.enum(EVENT_TYPES),
        reason: z.enum(Object.keys(REASONS) as [Reason, ...Reason[]]),
        externalImageId: z.string().optional(),
        similarity: similarity.optional(),
        threshold: z.number().min(1).max(100),
        liveness: z.object({ mode: z.enum(LIVENESS_MODES), verdict: z.enum(LIVENESS_VERDICTS) }).optional(),
      })
      .meta({ id: 'Decision' }),
  ),
  before: z.int().optional().meta({ description: 'Value of `before` for the next page.' }),
  next: z.string().optional().meta({ description: 'Path of the next page; absent on the last page.' }),
});
