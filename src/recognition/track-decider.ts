// Decides on tracks: when a decision is made, from identity, liveness and circumstances, and what becomes of the track afterwards.
import type { CameraConfig } from '../config/camera-schema.js';
import type { TrustGuard } from '../domain/trust.js';
import type { EventDraft } from '../events/event.js';
import type { TrackProbe } from './appearances.js';
import type { Challenges } from './challenges.js';
import { decide, type Circumstances, type Decision } from './decision.js';
import type { EventReporter, ReportResult } from './event-reporter.js';
import { decideIdentity, decideIdentityAtEnd, findAgreedCandidate, type Identity } from './identity.js';
import { fuseLiveness, type FusedLiveness } from './liveness.js';
import { demandsLiveness } from './liveness-mode.js';
import type { Patience } from './patience.js';
import type { Evidence } from './presentation-evidence.js';
import type { SearchedShot } from './shot.js';
import type { Track } from './track.js';
import type { WatchedGroups } from './watched-groups.js';

/** Interval of the shots of a provisional track; a tenth of the time to live of an event where that is shorter. */
const RETRY_MS = 500;
const MIN_RETRY_MS = 100;
/** An unknown person who stays is decided again at most this often: each decision is another chance of a false accept. */
const MAX_REDECISIONS = 2;

type DecidedIdentity = Exclude<Identity<SearchedShot>, { kind: 'undecided' }>;
type MatchedIdentity = Extract<DecidedIdentity, { kind: 'match' }>;

/** `waiting`: further shots may come. `last`: none is waited for. `over`: the track has ended. */
type Stage = 'waiting' | 'last' | 'over';

export interface TrackDeciderParts {
  config: CameraConfig;
  /** Limits that follow the pace of the camera. */
  patience: Pick<Patience, 'maxWaitMs' | 'shotLifeMs' | 'isTooSlowForChallenge'>;
  groups: WatchedGroups;
  reporter: EventReporter;
  challenges: Challenges;
  hasLiveness: boolean;
  /** Score from which a shot counts as live. */
  livenessThreshold: number;
  trust: TrustGuard;
  cameraProblem?: (() => string | undefined) | undefined;
}

/** All asynchronous methods resolve when the event that follows, if any, is stored. Times are parameters and must not decrease. */
export class TrackDecider {
  readonly #parts: TrackDeciderParts;
  readonly #retryMs: number;
  /** Number of tracks that ended with too few good shots for a decision. */
  undecided = 0;

  constructor(parts: TrackDeciderParts) {
    this.#parts = parts;
    const { eventTtlMs } = parts.config;
    this.#retryMs = Math.max(MIN_RETRY_MS, Math.min(RETRY_MS, eventTtlMs / 10));
  }

  /** Call it after each new shot of the track. */
  async onShot(track: Track, nowMs: number): Promise<void> {
    if (track.state === 'open') return this.#decide(track, nowMs);
    if (track.state === 'provisional') return this.#decideAgain(track, nowMs);
  }

