// When a subject is decided and what is announced of it: identity, liveness and the circumstances together.
import type { CameraConfig } from '../config/schema.js';
import type { TrustGuard } from '../domain/trust.js';
import type { EventDraft } from '../events/event.js';
import type { Announcer, Announcement, Finding } from './event-reporter.js';
import { decide, decideAtEnd, type Decision } from './identity.js';
import type { SeenShot } from './draft-event.js';
import { judge, type Outcome } from './decision.js';
import { fuseLiveness, type FusedLiveness } from './liveness.js';
import type { Subject } from './track.js';
import type { WatchedGroups } from './watched-groups.js';

/** So long a person who was recognised may take to be told alive before they hear of it; half an event's life at most. */
const LIVENESS_WAIT_MS = 1_500;
/** A provisional subject is looked at so often, unless events live shorter than ten times that. */
const RETRY_MS = 500;
const SHORTEST_RETRY_MS = 100;
/** Somebody unknown who stays is decided anew so often at most: who stands there for an hour must not have the tries of an hour. */
const MOST_SECOND_LOOKS = 2;

type Identity = Exclude<Decision<SeenShot>, { kind: 'undecided' }>;

export interface DeliberationParts {
  config: CameraConfig;
  groups: WatchedGroups;
  announcer: Announcer;
  hasLiveness: boolean;
  /** From which a fused score is that of a live face. */
  livenessThreshold: number;
  trust: TrustGuard;
  cameraProblem?: (() => string | undefined) | undefined;
}

/** All methods resolve when what they announce is stored, and never reject. Times are passed in and must not fall. */
export class Deliberation {
  readonly #parts: DeliberationParts;
  readonly #retryMs: number;
  readonly #livenessWaitMs: number;
  /** Tracks that ended with too few good shots to tell anything. */
  undecided = 0;

  constructor(parts: DeliberationParts) {
    this.#parts = parts;
    const { eventTtlMs } = parts.config;
    this.#retryMs = Math.max(SHORTEST_RETRY_MS, Math.min(RETRY_MS, eventTtlMs / 10));
    this.#livenessWaitMs = Math.min(LIVENESS_WAIT_MS, eventTtlMs / 2);
  }

  /** After a new shot of it. */
  async consider(subject: Subject, nowMs: number): Promise<void> {
    if (subject.state === 'open') return this.#decide(subject, nowMs);
    if (subject.state === 'provisional') return this.#reconsider(subject, nowMs);
  }

  /** Once for each frame in which it is seen, whether there was a shot or not. */
  async tick(subject: Subject, nowMs: number): Promise<void> {
    const { state, agreed, dueAtMs } = subject;
    const { outOf } = this.#parts.config;
    if (state === 'open' && agreed && nowMs - agreed.sinceMs >= this.#livenessWaitMs) {
      return this.#conclude(subject, { kind: 'match', ...agreed }, true, nowMs);
    }
    if (state === 'settled' && dueAtMs !== undefined && nowMs >= dueAtMs) subject.reopen(outOf);
  }

  /**
   * A check of a settled subject showed somebody enrolled. Who was unknown may have bared their face or been enrolled since.
   * @returns whether it is decided anew
   */
  reopens(subject: Subject, person: string | undefined): boolean {
    if (subject.outcome?.type !== 'unknown' || person === undefined) return false;
    if (subject.secondLooks >= MOST_SECOND_LOOKS) return false;
    subject.secondLooks++;
    subject.reopen(this.#parts.config.outOf);
    return true;
  }

  /** It is gone. */
  async end(subject: Subject, nowMs: number): Promise<void> {
    if (subject.state !== 'open') return;
    if (subject.agreed) return this.#conclude(subject, { kind: 'match', ...subject.agreed }, true, nowMs);
    const decision = decideAtEnd(subject.seen, this.#parts.config);
    if (decision.kind === 'unknown') return this.#conclude(subject, decision, true, nowMs);
    if (decision.leading === 0) {
      this.undecided++;
      return;
    }
    const { verdict } = this.#livenessOf(subject, undefined);
    const isSpoof = this.#parts.config.liveness === 'required' && verdict === 'spoof';
    const outcome: Outcome = isSpoof
      ? { type: 'spoof', reason: 'not-alive' }
      : { type: 'uncertain', reason: 'too-few-frames' };
    return this.#announce(subject, outcome, undefined, nowMs);
  }

  async #decide(subject: Subject, nowMs: number): Promise<void> {
    const { config } = this.#parts;
    const decision = decide(subject.seen, config);
    const { agreed } = subject;
    if (decision.kind === 'match') {
      const isOther = agreed !== undefined && agreed.person !== decision.person;
      if (isOther) return this.#conclude(subject, { kind: 'unknown', reason: 'disagreement' }, false, nowMs);
      subject.agreed = { ...decision, sinceMs: agreed?.sinceMs ?? nowMs };
      return this.#conclude(subject, decision, false, nowMs);
    }
    // Who was recognised stays so while their liveness is waited for.
    if (agreed) return this.#conclude(subject, { kind: 'match', ...agreed }, false, nowMs);
    if (decision.kind === 'unknown') return this.#conclude(subject, decision, false, nowMs);
    subject.hurried = decision.leading > 0 || subject.seen.length < config.agree;
  }

  /**
   * Only frames that are younger than an event's life count, and only the person that was recognised before can become a match: who
   * stands there for an hour must not have the tries of an hour.
   */
  async #reconsider(subject: Subject, nowMs: number): Promise<void> {
    const { config, groups } = this.#parts;
    subject.seen = subject.seen.filter(({ atMs }) => nowMs - atMs <= config.eventTtlMs);
    if (subject.outcome?.reason === 'group-unusable') {
      if (groups.problem() === undefined) subject.reopen(config.outOf);
      return;
    }
    const decision = decide(subject.seen, config);
    if (decision.kind !== 'match' || decision.person !== subject.person) return;
    return this.#conclude(subject, decision, true, nowMs);
  }

