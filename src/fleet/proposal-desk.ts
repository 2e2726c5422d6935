// The authority's side of proposals: judges the enrolments that doors hand up, carries out each one once, and answers.
import type { SimilarityScales } from '../domain/similarity-scales.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError, describeError } from '../errors.js';
import type { EnrolledFace, Gallery, GroupRef } from '../gallery/gallery.types.js';
import { pause, waitAtMost, WakeSignal } from '../platform/waiting.js';
import type { FleetLog } from './fleet-log.js';
import type { DoorRecord } from './fleet-records.js';
import { decodePublicKeys, fleetIdSchema, type FleetIdentity } from './identity.js';
import {
  describeEnrolment,
  makeProposalIds,
  PROPOSAL_LIFE_MS,
  PROPOSAL_REFUSALS,
  proposalSchema,
  readProposedFaces,
  type AnswerBody,
  type ProposalBody,
} from './proposal-letters.js';
import type { ProposalRecords } from './proposal-records.js';
import { readLetter, writeLetter } from './signed-letter.js';
import { nameAnswer, nameProposal, PROPOSALS } from './subjects.js';

export interface ProposalDeskOptions {
  fleet: FleetLog;
  /** Identity of the authority; its id is that of the fleet. */
  identity: FleetIdentity;
  findDoor: (id: string) => DoorRecord | undefined;
  /** Finds a shared group by its id in the fleet; undefined for one that is not shared, or no longer. */
  findGroup: (group: string) => GroupRef | undefined;
  gallery: Pick<Gallery, 'enrol' | 'group' | 'face'>;
  /** Undefined for a model version that is not installed. */
  findScales: (modelVersion: string) => SimilarityScales | undefined;
  records: ProposalRecords;
  clock: Clock;
  log: Log;
  /** Called for a proposal that is not what its door has written, for the audit log. */
  onForged?: ((door: string, refusal: string) => void) | undefined;
  timing?: Partial<ProposalDeskTiming> | undefined;
}

export interface ProposalDeskTiming {
  /** Pause after a log or a disk that cannot be used. */
  retryMs: number;
  /** Interval at which the log is gone through although it announced nothing, and what is old is removed. */
  sweepMs: number;
  stopTimeoutMs: number;
}

const DEFAULT_TIMING: ProposalDeskTiming = { retryMs: 1_000, sweepMs: 60_000, stopTimeoutMs: 2_000 };
/** Time for which answers are kept: a proposal that comes again within its life finds its answer. The clocks may differ. */
const KEEP_MS = 3 * PROPOSAL_LIFE_MS;

type Refusal = Extract<AnswerBody, { outcome: 'refused' }>;

export class ProposalDesk implements Part {
  readonly name = 'fleet-proposals';
  readonly #options: ProposalDeskOptions;
  readonly #timing: ProposalDeskTiming;
  readonly #signal = new WakeSignal();
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<string>();
  #isAllDue = true;
  #running: Promise<void> | undefined;

  constructor(options: ProposalDeskOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  /** Does not wait for the log of the fleet. */
  async start(): Promise<void> {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopping.abort();
    this.#signal.wake();
    await waitAtMost(this.#timing.stopTimeoutMs, this.#running);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let endWatch: (() => Promise<void>) | undefined;
    while (!signal.aborted) {
      try {
        endWatch ??= await this.#options.fleet.watch(PROPOSALS, (subject) => {
          if (subject === undefined) this.#isAllDue = true;
          else this.#waiting.add(subject);
          this.#signal.wake();
        });
        await this.#work();
        await this.#waitForNext();
      } catch (error) {
        this.#options.log.warn({ reason: describeError(error) }, 'proposals of the fleet cannot be dealt with now');
        this.#isAllDue = true;
        await pause(this.#timing.retryMs, signal);
      }
    }
    await endWatch?.().catch(() => undefined);
  }

  async #work(): Promise<void> {
    const { fleet } = this.#options;
    if (this.#isAllDue) {
      this.#isAllDue = false;
      await this.#removeOld();
      for await (const subject of fleet.list(PROPOSALS)) this.#waiting.add(subject);
    }
    for (const subject of this.#waiting) {
      if (this.#stopping.signal.aborted) return;
      await this.#receive(subject);
      this.#waiting.delete(subject);
    }
  }

  async #waitForNext(): Promise<void> {
    const timeout = new AbortController();
    const sweep = pause(this.#timing.sweepMs, timeout.signal).then(() => {
      if (!timeout.signal.aborted) this.#isAllDue = true;
    });
    await Promise.race([this.#signal.wait(), sweep]);
    timeout.abort();
  }

  /** Removes the answers that nobody waits for any more. */
  async #removeOld(): Promise<void> {
    const { records, fleet, clock } = this.#options;
    for (const { door, proposal } of await records.removeBefore(clock() - KEEP_MS)) {
      await fleet.remove(nameAnswer(door, proposal));
      await fleet.remove(nameProposal(door, proposal));
    }
  }

