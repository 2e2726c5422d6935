// The doctor's report: its findings, their levels, and its text for people.

/** `ok`: it works. `warn`: it works, but somebody should look at it. `fail`: it does not work. */
export type FindingLevel = 'ok' | 'warn' | 'fail';

/** One line of the report. Its text holds no secret: no key, and no password in a URL. */
export interface DoctorFinding {
  level: FindingLevel;
  text: string;
}

/** Findings about one subject. */
export interface CheckedSubject {
  title: string;
  findings: DoctorFinding[];
}

export type FindingCounts = Record<FindingLevel, number>;

export interface DoctorReport {
  version: string;
  /** Time of the report: ISO 8601, UTC. */
  at: string;
  counts: FindingCounts;
  checks: CheckedSubject[];
}

export function ok(text: string): DoctorFinding {
  return { level: 'ok', text };
}

export function warn(text: string): DoctorFinding {
  return { level: 'warn', text };
}

export function fail(text: string): DoctorFinding {
  return { level: 'fail', text };
}

/** Makes the report of subjects that were checked. @param at ISO 8601, UTC */
export function makeReport(version: string, at: string, checks: CheckedSubject[]): DoctorReport {
  const counts: FindingCounts = { ok: 0, warn: 0, fail: 0 };
  for (const { level } of checks.flatMap(({ findings }) => findings)) counts[level]++;
  return { version, at, counts, checks };
}

const MARKS: Record<FindingLevel, string> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

/** @returns the first lines of the text */
export function formatReportHead({ version, at }: Pick<DoctorReport, 'version' | 'at'>): string {
  return `Lintel ${version}, ${at}\n\n`;
}

/** @param width characters of the longest title @returns the line of one finding, indented where its text has several lines */
export function formatReportLine(title: string, { level, text }: DoctorFinding, width: number): string {
  return `${MARKS[level]}  ${title.padEnd(width)}  ${text.replaceAll('\n', `\n${' '.repeat(width + 8)}`)}\n`;
}

/** @returns the last lines of the text */
export function formatReportCounts({ ok, warn, fail }: FindingCounts): string {
  return `\n${fail} failed, ${warn} ${warn === 1 ? 'warning' : 'warnings'}, ${ok} ok\n`;
}

/** @returns the whole text, as `lintel doctor` prints it */
export function formatReport(report: DoctorReport): string {
  const width = Math.max(0, ...report.checks.map(({ title }) => title.length));
  const lines = report.checks.flatMap(({ title, findings }) =>
    findings.map((finding) => formatReportLine(title, finding, width)),
  );
  return formatReportHead(report) + lines.join('') + formatReportCounts(report.counts);
}
