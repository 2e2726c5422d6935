// What each liveness mode of a camera demands, and which threshold goes with it.
import { expect, test } from 'vitest';
import { demandsChallenge, demandsLiveness, pickLivenessThreshold } from '../../src/recognition/liveness-mode.js';

test.each([
  { liveness: 'challenge', isLivenessDemanded: true, isChallengeDemanded: true, threshold: 4 },
  { liveness: 'required', isLivenessDemanded: true, isChallengeDemanded: false, threshold: 4 },
  { liveness: 'observe', isLivenessDemanded: false, isChallengeDemanded: false, threshold: 1 },
  { liveness: 'off', isLivenessDemanded: false, isChallengeDemanded: false, threshold: 1 },
] as const)('$liveness', ({ liveness, isLivenessDemanded, isChallengeDemanded, threshold }) => {
  expect(demandsLiveness(liveness)).toBe(isLivenessDemanded);
  expect(demandsChallenge(liveness)).toBe(isChallengeDemanded);
  const camera = { liveness, livenessThreshold: undefined };
  expect(pickLivenessThreshold(camera, { balanced: 1, strict: 4 })).toBe(threshold);
  expect(pickLivenessThreshold({ ...camera, livenessThreshold: 2 }, { balanced: 1, strict: 4 })).toBe(2);
  expect(pickLivenessThreshold(camera, undefined)).toBeUndefined();
});
