// The threshold of a group at a camera: fixed, or derived from the rate of false accepts that is tolerated.
import type { WatchedGroupConfig } from '../config/camera-schema.js';
import { farPerComparison } from '../domain/false-accept.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { IdentityRule } from './identity.js';

/** Returns the similarity from which a shot agrees on a person. A similarity means the same false accept rate in every condition. */
export function findThreshold(
  config: WatchedGroupConfig,
  rule: Pick<IdentityRule, 'agree' | 'outOf'>,
  { scale, falseAccepts }: SimilarityScales,
  enrolledFaces: number,
): number {
  if ('threshold' in config) return config.threshold;
  const far = farPerComparison(config.targetFalseAcceptPerAttempt, { ...rule, enrolledFaces });
  return Math.max(1, scale.fromCosine(falseAccepts.cosineAt(far)));
}