  /** Call it once for each frame that shows the track, with or without a shot. */
  async onFrame(track: Track, nowMs: number): Promise<void> {
    const { state, agreed, challenge, dueAtMs } = track;
    if (state === 'open' && agreed && challenge && this.#parts.challenges.judge(track) !== 'passed') {
      return this.#conclude(track, { kind: 'match', ...agreed }, 'waiting', nowMs);
    }
    if (state === 'open' && agreed && nowMs - agreed.sinceMs >= this.#parts.patience.maxWaitMs) {
      return this.#conclude(track, { kind: 'match', ...agreed }, 'last', nowMs);
    }
    if (state === 'settled' && dueAtMs !== undefined && nowMs >= dueAtMs) track.reopen(this.#parts.config.outOf);
  }

  /**
   * Reopens a settled track whose check showed an enrolled person, where it was unknown: the person may have been enrolled, or have
   * uncovered their face, since.
   * @param person the person that the check agrees on
   * @returns whether it was reopened
   */
  reopens(track: Track, person: string | undefined): boolean {
    if (track.decision?.type !== 'unknown' || person === undefined) return false;
    if (track.redecisions >= MAX_REDECISIONS) return false;
    track.redecisions++;
    track.reopen(this.#parts.config.outOf);
    return true;
  }

  /** Call it before `onShot` when the newest shot of the track is an answer to its challenge. */
  onAnswer(track: Track, nowMs: number): void {
    const { config, challenges } = this.#parts;
    const { challenge, agreed } = track;
    const shot = track.shots.at(-1);
    if (!challenge || !agreed || !shot) return;
    const candidate = findAgreedCandidate(shot, config.margin);
    challenge.answer(candidate?.person);
    // The event must show the turned head as well, so that it does not arrive expired.
    if (candidate?.person === agreed.person) agreed.agreeing.push({ shot, candidate });
    // From now on it waits for the liveness verdict alone.
    if (challenges.judge(track) === 'passed') agreed.sinceMs = nowMs;
  }

  /** Call it when the track has ended. */
  async onEnd(track: Track, nowMs: number): Promise<void> {
    if (track.state !== 'open') return;
    if (track.agreed) return this.#conclude(track, { kind: 'match', ...track.agreed }, 'over', nowMs);
    const identity = decideIdentityAtEnd(track.shots, this.#parts.config);
    if (identity.kind === 'unknown') return this.#conclude(track, identity, 'over', nowMs);
    if (identity.leading === 0) {
      this.undecided++;
      return;
    }
    const { verdict } = this.#judgeLiveness(track, undefined);
    const isSpoof = demandsLiveness(this.#parts.config.liveness) && verdict === 'spoof';
    const decision: Decision = isSpoof
      ? { type: 'spoof', reason: 'not-alive' }
      : { type: 'uncertain', reason: 'too-few-frames' };
    return this.#report(track, decision, undefined, nowMs);
  }

  /** Returns the time of the next shot of a provisional track that has one now. */
  nextShotMs(nowMs: number): number {
    return nowMs + this.#retryMs;
  }

  /** Returns the liveness of a track so far, for a viewer: it changes nothing. */
  peekLiveness(track: Track): EventDraft['liveness'] {
    const person = track.person ?? track.agreed?.person;
    return this.#describeLiveness(this.#judgeLiveness(track, person, track.evidence.peek()));
  }

  async #decide(track: Track, nowMs: number): Promise<void> {
    const { config } = this.#parts;
    const identity = decideIdentity(track.shots, config);
    const { agreed } = track;
    if (identity.kind === 'match') {
      const isOther = agreed !== undefined && agreed.person !== identity.person;
      if (isOther) {
        track.challenge?.fail();
        return this.#conclude(track, { kind: 'unknown', reason: 'disagreement' }, 'waiting', nowMs);
      }
      track.agreed = { ...identity, sinceMs: agreed?.sinceMs ?? nowMs };
      return this.#conclude(track, identity, 'waiting', nowMs);
    }
    // A recognised person stays recognised while their liveness is waited for.
    if (agreed) return this.#conclude(track, { kind: 'match', ...agreed }, 'waiting', nowMs);
    if (identity.kind === 'unknown') return this.#conclude(track, identity, 'waiting', nowMs);
    track.isDecisionNear = identity.leading > 0 || track.shots.length < config.agree;
  }

  /**
   * Decides again on a provisional track. Only shots younger than `shotLifeMs` count, and only the person that was recognised before can
   * become a match: a person who stays before the camera for an hour must not get an hour of attempts.
   */
  async #decideAgain(track: Track, nowMs: number): Promise<void> {
    const { config, groups, patience } = this.#parts;
    const { shotLifeMs } = patience;
    track.shots = track.shots.filter(({ atMs }) => nowMs - atMs <= shotLifeMs);
    if (track.person === undefined && isAboutGroups(track.decision)) {
      if (groups.problem() === undefined) track.reopen(config.outOf);
      return;
    }
    const identity = decideIdentity(track.shots, config);
    if (identity.kind !== 'match' || identity.person !== track.person) return;
    return this.#conclude(track, identity, 'last', nowMs);
  }

  async #conclude(track: Track, decided: DecidedIdentity, stage: Stage, nowMs: number): Promise<void> {
    const { config, groups, challenges, reporter, trust, cameraProblem } = this.#parts;
    const { identity, bareness } = this.#judgeBareness(decided);
    const person = identity.kind === 'match' ? identity.person : undefined;
    const { verdict } = this.#judgeLiveness(track, person);
    const circumstances: Circumstances = {
      identity,
      bareness,
      liveness: { mode: config.liveness, verdict },
      challenge: challenges.judge(track),
      isLast: stage !== 'waiting',
      areGroupsUsable: groups.problem() === undefined,
      isGalleryFresh: !groups.isStale(
        identity.kind === 'match' ? identity.agreeing[0]?.candidate.group.order : undefined,
      ),
      isClockRight: trust.problem() === undefined,
      isCameraRight: cameraProblem?.() === undefined,
    };
    let decision = decide(circumstances);
    if (decision === 'challenge' && identity.kind === 'match') {
      // Where no event would follow, the person is not asked.
      const isSilent = reporter.isSilenced('match', createProbe(track, identity.person), nowMs);
      if (!isSilent) return this.#ask(track, identity, stage, nowMs);
      decision = decide({ ...circumstances, challenge: 'passed' });
    }
    if (decision && decision !== 'challenge') return this.#report(track, decision, identity, nowMs);
    // While the answer to a challenge is all that is missing, a shot now and then is enough: whoever stands there may be replaced.
    track.isDecisionNear = !track.challenge || verdict !== 'live';
    track.bestShots.extend(1);
  }

  /** Issues a challenge, or waits until one may be issued. */
  async #ask(track: Track, identity: MatchedIdentity, stage: Stage, nowMs: number): Promise<void> {
    const { challenges, config, patience } = this.#parts;
    const isProvisional = track.state === 'provisional';
    const { isTooSlowForChallenge: isTooSlow } = patience;
    if (stage !== 'over' && !isTooSlow && challenges.begin(track, identity.person, nowMs)) {
      if (!isProvisional) return;
      const { shots } = track;
      track.reopen(config.outOf);
      track.shots = shots;
      track.agreed = { ...identity, sinceMs: nowMs };
      return;
    }
    if (isProvisional) return;
    if (stage !== 'waiting') {
      const reason = isTooSlow ? 'too-few-frames' : 'challenge-failed';
      return this.#report(track, { type: 'uncertain', reason }, identity, nowMs);
    }
    track.isDecisionNear = true;
    track.bestShots.extend(1);
  }

