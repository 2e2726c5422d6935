// Checks the audit log: that no entry was altered, removed, moved or cut off.
import { GENESIS, hashOf, type AuditHead } from './audit-record.js';
import type { AuditLine } from './audit-space.js';

export interface AuditReport {
  /** No problem was found. */
  ok: boolean;
  /** That could be read. */
  entries: number;
  /** Of the first and the newest entry; absent where there are none. */
  firstAt?: string;
  lastAt?: string;
  /** Of the newest entry. */
  head: AuditHead;
  /** Sentences, the first few. */
  problems: string[];
  problemCount: number;
}

const MAX_PROBLEMS = 20;

/**
 * What this cannot see: that the whole database was replaced by an older copy of itself, and what somebody with the master key wrote anew.
 * A head that was noted elsewhere shows both.
 * @param expectHead the hash of a head noted earlier: the log must have that entry, and may have gone on since
 */
export async function verifyAuditLog(lines: AsyncIterable<AuditLine>, expectHead?: string): Promise<AuditReport> {
  const report: AuditReport = { ok: true, entries: 0, head: GENESIS, problems: [], problemCount: 0 };
  const problem = (text: string): void => {
    report.ok = false;
    if (++report.problemCount <= MAX_PROBLEMS) report.problems.push(text);
  };
  let last: AuditHead = GENESIS;
  /** The one before does not open: what this one hangs on is not known. */
  let isLoose = false;
  let expectedSeen = expectHead === undefined || expectHead === GENESIS.hash;
  let heads = 0;
  for await (const line of lines) {
    if (line.kind === 'head') {
      if (++heads > 1) problem('there is more than one log');
      else for (const text of headProblems(line.head, last, isLoose)) problem(text);
      continue;
    }
    const sequence = line.kind === 'entry' ? line.record.sequence : line.sequence;
    if (sequence !== last.sequence + 1) problem(missing(last.sequence + 1, sequence - 1));
    if (line.kind === 'damaged') {
      problem(`entry ${sequence} does not open, or is no entry`);
      last = { sequence, hash: GENESIS.hash };
      isLoose = true;
      continue;
    }
    const { record } = line;
    if (hashOf(record) !== record.hash) problem(`entry ${sequence} was altered: it does not have its hash`);
    const isNext = sequence === last.sequence + 1;
    if (isNext && !isLoose && record.previous !== last.hash) {
      problem(`entry ${sequence} does not follow the one before`);
    }
    isLoose = false;
    last = { sequence, hash: record.hash };
    report.entries++;
    report.firstAt ??= record.at;
    report.lastAt = record.at;
    if (record.hash === expectHead) expectedSeen = true;
  }
  if (heads === 0 && last.sequence > 0) problem('the head is lost');
  if (!expectedSeen) problem('the expected head is not in it: entries were cut off, or the log is another one');
  report.head = last;
  return report;
}

function headProblems(head: AuditHead | undefined, last: AuditHead, isLoose: boolean): string[] {
  if (!head) return last.sequence > 0 ? ['the head is lost, or does not open'] : [];
  if (head.sequence > last.sequence) return [missing(last.sequence + 1, head.sequence)];
  if (head.sequence < last.sequence) return [`the head stands at entry ${head.sequence}, before the last one`];
  return head.hash === last.hash || isLoose ? [] : ['the head does not have the hash of the last entry'];
}

function missing(from: number, to: number): string {
  return from >= to ? `entry ${from} is missing` : `the entries ${from} to ${to} are missing`;
}
