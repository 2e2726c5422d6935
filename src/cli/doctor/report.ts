// The doctor's report: runs the checks, removes the secrets from their findings, and writes them as text or as JSON.
import { describeError } from '../../errors.js';
import type { Output } from '../output.js';
import { fail, type DoctorFinding, type FindingLevel } from './finding.js';

/** One subject of the report, and the function that checks it. */
export interface DoctorCheck {
  title: string;
  run: () => DoctorFinding[] | Promise<DoctorFinding[]>;
}

export type FindingCounts = Record<FindingLevel, number>;

export interface ReportOptions {
  stdout: Output;
  version: string;
  /** Time of the report: ISO 8601, UTC. */
  at: string;
  checks: readonly DoctorCheck[];
  /** Removes secrets: findings repeat the texts of libraries and of a running service. */
  redact: (text: string) => string;
}

const MARKS: Record<FindingLevel, string> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

/** Prints each finding as soon as it is known: when a check hangs, the last line shows which one. */
export async function writeText({ stdout, version, at, checks, redact }: ReportOptions): Promise<FindingCounts> {
  const width = Math.max(...checks.map(({ title }) => title.length));
  const indent = ' '.repeat(width + 8);
  const counts: FindingCounts = { ok: 0, warn: 0, fail: 0 };
  stdout.write(`Lintel ${version}, ${at}\n\n`);
  for (const { title, run } of checks) {
    for (const { level, text } of await runCheck(run, redact)) {
      counts[level]++;
      stdout.write(`${MARKS[level]}  ${title.padEnd(width)}  ${text.replaceAll('\n', `\n${indent}`)}\n`);
    }
  }
  stdout.write(
    `\n${counts.fail} failed, ${counts.warn} ${counts.warn === 1 ? 'warning' : 'warnings'}, ${counts.ok} ok\n`,
  );
  return counts;
}

/** Prints one JSON document: `{version, at, counts, checks: [{title, findings: [{level, text}]}]}`. */
export async function writeJson({ stdout, version, at, checks, redact }: ReportOptions): Promise<FindingCounts> {
  const done: { title: string; findings: DoctorFinding[] }[] = [];
  for (const { title, run } of checks) done.push({ title, findings: await runCheck(run, redact) });
  const counts: FindingCounts = { ok: 0, warn: 0, fail: 0 };
  for (const { level } of done.flatMap((check) => check.findings)) counts[level]++;
  stdout.write(`${JSON.stringify({ version, at, counts, checks: done }, null, 2)}\n`);
  return counts;
}

/** A check that throws is a finding as well. */
async function runCheck(run: DoctorCheck['run'], redact: (text: string) => string): Promise<DoctorFinding[]> {
  let findings: DoctorFinding[];
  try {
    findings = await run();
  } catch (error) {
    findings = [fail(describeError(error))];
  }
  return findings.map(({ level, text }) => ({ level, text: redact(text) }));
}