  async #receive(subject: string): Promise<void> {
    const { fleet, findDoor, clock, identity } = this.#options;
    const [, door = '', proposal = ''] = subject.split('.');
    const bytes = await fleet.get(subject);
    if (!bytes) return;
    const record = fleetIdSchema.safeParse(proposal).success ? findDoor(door) : undefined;
    const body = record?.state === 'approved' ? this.#read(record, proposal, bytes) : undefined;
    if (record && body) {
      const sender = decodePublicKeys(record.id, record.keys);
      const now = clock();
      const letter = {
        ...{ kind: 'answer' as const, fleet: identity.id, sequence: now, issuedAt: new Date(now).toISOString() },
        body: await this.#answer(record, body),
      };
      await fleet.put(nameAnswer(door, proposal), writeLetter(identity, sender, letter));
    }
    // An answered proposal is done, and one that nobody may make is dropped.
    await fleet.remove(subject);
  }

  #read(door: DoorRecord, proposal: string, bytes: Buffer): ProposalBody | undefined {
    const { identity, clock, log, onForged } = this.#options;
    const sender = decodePublicKeys(door.id, door.keys);
    const expected = { kind: 'proposal' as const, fleet: identity.id, reader: identity, sender };
    const read = readLetter(bytes, { ...expected, maxAgeMs: PROPOSAL_LIFE_MS, nowMs: clock() }, proposalSchema);
    if (read.outcome === 'read' && read.body.proposal === proposal) return read.body;
    const refusal = read.outcome === 'refused' ? read.refusal : 'other-proposal';
    log.warn({ door: door.id, refusal }, 'a proposal is dropped: it is too old, or not what its door has written');
    if (refusal !== 'expired') onForged?.(door.id, refusal);
    return undefined;
  }

  /** Carries out a proposal, or tells what became of it. @throws AppError STORE_UNAVAILABLE, STOPPED: nothing was enrolled */
  async #answer(door: DoorRecord, body: ProposalBody): Promise<AnswerBody> {
    const { records, clock } = this.#options;
    const { proposal } = body;
    const known = await records.read(door.id, proposal);
    if (known?.answer) return known.answer;
    const begunAtMs = known?.begunAtMs ?? clock();
    const answer = known ? this.#recall(door, body) : await this.#judge(door, body, begunAtMs);
    await records.write(door.id, proposal, { begunAtMs, answer });
    return answer;
  }

  /**
   * Tells what became of a proposal that a kill interrupted. It is not carried out again: its faces may have been enrolled and deleted since.
   */
  #recall(door: DoorRecord, body: ProposalBody): AnswerBody {
    const { gallery } = this.#options;
    const { proposal } = body;
    const ref = this.#findGroup(door, body);
    const makeId = makeProposalIds(door.id, proposal);
    const imageId = makeId();
    const found = body.faces.flatMap((): EnrolledFace[] => {
      const faceId = makeId();
      try {
        return ref ? [gallery.face(ref, faceId)] : [];
      } catch (error) {
        if (error instanceof AppError && error.code === 'FACE_NOT_FOUND') return [];
        throw error;
      }
    });
    if (found.length === 0) {
      return refuse(proposal, 'SERVER_BUSY', 'The authority was interrupted, and nobody was enrolled. Enrol again.');
    }
    // Faces that were refused have no id: each face is known by its place in the picture.
    const outcomes = body.faces.map(({ bbox, detectionScore }) => {
      const enrolled = found.find((one) => isNear(one.detectionScore, detectionScore) && isSameBox(one.bbox, bbox));
      return { ...(enrolled && { enrolled }), isRefused: !enrolled };
    });
    return describeEnrolment(proposal, { imageId, enrolled: found, outcomes });
  }

  async #judge(door: DoorRecord, body: ProposalBody, begunAtMs: number): Promise<AnswerBody> {
    const { gallery, findScales, records } = this.#options;
    const { proposal, modelVersion, rules } = body;
    try {
      const ref = this.#findGroup(door, body);
      if (!ref) return refuse(proposal, 'GROUP_NOT_FOUND', 'The fleet has no such group for this door.');
      const scales = findScales(modelVersion);
      if (!scales || gallery.group(ref).modelVersion !== modelVersion) {
        const detail = 'The group at the authority has another model version than the copy at this door.';
        return refuse(proposal, 'MODEL_VERSION_MISMATCH', detail);
      }
      await records.write(door.id, proposal, { begunAtMs });
      const enrolment = await gallery.enrol(ref, readProposedFaces(body), `door:${door.name}`, {
        ...(rules ?? { facesInPicture: body.faces.length }),
        scales,
        facts: { ...rules?.facts, door: door.id, doorActor: body.actor },
        newId: makeProposalIds(door.id, proposal),
      });
      return describeEnrolment(proposal, enrolment);
    } catch (error) {
      if (error instanceof TypeError) return refuse(proposal, 'INVALID_PARAM', 'The faces do not fit the group.');
      const code = PROPOSAL_REFUSALS.find((one) => error instanceof AppError && error.code === one);
      if (!code) throw error;
      return refuse(proposal, code, (error as AppError).detail ?? 'The authority could not enrol the faces.');
    }
  }

  #findGroup(door: DoorRecord, { group }: ProposalBody): GroupRef | undefined {
    const ref = this.#options.findGroup(group);
    return ref && (door.groups?.includes(ref.groupId) ?? true) ? ref : undefined;
  }
}

function isSameBox(a: EnrolledFace['bbox'], b: EnrolledFace['bbox']): boolean {
  return isNear(a.x0, b.x0) && isNear(a.y0, b.y0) && isNear(a.x1, b.x1) && isNear(a.y1, b.y1);
}

/** The disk has these values as float32. */
function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < 1e-5;
}

function refuse(proposal: string, code: Refusal['code'], detail: string): AnswerBody {
  return { proposal, outcome: 'refused', code, detail };
}
