// Route of the similarities within a group, and of what the thresholds in force promise for it.
import * as z from 'zod';
import { countShare } from '../../domain/binomial.js';
import { rounded } from '../../domain/face.js';
import { acceptsPerAttempt } from '../../domain/false-accept.js';
import { SIMILARITY_BINS } from '../../domain/similarity-tally.js';
import type { SimilarityScales } from '../../domain/similarity-scales.js';
import { clientError } from '../../errors.js';
import type { GroupSimilarities, MeasuredSimilarities } from '../../gallery/group-similarities.js';
import { appKeyName, findGroupRef } from './groups.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import type { ThresholdInForce } from './services.js';
import { similaritiesAnswer } from './trust-answers.js';

type Answer = z.output<typeof similaritiesAnswer>;
type ComparedShare = Answer['cameras'][number]['impostors'];

/** Rule of three: where fewer are expected, to find none is no surprise, and says nothing. */
const LEAST_EXPECTED = 3;

export const similarityRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showSimilarities',
    summary: 'How alike the faces of a group are, and what the thresholds in force promise for it',
    description:
      'Pairs of faces of one externalImageId and of two, and the nearest other person of each face, on the scale and with the corrections ' +
      'that the cameras use. Of large groups a sample is compared. The result is kept until the group changes.',
    role: 'viewer',
    method: 'GET',
    path: '/groups/:groupId/similarities',
    query: z.strictObject({ appKey: appKeyName }),
    data: similaritiesAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND', 'MODEL_VERSION_MISMATCH', 'SERVER_BUSY', 'STORE_UNAVAILABLE'],
    handle: async (services, { params: { groupId }, query: { appKey }, actor }) => {
      const ref = findGroupRef(services, appKey, groupId);
      const { modelVersion, faceCount } = services.gallery.group(ref);
      const scales = services.findScales(modelVersion);
      if (!scales) {
        throw clientError('MODEL_VERSION_MISMATCH', 'The models that the group was enrolled under are not installed.');
      }
      await services.viewAudit.recordMeasurement(ref, actor);
      const inForce = services.listThresholds({ appKey, groupId, scales, enrolledFaces: faceCount });
      const thresholds = inForce.map(({ threshold }) => threshold);
      const found = await services.gallery.similarities.measure(ref, { scales, thresholds });
      const cameras = inForce.map((one, i) => describeCamera(one, found, i, scales));
      return { json: { groupId, modelVersion, ...describeGroup(found), falseAcceptRates: listRates(scales), cameras } };
    },
  }),
];

function describeGroup(
  found: GroupSimilarities,
): Omit<Answer, 'groupId' | 'modelVersion' | 'falseAcceptRates' | 'cameras'> {
  const { genuine, impostor, nearest, ...rest } = found;
  return {
    ...rest,
    genuine: describeDistribution(genuine),
    impostor: describeDistribution(impostor),
    nearest: describeDistribution(nearest),
  };
}

function describeDistribution({ count, possible, bins, percentiles }: MeasuredSimilarities): Answer['genuine'] {
  return { compared: count, possible, bins, ...(percentiles && { percentiles }) };
}

/** @param index position of the camera's threshold among those that were measured */
function describeCamera(
  inForce: ThresholdInForce,
  { faces, genuine, impostor, nearest, persons, ...left }: GroupSimilarities,
  index: number,
  scales: SimilarityScales,
): Answer['cameras'][number] {
  const { threshold, agree, outOf, targetFalseAcceptPerAttempt } = inForce;
  const rate = promiseRate(scales, threshold);
  const named = faces - left.unrecognisable - left.unnamed;
  const others = persons < 2 ? 0 : named - Math.round(named / persons);
  const missed = genuine.count - (genuine.reached[index] ?? 0);
  return {
    cameraId: inForce.cameraId,
    threshold: rounded(threshold, 1e4),
    ...(targetFalseAcceptPerAttempt !== undefined && { targetFalseAcceptPerAttempt }),
    agree,
    outOf,
    falseAcceptsPerAttempt: acceptsPerAttempt(rate, { enrolledFaces: faces, agree, outOf }),
    impostors: compareShare(impostor, index, rate),
    // One frame that is compared with the faces of all others.
    lookalikes: compareShare(nearest, index, acceptsPerAttempt(rate, { enrolledFaces: others, agree: 1, outOf: 1 })),
    missed: describeShare(missed, genuine.count),
  };
}

function compareShare({ reached, count }: MeasuredSimilarities, index: number, expected: number): ComparedShare {
  const share = describeShare(reached[index] ?? 0, count);
  return { ...share, expected, verdict: judgeShare(share, expected) };
}

function judgeShare(
  { of, low, high }: Answer['cameras'][number]['missed'],
  expected: number,
): ComparedShare['verdict'] {
  if (low > expected) return 'higher';
  if (of * expected < LEAST_EXPECTED) return 'too-few';
  return high < expected ? 'lower' : 'as-expected';
}

function describeShare(count: number, of: number): Answer['cameras'][number]['missed'] {
  const { low, high } = countShare(count, of);
  return { count, of, low, high };
}

/** Returns the promised share of comparisons of strangers that reach each whole similarity. */
function listRates(scales: SimilarityScales): number[] {
  return Array.from({ length: SIMILARITY_BINS + 1 }, (_, similarity) => promiseRate(scales, similarity));
}

function promiseRate({ scale, falseAccepts }: SimilarityScales, similarity: number): number {
  return similarity <= 0 ? 1 : falseAccepts.farAt(scale.toCosine(similarity));
}