  /**
   * Judges whether enough of the agreeing shots show a bare face, where the camera refuses masks; a match then rests on these shots
   * alone. A shot of which it is not known whether the face is bare does not count.
   */
  #judgeBareness(identity: DecidedIdentity): Pick<Circumstances, 'bareness'> & { identity: DecidedIdentity } {
    const { mask, agree } = this.#parts.config;
    if (mask !== 'refuse' || identity.kind !== 'match') return { identity, bareness: 'any' };
    const agreeing = identity.agreeing.filter(({ shot }) => shot.masked === false);
    if (agreeing.length === 0) return { identity, bareness: 'masked' };
    if (agreeing.length < agree) return { identity, bareness: 'unsure' };
    return { identity: { ...identity, agreeing }, bareness: 'bare' };
  }

  /**
   * Fuses the liveness of the shots that showed this person alone, so that a live person in the frame does not make a picture of another
   * person count as live.
   * @param evidence beside the scores. Default: it is judged now, and what is found stays with the track
   */
  #judgeLiveness(track: Track, person: string | undefined, evidence?: Evidence): FusedLiveness {
    const { config, hasLiveness, livenessThreshold: threshold, reporter } = this.#parts;
    if (config.liveness === 'off' || !hasLiveness) return { verdict: 'unavailable' };
    const samples = track.liveness.filter((sample) => person === undefined || sample.person === person);
    const isSuspect = track.decision?.type === 'spoof' || reporter.isSuspect(createProbe(track, person));
    return fuseLiveness(samples, { threshold, isSuspect, evidence: evidence ?? track.evidence.judge() });
  }

  async #report(track: Track, decision: Decision, identity: DecidedIdentity | undefined, nowMs: number): Promise<void> {
    const { groups, reporter } = this.#parts;
    const match = identity?.kind === 'match' ? identity : undefined;
    const { trackId, firstSeenMs, lastSeenMs, shots } = track;
    const result = reporter.report(
      {
        decision,
        trackId,
        firstSeenMs,
        lastSeenMs,
        person: match?.person,
        grounds: match?.agreeing ?? shots.map((shot) => ({ shot })),
        shots,
        firstGroup: groups.first(),
        liveness: this.#describeLiveness(this.#judgeLiveness(track, match?.person)),
        livenessSamples: track.liveness,
        decidedAtMs: nowMs,
      },
      nowMs,
    );
    this.#parts.challenges.end(track, decision.reason === 'challenge-failed');
    const face = decision.type === 'match' ? match?.agreeing[0]?.candidate.face : undefined;
    track.matched = face && { faceId: face.faceId, externalImageId: face.externalImageId };
    this.#settle(track, decision, match?.person, result, nowMs);
    if (result.kind === 'event') await result.stored;
  }

  #settle(track: Track, decision: Decision, person: string | undefined, result: ReportResult, nowMs: number): void {
    track.agreed = undefined;
    track.decision = decision;
    track.person = person;
    if (result.kind === 'cooling-down') {
      track.state = 'settled';
      track.dueAtMs = result.untilMs;
    } else {
      track.appearance = result.appearance;
      const mayChange = mayBecomeMatch(decision, person) && !this.#parts.challenges.isSpent(track);
      track.state = mayChange ? 'provisional' : 'settled';
      track.dueAtMs = mayChange ? this.nextShotMs(nowMs) : undefined;
    }
    if (track.state === 'settled') track.shots = [];
    // Crops are kept for the event only.
    for (const shot of track.shots) delete shot.crop;
  }

  #describeLiveness({ verdict, score, evidence }: FusedLiveness): EventDraft['liveness'] {
    const { config, hasLiveness, livenessThreshold: threshold } = this.#parts;
    if (config.liveness === 'off') return undefined;
    return {
      mode: config.liveness,
      verdict,
      ...(score !== undefined && { score }),
      ...(hasLiveness && { threshold }),
      ...(evidence && { evidence: [...evidence] }),
    };
  }
}

function createProbe({ shots, firstSeenMs }: Track, person: string | undefined): TrackProbe {
  return { person, embeddings: shots.map(({ embedding }) => embedding), firstSeenMs };
}

/** Tells whether a decision was made because a group could not be searched or relied on. */
function isAboutGroups(decision: Pick<Decision, 'reason'> | undefined): boolean {
  return decision?.reason === 'group-unusable' || decision?.reason === 'gallery-stale';
}

/** Only a recognised person can become a match later, and waiting does not bring a missing liveness model. */
function mayBecomeMatch({ type, reason }: Decision, person: string | undefined): boolean {
  if (isAboutGroups({ reason })) return true;
  return (type === 'spoof' || type === 'uncertain') && reason !== 'liveness-missing' && person !== undefined;
}
