// The audit log: sealed entries, chained by their hashes, each in the same atomic batch as the change that it records.
import type { AuditAction, AuditEntry, AuditSink } from '../domain/audit.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import { systemTimers, type Clock, type Timers } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { NoteJournal, Note, NoteMaker, Operation, SealedStore, Space } from '../store/sealed-store.js';
import { AuditCheck } from './audit-check.js';
import { GENESIS, chainEntry, type AuditHead, type AuditRecord } from './audit-record.js';
import {
  AUDIT_LABEL,
  ENTRY_KEYS,
  HEAD_KEY,
  encodeRecord,
  readAuditLog,
  readHead,
  readItems,
  type AuditLine,
} from './audit-space.js';
import { verifyAuditLog, type AuditReport } from './verify.js';

export interface AuditLogOptions {
  /** Starts before the log, and stops after it and after everything that makes notes. */
  store: SealedStore;
  clock: Clock;
  log: Log;
  /** Greatest number of entries, damaged ones included, that one page examines; 20,000 by default. */
  maxExamined?: number;
  /** Milliseconds that never go back, as performance.now. */
  monotonic?: Clock;
  timers?: Timers;
}

export interface AuditFilter {
  action?: AuditAction | undefined;
  actor?: string | undefined;
  /** Only entries whose subject has this value, such as a faceId. */
  about?: string | undefined;
}

export interface AuditPage {
  /** Newest first. */
  records: AuditRecord[];
  /** Value of `before` for the next page; absent on the last page. */
  nextBefore?: number;
}

export interface AuditStats {
  entries: number;
  /** Number of entries appended since the start. */
  appended: number;
}

/** A page ends here even if it is not full: a filter that few entries pass must not delay the caller. */
const MAX_EXAMINED = 20_000;

/**
 * Entries are never removed. The log's space is not destroyed with any group.
 * If the end of the log is damaged, the log continues after the highest number that is known, and its health says so.
 */
