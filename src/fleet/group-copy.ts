// A door's side of one group: brings its copy to the version of a signed head, as a whole or not at all.
import type { KeyObject } from 'node:crypto';
import type { Clock, Timers } from '../domain/time.js';
import { AppError } from '../errors.js';
import { BucketTree } from './bucket-tree.js';
import type { FleetLog } from './fleet-log.js';
import { openHead, refuseHead, type AppliedHead, type Head, type HeadRefusal, type SignedHead } from './head.js';
import { nameHead } from './subjects.js';
import { findMissing, listGone, VersionReader, type CopiedRecord, type FindEpochKey } from './version-reader.js';

export type { CopiedRecord } from './version-reader.js';

/** Above this number of records a version is written in pieces. */
const MAX_DIRECT = 500;
/** Looks without progress before a sync gives up, and the time between two of them: the authority may be in the middle of a version. */
const MAX_LOOKS = 5;
const PAUSE_MS = 200;

/** Keeps one copy on the disk of the door. */
export interface CopyStore {
  /** Writes a version as one atomic batch: all of it is stored with its head, or nothing. */
  apply(change: { head: Head; puts: readonly CopiedRecord[]; deletes: readonly string[] }): Promise<void>;
  /** Notes a newer signature of the version that is applied already. */
  confirm(head: Head): Promise<void>;
  /** Begins a version that is too large for one batch. What an earlier one left is dropped. @param expected records: number that it will have */
  begin(expected: { records: number }): Promise<StagedVersion>;
}

/** A version that is written in pieces beside the present one. Nothing of it is visible before `commit`. */
export interface StagedVersion {
  /** Adds records. One that is added again takes the place of the one before. */
  add(records: readonly CopiedRecord[]): Promise<void>;
  /** Makes all of it visible at once. @param change deletes: ids of records of the present version, and of added ones, that do not belong to it */
  commit(change: { head: Head; deletes: readonly string[] }): Promise<void>;
  abandon(): Promise<void>;
}

export interface GroupCopyOptions {
  log: FleetLog;
  store: CopyStore;
  /** Ed25519 public key of the authority. */
  authority: KeyObject;
  /** Ids in hexadecimal. */
  fleet: string;
  group: string;
  /** The key of the newest epoch is enough. */
  findEpochKey: FindEpochKey;
  clock: Clock;
  timers: Timers;
  /** Is called once per incident: again only after a version was accepted in between, or for another reason. */
  onRefusal?: ((refusal: CopyRefusal) => void) | undefined;
}

/**
 * Why a door refuses what a log shows. `forged`: the authority did not make it. `altered`: a record stays another one than the head names, as when
 * it is shown under another id.
 */
export type RefusalReason = HeadRefusal | 'forged' | 'altered';

export interface CopyRefusal {
  reason: RefusalReason;
  /** A whole sentence. */
  detail: string;
  /** Version that the head states; absent for a head that is not signed. */
  version?: number;
}

/**
 * Outcome of a look at the log. `deleted`: the group is deleted, and the caller removes the copy. `no-key`: this door has not been granted the
 * present epoch yet. `incomplete`: the log lacks something, or shows another record in its place; a later look may find all of it.
 */
export type SyncResult =
  | { outcome: 'applied' | 'unchanged' | 'deleted'; head: Head }
  | { outcome: 'no-head' | 'no-key' }
  | { outcome: 'incomplete'; isAltered: boolean }
  | { outcome: 'refused'; refusal: RefusalReason; detail: string };

/** Newest valid head that the log has shown, applied or not. */
export interface SeenHead {
  version: number;
  /** ISO 8601. */
  issuedAt: string;
  /** Time of the look. */
  atMs: number;
}

/** Calls of `sync` must not overlap. */
export class GroupCopy {
  readonly #options: GroupCopyOptions;
  readonly #refusals = new Map<RefusalReason, number>();
  #tree: BucketTree;
  #applied: AppliedHead | undefined;
  #seen: SeenHead | undefined;
  /** Version of which the last look found a record altered. */
  #altered: number | undefined;
  /** Refusal that was reported last; undefined once a version has been accepted. */
  #reported: RefusalReason | undefined;

  /** @param state what the store holds: the head that was applied last, and the digest of each record by its id */
  constructor(
    options: GroupCopyOptions,
    state: { applied?: AppliedHead | undefined; digests: Iterable<readonly [string, Buffer]> },
  ) {
    this.#options = options;
    this.#applied = state.applied;
    this.#tree = BucketTree.create(state.digests);
  }

  get applied(): AppliedHead | undefined {
    return this.#applied;
  }

  get seen(): SeenHead | undefined {
    return this.#seen;
  }

  /** Number of records. */
  get records(): number {
    return this.#tree.size;
  }

