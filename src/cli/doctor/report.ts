// The doctor's report: runs the checks, removes the secrets from their findings, and writes them as text or as JSON.
import {
  fail,
  formatReportCounts,
  formatReportHead,
  formatReportLine,
  makeReport,
  type CheckedSubject,
  type DoctorFinding,
  type FindingCounts,
} from '../../domain/doctor.js';
import { describeError } from '../../errors.js';
import type { Output } from '../output.js';

/** One subject of the report, and the function that checks it. */
export interface DoctorCheck {
  title: string;
  run: () => DoctorFinding[] | Promise<DoctorFinding[]>;
}

/** Removes secrets: findings repeat the texts of libraries and of a running service. */
export type Redact = (text: string) => string;

export interface ReportOptions {
  stdout: Output;
  version: string;
  /** Time of the report: ISO 8601, UTC. */
  at: string;
  checks: readonly DoctorCheck[];
  redact: Redact;
}

/** Prints each finding as soon as it is known: when a check hangs, the last line shows which one. */
export async function writeText({ stdout, version, at, checks, redact }: ReportOptions): Promise<FindingCounts> {
  const width = Math.max(...checks.map(({ title }) => title.length));
  stdout.write(formatReportHead({ version, at }));
  const done: CheckedSubject[] = [];
  for (const check of checks) {
    const findings = await runCheck(check, redact);
    for (const finding of findings) stdout.write(formatReportLine(check.title, finding, width));
    done.push({ title: check.title, findings });
  }
  const { counts } = makeReport(version, at, done);
  stdout.write(formatReportCounts(counts));
  return counts;
}

/** Prints one JSON document: `{version, at, counts, checks: [{title, findings: [{level, text}]}]}`. */
export async function writeJson({ stdout, version, at, checks, redact }: ReportOptions): Promise<FindingCounts> {
  const done: CheckedSubject[] = [];
  for (const check of checks) done.push({ title: check.title, findings: await runCheck(check, redact) });
  const report = makeReport(version, at, done);
  stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  return report.counts;
}

/** Runs one check. A check that throws is a finding as well. @returns its findings without secrets */
export async function runCheck({ run }: Pick<DoctorCheck, 'run'>, redact: Redact): Promise<DoctorFinding[]> {
  let findings: DoctorFinding[];
  try {
    findings = await run();
  } catch (error) {
    findings = [fail(describeError(error))];
  }
  return findings.map(({ level, text }) => ({ level, text: redact(text) }));
}
