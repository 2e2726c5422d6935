// The audit log: entries chained by their hashes, sealed, each in the atomic batch of the change that it tells of.
import type { AuditAction, AuditEntry, AuditSink } from '../domain/audit.js';
import type { Health } from '../domain/health.js';
import type { Log } from '../domain/log.js';
import type { Part } from '../domain/part.js';
import type { Clock } from '../domain/time.js';
import { AppError } from '../errors.js';
import type { Journal, Note, NoteMaker, Operation, SealedStore, Space } from '../store/sealed-store.js';
import { GENESIS, chained, type AuditHead, type AuditRecord } from './audit-record.js';
import {
  AUDIT_LABEL,
  ENTRY_KEYS,
  HEAD_KEY,
  encodeRecord,
  entryKey,
  readAuditLog,
  readHead,
  readItems,
} from './audit-space.js';
import { verifyAuditLog, type AuditReport } from './verify.js';

export interface AuditLogOptions {
  /** Started before the log, stopped after it and after all that makes notes. */
  store: SealedStore;
  clock: Clock;
  log: Log;
}

export interface AuditFilter {
  action?: AuditAction;
  actor?: string;
}

export interface AuditPage {
  /** Newest first. */
  records: AuditRecord[];
  /** Give it as `before` for the next page; absent on the last one. */
  nextBefore?: number;
}

export interface AuditStats {
  entries: number;
  /** Appended since the start. */
  appended: number;
}

/** So many entries are looked at for one page, at most: a filter that few pass must not hold up the caller. */
const MAX_LOOKED_AT = 20_000;

/**
 * Nothing is ever removed from it: an entry takes some 420 bytes on the disk. Its space outlives every group.
 * Where its end is damaged, it goes on behind the highest number that is known, and says so in its health.
 */
export class AuditLog implements Part, AuditSink, NoteMaker {
  readonly name = 'audit';
  readonly #options: AuditLogOptions;
  readonly #journal: Journal = {
    begin: (drafts) => this.#begin(drafts),
    end: (written) => this.#end(written),
  };
  #space: Space | undefined;
  #running = false;
  #damaged = false;
  /** What the next entry hangs on; undefined after a refused write, which may have reached the disk. */
  #head: AuditHead | undefined;
  /** The head of the batch that is under way. */
  #next: AuditHead | undefined;
  /** Of the newest entry, for those who ask. */
  #shown = GENESIS;
  #appended = 0;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** @throws AppError STORE_UNAVAILABLE */
  async start(): Promise<void> {
    if (this.#running) throw new TypeError('the audit log is started already');
    this.#space = await this.#options.store.openSpace(AUDIT_LABEL);
    this.#damaged = false;
    this.#head = this.#shown = await this.#findHead(this.#space);
    if (this.#damaged) this.#options.log.error({}, 'the end of the audit log is damaged; see "lintel audit verify"');
    this.#running = true;
  }

  /** Notes that were made before are written all the same. */
  async stop(): Promise<void> {
    this.#running = false;
  }

  async append(entry: AuditEntry): Promise<void> {
    await this.#options.store.write([], this.note([entry]));
  }

  /** Entries for a write of the store: they are on the disk if, and only if, it is. @throws AppError STOPPED */
  note(entries: readonly AuditEntry[]): Note {
    this.#mustRun();
    return { journal: this.#journal, drafts: entries };
  }

  /** For records beside the log that change with it, by `store.write` and a note. */
  get space(): Space {
    return this.#mustRun();
  }

  /** Of the newest entry on the disk. To be noted elsewhere: entries can be cut off by one who has the master key, and put back by nobody. */
  get head(): AuditHead {
    return this.#shown;
  }

  /**
   * Newest first. Entries that do not open are passed over.
   * @param page.before sequence; of a page before this one
   * @throws AppError STORE_UNAVAILABLE, STOPPED
   */
  async list(filter: AuditFilter, page: { limit: number; before?: number }): Promise<AuditPage> {
    const space = this.#mustRun();
    const range = { ...ENTRY_KEYS, lt: entryKey(page.before ?? Number.MAX_SAFE_INTEGER), reverse: true };
    const records: AuditRecord[] = [];
    let lookedAt = 0;
    for await (const item of readItems(space, { ...range, limit: MAX_LOOKED_AT })) {
      lookedAt++;
      if (item.kind === 'damaged') continue;
      const { record } = item;
      const fits =
        (filter.action === undefined || record.action === filter.action) &&
        (filter.actor === undefined || record.actor === filter.actor);
      if (fits) records.push(record);
      const { sequence } = record;
      if (records.length < page.limit && lookedAt < MAX_LOOKED_AT) continue;
      return sequence > 1 ? { records, nextBefore: sequence } : { records };
    }
    return { records };
  }

  /** Reads everything; see verifyAuditLog. */
  async verify(expectHead?: string): Promise<AuditReport> {
    this.#mustRun();
    return verifyAuditLog(readAuditLog(this.#options.store), expectHead);
  }

  stats(): AuditStats {
    return { entries: this.#shown.sequence, appended: this.#appended };
  }

  health(): Health {
    if (!this.#running) return { status: 'failed', detail: 'the audit log is not open' };
    const facts = { entries: this.#shown.sequence };
    return this.#damaged
      ? { status: 'degraded', detail: 'the audit log is damaged: see "lintel audit verify"', facts }
      : { status: 'ok', facts };
  }

  async #begin(drafts: readonly AuditEntry[]): Promise<Operation[]> {
    if (!this.#space) throw new AppError('STOPPED', 'the audit log is not open');
    const space = this.#space;
    let head = this.#head ?? (await this.#findHead(space));
    const at = new Date(this.#options.clock()).toISOString();
    const operations = drafts.map((draft) => {
      const record = chained(head, draft, at);
      head = { sequence: record.sequence, hash: record.hash };
      return space.put(entryKey(record.sequence), encodeRecord(record));
    });
    this.#next = head;
    return [...operations, space.put(HEAD_KEY, encodeRecord(head))];
  }

  #end(written: boolean): void {
    if (written && this.#next) {
      this.#appended += this.#next.sequence - this.#shown.sequence;
      this.#shown = this.#next;
    }
    this.#head = written ? this.#next : undefined;
    this.#next = undefined;
  }

  /** What the next entry hangs on, so that no number is used twice, whatever is damaged. */
  async #findHead(space: Space): Promise<AuditHead> {
    const head = await readHead(space);
    let last = GENESIS;
    for await (const item of readItems(space, { ...ENTRY_KEYS, reverse: true, limit: 1 })) {
      // One that does not open has a number, and a hash that nobody knows.
      last = item.kind === 'entry' ? item.record : { ...GENESIS, sequence: item.sequence };
    }
    if (head?.sequence === last.sequence && head.hash === last.hash) return head;
    if (!head && last === GENESIS) return GENESIS;
    this.#damaged = true;
    return head && head.sequence >= last.sequence ? head : { sequence: last.sequence, hash: last.hash };
  }

  #mustRun(): Space {
    if (!this.#running || !this.#space) throw new AppError('STOPPED', 'the audit log is not open');
    return this.#space;
  }
}