  /** Number of refusals since the start, by reason. */
  get refusals(): Readonly<Partial<Record<RefusalReason, number>>> {
    return Object.fromEntries(this.#refusals);
  }

  /** Looks at the log. @throws AppError FLEET_UNREACHABLE; the store's errors */
  async sync(): Promise<SyncResult> {
    let version: number | undefined;
    try {
      const signed = await this.#readHead();
      if (!signed) return { outcome: 'no-head' };
      const { head } = signed;
      version = head.version;
      const refusal = this.#judge(head);
      if (refusal) return this.#refuse({ reason: refusal, detail: DETAILS[refusal], version });
      const result = await this.#follow(signed);
      if ('head' in result) this.#reported = undefined;
      return result;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'FLEET_FORGED') throw error;
      return this.#refuse({ reason: 'forged', detail: `${error.message}.`, ...(version !== undefined && { version }) });
    }
  }

  async #readHead(): Promise<SignedHead | undefined> {
    const { log, authority, group } = this.#options;
    const bytes = await log.get(nameHead(group));
    return bytes && openHead(authority, bytes);
  }

  #judge(head: Head): HeadRefusal | undefined {
    const { fleet, group, clock } = this.#options;
    const nowMs = clock();
    const refusal = refuseHead(head, { fleet, group, applied: this.#applied, nowMs });
    if (!refusal && head.version >= (this.#seen?.version ?? 0)) {
      this.#seen = { version: head.version, issuedAt: head.issuedAt, atMs: nowMs };
    }
    return refusal;
  }

  async #follow(signed: SignedHead): Promise<SyncResult> {
    const { head } = signed;
    if (head.deleted) return { outcome: 'deleted', head };
    if (this.#applied?.version === head.version) {
      await this.#options.store.confirm(head);
      this.#applied = head;
      return { outcome: 'unchanged', head };
    }
    return this.#bring(signed);
  }

  /** Brings the copy to a version. Where the log moves on meanwhile, it follows, and keeps what it has read. */
  async #bring(first: SignedHead): Promise<SyncResult> {
    const work: Work = { have: this.#tree.copy(), staged: undefined };
    let signed = first;
    let isAltered = false;
    try {
      for (let look = 0; look < MAX_LOOKS; look++) {
        const reader = new VersionReader(this.#options);
        if (!(await reader.findEpochKey(signed.head.epoch))) return { outcome: 'no-key' };
        const next = await reader.readTree(work.have, signed);
        const had = work.have.size;
        if (next && (await this.#read(reader, { next, signed, work }))) {
          work.staged = undefined;
          this.#tree = next;
          this.#applied = signed.head;
          return { outcome: 'applied', head: signed.head };
        }
        isAltered = reader.isAltered;
        if (work.have.size > had) look = -1;
        await new Promise<void>((resolve) => this.#options.timers.setTimeout(resolve, PAUSE_MS));
        const fresh = await this.#readHead();
        if (!fresh || this.#judge(fresh.head) || fresh.head.deleted) break;
        signed = fresh;
      }
      return this.#giveUp(signed.head, isAltered);
    } finally {
      await work.staged?.abandon();
    }
  }

  /** @returns whether the version was read and written as a whole */
  async #read(
    reader: VersionReader,
    { next, signed, work }: { next: BucketTree; signed: SignedHead; work: Work },
  ): Promise<boolean> {
    const { store } = this.#options;
    const { head } = signed;
    const wanted = takeFirst(findMissing(next, work.have), MAX_DIRECT + 1);
    if (!work.staged && wanted.length <= MAX_DIRECT) {
      const puts = await reader.readRecords(wanted, signed);
      if (puts) await store.apply({ head, puts, deletes: listGone(work.have, next) });
      return puts !== undefined;
    }
    const staged = (work.staged ??= await store.begin({ records: next.size }));
    await reader.readMany({ next, have: work.have, signed }, (piece) => staged.add(piece));
    if (takeFirst(findMissing(next, work.have), 1).length > 0) return false;
    await staged.commit({ head, deletes: listGone(work.have, next) });
    return true;
  }

  /** A record that is altered is reported when it is still so at a second sync: the authority was not in the middle of a version then. */
  #giveUp({ version }: Head, isAltered: boolean): SyncResult {
    if (isAltered && this.#altered === version) this.#refuse({ reason: 'altered', detail: ALTERED, version });
    this.#altered = isAltered ? version : undefined;
    return { outcome: 'incomplete', isAltered };
  }

  #refuse(refusal: CopyRefusal): SyncResult {
    const { reason, detail } = refusal;
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
    if (this.#reported !== reason) this.#options.onRefusal?.(refusal);
    this.#reported = reason;
    return { outcome: 'refused', refusal: reason, detail };
  }
}

/** Records and digests that a sync has read so far. */
interface Work {
  /** Records of the copy and of the version in pieces. */
  have: BucketTree;
  staged: StagedVersion | undefined;
}

function takeFirst<T>(items: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    if (taken.length === count) break;
    taken.push(item);
  }
  return taken;
}

const ALTERED = 'The log shows another record in place of one that the head names.';

const DETAILS: Readonly<Record<HeadRefusal, string>> = {
  'other-fleet': 'The log shows a head of another fleet.',
  'other-group': 'The log shows a head of another group.',
  rollback: 'The log shows an older head than the one that was applied.',
  fork: 'The log shows a head with the version of the one that was applied, but with other records.',
  future: 'The log shows a head of the future; the clock of this door or of the authority is wrong.',
  expired: 'The log shows a head that has expired.',
};
