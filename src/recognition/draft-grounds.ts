// Writes the grounds of a decision: what each shot said, and the rules that the shots were measured by.
import type { CameraConfig } from '../config/camera-schema.js';
import { dotBiases } from '../domain/bias.js';
import { rounded } from '../domain/face.js';
import { MAX_GROUND_SHOTS, type GroundShot, type GroundsDraft } from '../events/grounds.js';
import { nameShotResult, type Candidate, type CandidateGroup } from './identity.js';
import type { SearchedShot } from './shot.js';
import type { TrackDecision } from './track-decision.js';

export interface GroundsContext {
  /** The shot that the event shows. */
  shown: SearchedShot;
  /** The group that the event names. */
  group: CandidateGroup;
  /** Models in use. */
  modelVersion: string;
}

/** Writes the grounds of a decision. Numbers are rounded, and there are at most MAX_GROUND_SHOTS shots: those that agreed, and the newest. */
export function draftGrounds(
  { agree, outOf, margin, mask }: Pick<CameraConfig, 'agree' | 'outOf' | 'margin' | 'mask'>,
  decided: TrackDecision,
  { shown, group, modelVersion }: GroundsContext,
): GroundsDraft {
  const { firstSeenMs, decidedAtMs, liveness } = decided;
  const { shots, omitted } = listShots(decided, margin, group);
  return {
    trackBeganAt: new Date(shown.capturedAtMs - Math.max(0, shown.atMs - firstSeenMs)).toISOString(),
    decidedAfterMs: countMs(decidedAtMs - firstSeenMs),
    agree,
    outOf,
    margin,
    mask,
    ...(liveness && { liveness: describeLivenessRule(liveness) }),
    threshold: {
      value: group.threshold,
      ...(group.basis && { basis: group.basis }),
      scale: group.modelVersion ?? modelVersion,
    },
    shots,
    ...(omitted > 0 && { omittedShots: omitted }),
  };
}

function describeLivenessRule({ mode, threshold }: NonNullable<TrackDecision['liveness']>): GroundsDraft['liveness'] {
  return { mode, ...(threshold !== undefined && { threshold }) };
}

function listShots(
  { grounds, shots, livenessSamples, firstSeenMs, person }: TrackDecision,
  margin: number,
  group: CandidateGroup,
): { shots: GroundShot[]; omitted: number } {
  const agreed = new Set(person === undefined ? [] : grounds.map(({ shot }) => shot));
  // A shot that agreed may have left the track since.
  const searched = [...new Set([...agreed, ...shots])];
  const kept = new Set(searched.map(({ atMs }) => atMs));
  const all: { atMs: number; isAgreed: boolean; shot: GroundShot }[] = searched.map((shot) => {
    const isAgreed = agreed.has(shot);
    return { atMs: shot.atMs, isAgreed, shot: describeShot(shot, { firstSeenMs, margin, group, isAgreed }) };
  });
  for (const { atMs, quality, score } of livenessSamples) {
    if (kept.has(atMs)) continue;
    const shot = { atMs: countMs(atMs - firstSeenMs), quality: rounded(quality, 1e3), ...describeScore(score) };
    all.push({ atMs, isAgreed: false, shot });
  }
  const chosen = all
    .sort((a, b) => Number(b.isAgreed) - Number(a.isAgreed) || b.atMs - a.atMs)
    .slice(0, MAX_GROUND_SHOTS)
    .sort((a, b) => a.atMs - b.atMs);
  return { shots: chosen.map(({ shot }) => shot), omitted: all.length - chosen.length };
}

interface ShotContext {
  firstSeenMs: number;
  margin: number;
  group: CandidateGroup;
  isAgreed: boolean;
}

function describeShot(shot: SearchedShot, { firstSeenMs, margin, group, isAgreed }: ShotContext): GroundShot {
  const { candidates, condition, masked, livenessScore } = shot;
  const [first] = candidates;
  const second = candidates.find(({ person }) => person !== first?.person);
  return {
    atMs: countMs(shot.atMs - firstSeenMs),
    quality: rounded(shot.quality, 1e3),
    result: nameShotResult(shot, margin),
    ...(isAgreed && { agreed: true }),
    ...(first && { first: describeCandidate(first, group) }),
    ...(second && { second: describeCandidate(second, group) }),
    ...(livenessScore !== undefined && describeScore(livenessScore)),
    ...(masked !== undefined && { masked }),
    ...(condition && { recognisability: rounded(condition.recognisability, 1e3) }),
    ...(condition?.bias && { correction: rounded(Math.max(0, dotBiases(condition.bias, condition.bias)), 1e3) }),
  };
}

function describeCandidate({ face, similarity, group }: Candidate, shown: CandidateGroup): GroundShot['first'] {
  return {
    ...(face.externalImageId === undefined ? { faceId: face.faceId } : { externalImageId: face.externalImageId }),
    ...(group.groupId !== shown.groupId && { groupId: group.groupId }),
    similarity,
  };
}

/** A score that is not finite does not count for the liveness, and has no JSON. */
function describeScore(score: number): { liveness?: number } {
  return Number.isFinite(score) ? { liveness: rounded(score, 1e2) } : {};
}

/** Whole milliseconds, at least 0. */
function countMs(ms: number): number {
  return Math.max(0, Math.round(ms));
}