export class AuditLog implements Part, AuditSink, NoteMaker {
  readonly name = 'audit';
  /** The check of the whole log while the service runs. */
  readonly check: AuditCheck;
  readonly #options: AuditLogOptions;
  readonly #journal: NoteJournal = {
    begin: (drafts) => this.#begin(drafts),
    end: (written) => this.#end(written),
  };
  #space: Space | undefined;
  #running = false;
  #damaged = false;
  /** Head to which the next entry is chained. It is undefined after a refused write, which may still have reached the disk. */
  #head: AuditHead | undefined;
  /** Head after the batch that is being written. */
  #next: AuditHead | undefined;
  /** Head of the newest entry that is known to be on the disk. */
  #stored = GENESIS;
  #appended = 0;
  /** Heads of the entries that were written, as long as their drafts are in use. */
  readonly #records = new WeakMap<AuditEntry, AuditHead>();

  constructor(options: AuditLogOptions) {
    this.#options = options;
    const { store, clock, monotonic = () => performance.now(), timers = systemTimers } = options;
    const read = (): AsyncIterable<AuditLine> => readAuditLog(store);
    this.check = new AuditCheck({ read, count: () => this.#stored.sequence, clock, monotonic, timers });
  }

  /** @throws AppError STORE_UNAVAILABLE */
  async start(): Promise<void> {
    if (this.#running) throw new TypeError('the audit log is already started');
    this.#space = await this.#options.store.openSpace(AUDIT_LABEL, { check: 'later' });
    this.#damaged = false;
    this.#head = this.#stored = await this.#findHead(this.#space);
    if (this.#damaged) {
      this.#options.log.error({}, 'the end of the audit log is damaged: run "lintel audit verify"');
    }
    this.#running = true;
    const { pendingEntries } = this.#options.store;
    if (pendingEntries.length > 0) await this.#options.store.write([], this.note(pendingEntries));
  }

  /** Notes that were made before the stop are still written. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.check.stop();
  }

  async append(entry: AuditEntry): Promise<void> {
    await this.#options.store.write([], this.note([entry]));
  }

  /** Makes a note for a write of the store: its entries reach the disk if, and only if, that write does. @throws AppError STOPPED */
  note(entries: readonly AuditEntry[]): Note {
    this.#requireSpace();
    return { journal: this.#journal, drafts: entries, findRecord: (draft) => this.#records.get(draft) };
  }

  /** Space of the log, for records that change together with it in one `store.write` with a note. @throws AppError STOPPED */
  get space(): Space {
    return this.#requireSpace();
  }

  /**
   * Head of the newest entry on the disk. An operator should keep a copy of it elsewhere: a person with the master key can cut entries
   * off, but cannot make a shorter log have this head.
   */
  get head(): AuditHead {
    return this.#stored;
  }

  /**
   * Lists entries, newest first. Damaged entries are skipped. A page may hold fewer records than its limit, even none, and still have
   * a next page.
   * @param page.before only entries with a smaller sequence number are listed
   * @throws AppError STORE_UNAVAILABLE, STOPPED
   */
  async list(filter: AuditFilter, page: { limit: number; before?: number | undefined }): Promise<AuditPage> {
    const space = this.#requireSpace();
    const { maxExamined = MAX_EXAMINED } = this.#options;
    const lt = ENTRY_KEYS.encode(page.before ?? Number.MAX_SAFE_INTEGER);
    const records: AuditRecord[] = [];
    let examined = 0;
    for await (const item of readItems(space, { ...ENTRY_KEYS.range, lt, reverse: true, limit: maxExamined })) {
      examined++;
      if (item.kind === 'entry' && matches(item.record, filter)) records.push(item.record);
      if (records.length < page.limit && examined < maxExamined) continue;
      const sequence = item.kind === 'entry' ? item.record.sequence : item.sequence;
      return sequence > 1 ? { records, nextBefore: sequence } : { records };
    }
    return { records };
  }

  /** Reads one entry. @returns undefined when it is missing or damaged @throws AppError STORE_UNAVAILABLE, STOPPED */
  async find(sequence: number): Promise<AuditRecord | undefined> {
    const key = ENTRY_KEYS.encode(sequence);
    for await (const item of readItems(this.#requireSpace(), { gte: key, lte: key })) {
      if (item.kind === 'entry') return item.record;
    }
    return undefined;
  }

  /** Reads and checks the whole log, as verifyAuditLog does. @throws AppError STORE_UNAVAILABLE, STOPPED */
  async verify(expectHead?: string): Promise<AuditReport> {
    this.#requireSpace();
    return verifyAuditLog(readAuditLog(this.#options.store), expectHead);
  }

  stats(): AuditStats {
    return { entries: this.#stored.sequence, appended: this.#appended };
  }

  health(): Health {
    if (!this.#running) return { status: 'failed', detail: 'the audit log is not open' };
    const facts = { entries: this.#stored.sequence };
    return this.#damaged || this.check.hasProblem
      ? { status: 'degraded', detail: 'the audit log is damaged: run "lintel audit verify"', facts }
      : { status: 'ok', facts };
  }

  async #begin(drafts: readonly AuditEntry[]): Promise<Operation[]> {
    if (!this.#space) throw new AppError('STOPPED', 'the audit log is not open');
    const space = this.#space;
    let head = this.#head ?? (await this.#findHead(space));
    const at = new Date(this.#options.clock()).toISOString();
    const operations = drafts.map((draft) => {
      const record = chainEntry(head, draft, at);
      head = { sequence: record.sequence, hash: record.hash };
      this.#records.set(draft, head);
      return space.put(ENTRY_KEYS.encode(record.sequence), encodeRecord(record));
    });
    this.#next = head;
    return [...operations, space.put(HEAD_KEY, encodeRecord(head))];
  }

  #end(written: boolean): void {
    if (written && this.#next) {
      this.#appended += this.#next.sequence - this.#stored.sequence;
      this.#stored = this.#next;
    }
    this.#head = written ? this.#next : undefined;
    this.#next = undefined;
  }

  /** Finds the head to which the next entry is chained. No number is used twice, whatever is damaged. */
  async #findHead(space: Space): Promise<AuditHead> {
    const head = await readHead(space);
    let last = GENESIS;
    for await (const item of readItems(space, { ...ENTRY_KEYS.range, reverse: true, limit: 1 })) {
      // The number of a damaged entry is known from its key; its hash is not known.
      last = item.kind === 'entry' ? item.record : { ...GENESIS, sequence: item.sequence };
    }
    if (head?.sequence === last.sequence && head.hash === last.hash) return head;
    if (!head && last === GENESIS) return GENESIS;
    this.#damaged = true;
    return head && head.sequence >= last.sequence ? head : { sequence: last.sequence, hash: last.hash };
  }

  #requireSpace(): Space {
    if (!this.#running || !this.#space) throw new AppError('STOPPED', 'the audit log is not open');
    return this.#space;
  }
}

function matches(record: AuditRecord, filter: AuditFilter): boolean {
  return (
    (filter.action === undefined || record.action === filter.action) &&
    (filter.actor === undefined || record.actor === filter.actor) &&
    (filter.about === undefined || Object.values(record.subject).some((value) => String(value) === filter.about))
  );
}
