// The door's side of proposals: hands an enrolment into a copied group to the authority, and waits until the copy holds it.
import type { Clock } from '../domain/time.js';
import { AppError, clientError, describeError } from '../errors.js';
import type { Log } from '../domain/log.js';
import type { Enrolment, ProposeEnrolment } from '../gallery/gallery.types.js';
import { pause, WakeSignal } from '../platform/waiting.js';
import type { FleetLog } from './fleet-log.js';
import { newFleetId, type FleetIdentity, type PublicIdentity } from './identity.js';
import {
  answerSchema,
  describeProposal,
  MAX_PROPOSED_FACES,
  readEnrolment,
  type AnswerBody,
} from './proposal-letters.js';
import { readLetter, writeLetter } from './signed-letter.js';
import { nameAnswer, nameAnswers, nameProposal } from './subjects.js';

export interface ProposerOptions {
  fleet: FleetLog;
  /** Id of the fleet. */
  fleetId: string;
  door: FleetIdentity;
  authority: PublicIdentity;
  clock: Clock;
  /** Milliseconds that never go back, as performance.now. */
  monotonic: Clock;
  log: Log;
  timing?: Partial<ProposerTiming> | undefined;
}

export interface ProposerTiming {
  /** Longest time that the caller waits. */
  waitMs: number;
  /** Interval at which the log is asked again although it announced nothing. */
  askMs: number;
  /** Interval at which the copy is looked at. */
  lookMs: number;
}

const DEFAULT_TIMING: ProposerTiming = { waitMs: 20_000, askMs: 1_000, lookMs: 20 };

export class Proposer {
  readonly #options: ProposerOptions;
  readonly #timing: ProposerTiming;
  readonly #stopping = new AbortController();

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  /** Ends all waiting. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Enrols faces at the authority, and resolves when the copy holds them.
   * @throws AppError with the reason of the authority; SERVER_BUSY: no answer in time, or the copy is not as far, so the faces may be
   * enrolled all the same
   */
  readonly propose: ProposeEnrolment = async ({ copyOf, modelVersion, holds }, faces, actor, rules) => {
    if (faces.length > MAX_PROPOSED_FACES) {
      throw clientError('INVALID_PARAM', `At most ${MAX_PROPOSED_FACES} faces can be handed to the authority at once.`);
    }
    const proposal = newFleetId();
    const deadlineMs = this.#options.monotonic() + this.#timing.waitMs;
    const body = { proposal, group: copyOf.group, modelVersion, actor, ...describeProposal(faces, rules) };
    const answer = await this.#ask(proposal, body, deadlineMs);
    if (!answer) {
      throw clientError(
        'SERVER_BUSY',
        `The authority of the fleet (${copyOf.authority}) has not answered in time. The enrolment may still happen.`,
      );
    }
    if (answer.outcome === 'refused') throw clientError(answer.code, answer.detail);
    const enrolment = readEnrolment(answer);
    await this.#waitForCopy(enrolment, holds, deadlineMs);
    return enrolment;
  };

  /** @returns undefined when there is no answer in time */
  async #ask(proposal: string, body: unknown, deadlineMs: number): Promise<AnswerBody | undefined> {
    const { fleet, fleetId, door, authority, clock, log } = this.#options;
    const signal = new WakeSignal();
    const now = clock();
    const letter = writeLetter(door, authority, {
      kind: 'proposal',
      fleet: fleetId,
      sequence: now,
      issuedAt: new Date(now).toISOString(),
      body,
    });
    let isSent = false;
    let endWatch: (() => Promise<void>) | undefined;
    try {
      while (!this.#isOver(deadlineMs)) {
        try {
          endWatch ??= await fleet.watch(nameAnswers(door.id), () => signal.wake());
          if (!isSent) await fleet.put(nameProposal(door.id, proposal), letter);
          isSent = true;
          const answer = this.#read(proposal, await fleet.get(nameAnswer(door.id, proposal)));
          if (answer) return answer;
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          log.warn({ reason: describeError(error) }, 'a proposal does not reach the log of the fleet');
        }
        await this.#pause(deadlineMs, signal);
      }
      return undefined;
    } finally {
      await endWatch?.().catch(() => undefined);
    }
  }

  #read(proposal: string, bytes: Buffer | undefined): AnswerBody | undefined {
    if (!bytes) return undefined;
    const { fleetId, door, authority, log } = this.#options;
    const read = readLetter(bytes, { kind: 'answer', fleet: fleetId, reader: door, sender: authority }, answerSchema);
    if (read.outcome === 'read' && read.body.proposal === proposal) return read.body;
    log.warn({ proposal }, 'an answer to a proposal is not from the authority, or to another proposal');
    return undefined;
  }

  async #waitForCopy({ enrolled }: Enrolment, holds: (faceId: string) => boolean, deadlineMs: number): Promise<void> {
    while (!enrolled.every(({ faceId }) => holds(faceId))) {
      if (this.#isOver(deadlineMs)) {
        const detail = 'The authority has enrolled the faces, and this device will have them with its next copy.';
        throw clientError('SERVER_BUSY', detail);
      }
      await pause(this.#timing.lookMs, this.#stopping.signal);
    }
  }

  #isOver(deadlineMs: number): boolean {
    return this.#stopping.signal.aborted || this.#options.monotonic() >= deadlineMs;
  }

  /** Waits for an announcement, but not longer than until the log is asked again. */
  async #pause(deadlineMs: number, signal: WakeSignal): Promise<void> {
    const limitMs = Math.max(0, Math.min(this.#timing.askMs, deadlineMs - this.#options.monotonic()));
    const timeout = new AbortController();
    await Promise.race([signal.wait(), pause(limitMs, AbortSignal.any([timeout.signal, this.#stopping.signal]))]);
    timeout.abort();
  }
}
