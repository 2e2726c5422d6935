// The threshold of a group at a camera: fixed, or derived from the rate of false accepts that is tolerated.
import type { WatchedGroupConfig } from '../config/camera-schema.js';
import { farPerComparison } from '../domain/false-accept.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { ThresholdBasis } from '../events/grounds.js';
import type { IdentityRule } from './identity.js';

/** Threshold of a group at one moment, and why it is this one. */
export interface GroupThreshold {
  /** Similarity from which a shot agrees on a person, 1..100. */
  threshold: number;
  basis: ThresholdBasis;
}

/** Returns the similarity from which a shot agrees on a person. A similarity means the same false accept rate in every condition. */
export function findThreshold(...parameters: Parameters<typeof explainThreshold>): number {
  return explainThreshold(...parameters).threshold;
}

/** Finds the threshold of a group, and why it is this one. */
export function explainThreshold(
  config: WatchedGroupConfig,
  rule: Pick<IdentityRule, 'agree' | 'outOf'>,
  { scale, falseAccepts }: SimilarityScales,
  enrolledFaces: number,
): GroupThreshold {
  if ('threshold' in config) return { threshold: config.threshold, basis: { source: 'configured' } };
  const { targetFalseAcceptPerAttempt } = config;
  const far = farPerComparison(targetFalseAcceptPerAttempt, { ...rule, enrolledFaces });
  const cosine = falseAccepts.cosineAt(far);
  const bound = falseAccepts.nameBound(cosine);
  return {
    threshold: Math.max(1, scale.fromCosine(cosine)),
    basis: {
      source: 'target',
      targetFalseAcceptPerAttempt,
      enrolledFaces,
      falseAcceptPerComparison: Number(far.toPrecision(3)),
      ...(bound && { bound }),
    },
  };
}
