// The check of the audit log: it finds entries that were altered, removed, moved or cut off.
import { GENESIS, hashRecord, type AuditHead, type AuditRecord } from './audit-record.js';
import type { AuditLine } from './audit-space.js';

export interface AuditReport {
  /** True when no problem was found. */
  ok: boolean;
  /** Number of entries that could be read. */
  entries: number;
  /** Times of the first and of the newest entry; absent when there are no entries. */
  firstAt?: string;
  lastAt?: string;
  /** Head of the newest entry. */
  head: AuditHead;
  /** One sentence for each problem; only the first 20. */
  problems: string[];
  problemCount: number;
}

const MAX_PROBLEMS = 20;

/**
 * Reads the whole log and checks the numbers, the hashes, the head and the root. Without `expectHead` it cannot see that a person with the
 * master key wrote the log again.
 * @param expectHead hash of a head that was noted earlier: the log must contain that entry, and may have later ones
 */
export async function verifyAuditLog(lines: AsyncIterable<AuditLine>, expectHead?: string): Promise<AuditReport> {
  const report: AuditReport = { ok: true, entries: 0, head: GENESIS, problems: [], problemCount: 0 };
  const addProblem = (text: string): void => {
    report.ok = false;
    if (++report.problemCount <= MAX_PROBLEMS) report.problems.push(text);
  };
  let last: AuditHead = GENESIS;
  /** True when the hash of the last entry is unknown because that entry is damaged. */
  let isLastHashUnknown = false;
  let isExpectedFound = expectHead === undefined || expectHead === GENESIS.hash;
  let heads = 0;
  for await (const line of lines) {
    if (line.kind === 'head') {
      if (++heads > 1) addProblem('there is more than one log');
      else for (const text of listHeadProblems(line.head, last, isLastHashUnknown)) addProblem(text);
      continue;
    }
    if (line.kind === 'root') {
      if (line.problem !== undefined) addProblem(`its records do not add up: ${line.problem}`);
      continue;
    }
    const sequence = line.kind === 'entry' ? line.record.sequence : line.sequence;
    if (sequence !== last.sequence + 1) addProblem(describeMissing(last.sequence + 1, sequence - 1));
    if (line.kind === 'damaged') {
      addProblem(`entry ${sequence} is damaged: it cannot be opened, or is not an entry`);
      last = { sequence, hash: GENESIS.hash };
      isLastHashUnknown = true;
      continue;
    }
    const { record } = line;
    if (!hasOwnHash(record)) addProblem(`entry ${sequence} was altered: its hash does not match its contents`);
    const isNext = sequence === last.sequence + 1;
    if (isNext && !isLastHashUnknown && record.previous !== last.hash) {
      addProblem(`entry ${sequence} does not follow the entry before it`);
    }
    isLastHashUnknown = false;
    last = { sequence, hash: record.hash };
    report.entries++;
    report.firstAt ??= record.at;
    report.lastAt = record.at;
    if (record.hash === expectHead) isExpectedFound = true;
  }
  if (heads === 0 && last.sequence > 0) addProblem('the head is lost');
  if (!isExpectedFound) {
    addProblem('no entry has the expected head: entries were cut off, or this is another log');
  }
  report.head = last;
  return report;
}

function hasOwnHash(record: AuditRecord): boolean {
  try {
    return hashRecord(record) === record.hash;
  } catch (error) {
    // Lintel never wrote a record that has no canonical JSON.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function listHeadProblems(head: AuditHead | undefined, last: AuditHead, isLastHashUnknown: boolean): string[] {
  if (!head) return last.sequence > 0 ? ['the head is lost or damaged'] : [];
  if (head.sequence > last.sequence) return [describeMissing(last.sequence + 1, head.sequence)];
  if (head.sequence < last.sequence) return [`the head names entry ${head.sequence}, which is not the last one`];
  return head.hash === last.hash || isLastHashUnknown ? [] : ['the head does not have the hash of the last entry'];
}

function describeMissing(from: number, to: number): string {
  return from >= to ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`;
}