  async #conclude(subject: Subject, identity: Identity, isLast: boolean, nowMs: number): Promise<void> {
    const { config, groups, trust, cameraProblem } = this.#parts;
    const person = identity.kind === 'match' ? identity.person : undefined;
    const outcome = judge({
      identity,
      liveness: { mode: config.liveness, verdict: this.#livenessOf(subject, person).verdict },
      isLast,
      areGroupsUsable: groups.problem() === undefined,
      isClockRight: trust.problem() === undefined,
      isCameraRight: cameraProblem?.() === undefined,
    });
    if (outcome) return this.#announce(subject, outcome, identity, nowMs);
    subject.hurried = true;
    subject.shots.extend(1);
  }

  /** Of the shots that showed this person alone, so that nobody lends their liveness to a picture of somebody else. */
  #livenessOf(subject: Subject, person: string | undefined): FusedLiveness {
    const { config, hasLiveness, livenessThreshold: threshold, announcer } = this.#parts;
    if (config.liveness === 'off' || !hasLiveness) return { verdict: 'unavailable' };
    const samples = subject.liveness.filter((sample) => person === undefined || sample.person === person);
    const isSuspect = subject.outcome?.type === 'spoof' || announcer.isSuspect(probeOf(subject, person));
    return fuseLiveness(samples, { threshold, isSuspect });
  }

  async #announce(subject: Subject, outcome: Outcome, identity: Identity | undefined, nowMs: number): Promise<void> {
    const { groups, announcer } = this.#parts;
    const agreeing = identity?.kind === 'match' ? identity : undefined;
    const finding: Finding = {
      outcome,
      trackId: subject.trackId,
      firstSeenMs: subject.firstSeenMs,
      lastSeenMs: subject.lastSeenMs,
      person: agreeing?.person,
      grounds: agreeing?.agreeing ?? subject.seen.map((ballot) => ({ ballot })),
      shots: subject.seen,
      firstGroup: groups.first(),
      liveness: this.#described(this.#livenessOf(subject, agreeing?.person)),
    };
    const announcement = announcer.announce(finding, nowMs);
    this.#settle(subject, outcome, agreeing?.person, announcement, nowMs);
    if (announcement.kind === 'told') await announcement.emission;
  }

  #settle(
    subject: Subject,
    outcome: Outcome,
    person: string | undefined,
    announcement: Announcement,
    nowMs: number,
  ): void {
    subject.agreed = undefined;
    subject.outcome = outcome;
    subject.person = person;
    if (announcement.kind === 'silent') {
      subject.state = 'settled';
      subject.dueAtMs = announcement.untilMs;
    } else {
      subject.appearance = announcement.appearance;
      const mayChange = mayBecomeMatch(outcome, person);
      subject.state = mayChange ? 'provisional' : 'settled';
      subject.dueAtMs = mayChange ? nowMs + this.#retryMs : undefined;
    }
    if (subject.state === 'settled') subject.seen = [];
    // The crops were kept for the event.
    for (const shot of subject.seen) delete shot.crop;
  }

  /** When a provisional subject that is looked at now is looked at next. */
  nextLookMs(nowMs: number): number {
    return nowMs + this.#retryMs;
  }

  #described({ verdict, score }: FusedLiveness): EventDraft['liveness'] {
    const { config, hasLiveness, livenessThreshold: threshold } = this.#parts;
    if (config.liveness === 'off') return undefined;
    return { mode: config.liveness, verdict, ...(score !== undefined && { score }), ...(hasLiveness && { threshold }) };
  }
}

function probeOf({ seen, firstSeenMs }: Subject, person: string | undefined) {
  return { person, embeddings: seen.map(({ embedding }) => embedding), firstSeenMs };
}

/** Nobody is matched later who was not recognised, and a model that is missing does not come by waiting. */
function mayBecomeMatch({ type, reason }: Outcome, person: string | undefined): boolean {
  if (reason === 'group-unusable') return true;
  return (type === 'spoof' || type === 'uncertain') && reason !== 'liveness-missing' && person !== undefined;
}
