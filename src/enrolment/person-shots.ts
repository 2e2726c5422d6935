// Decisions on the shots of a guided enrolment: which of them show one person, whether that person is live, which faces to enrol.
import type { EmbeddedFace } from '../domain/embedding.js';
import { compareTemplates } from '../domain/reported-similarity.js';
import type { SimilarityScales } from '../domain/similarity-scales.js';
import { fuseLiveness, type LivenessVerdict } from '../recognition/liveness.js';
import { NO_EVIDENCE, type Evidence } from '../recognition/presentation-evidence.js';
import { EnrolmentRefused, type FrameReason } from './enrolment-refused.js';
import { pickPoses } from './poses.js';
import type { EnrolmentShot } from './shot-collector.js';

/** Similarity from which two shots show one person: one false accept in 10,000 comparisons. */
const SAME_PERSON_SIMILARITY = 80;
/** Share of the shots that must show the person of the best one; a shot that is blurred by movement may fail. */
const MIN_SAME_SHARE = 0.8;

export interface EmbeddedShot extends EnrolmentShot, EmbeddedFace {}

/** At least one shot, best quality first. */
export type PersonShots = readonly [EmbeddedShot, ...EmbeddedShot[]];

/**
 * Returns why a shot is not fit, as its embedding shows; undefined where it is. Where there is no mask model, the embedding tells whether
 * the face is masked.
 */
export function judgeEmbedded(
  { condition, masked }: Pick<EmbeddedShot, 'condition' | 'masked'>,
  scales: SimilarityScales,
): FrameReason | undefined {
  if (!scales.isRecognisable(condition)) return 'not-recognisable';
  return masked === undefined && condition?.masked === true ? 'masked' : undefined;
}

/**
 * Returns the shots that show the person of the best one, best quality first.
 * @param shots at least one
 * @throws EnrolmentRefused not-the-same-person
 */
export function selectPersonShots(shots: readonly EmbeddedShot[], scales: SimilarityScales): PersonShots {
  const [best, ...others] = shots.toSorted((a, b) => b.quality - a.quality);
  if (!best) throw new TypeError('at least one shot is needed');
  const same = others.filter((shot) => compareTemplates(best, shot, scales) >= SAME_PERSON_SIMILARITY);
  if (1 + same.length < MIN_SAME_SHARE * shots.length) throw new EnrolmentRefused('not-the-same-person');
  return [best, ...same];
}

/** Decides on the liveness of one person as recognition does. @param threshold score from which a shot counts as live */
export function judgeLiveness(
  shots: readonly EmbeddedShot[],
  threshold: number,
  evidence: Evidence = NO_EVIDENCE,
): LivenessVerdict {
  const samples = shots.map(({ livenessScore = NaN, quality }) => ({ score: livenessScore, quality }));
  return fuseLiveness(samples, { threshold, isSuspect: false, evidence }).verdict;
}

/** Returns the best shot, and up to `count - 1` further ones that differ in pose from each other. */
export function chooseFaces(shots: PersonShots, count: number): [EmbeddedShot, ...EmbeddedShot[]] {
  const [best] = shots;
  return [best, ...pickPoses(shots, count).filter((shot) => shot !== best)];
}
