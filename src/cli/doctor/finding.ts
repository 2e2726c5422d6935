// One line of the doctor's report, and its three levels.

/** `ok`: it works. `warn`: it works, but somebody should look at it. `fail`: it does not work. */
export type FindingLevel = 'ok' | 'warn' | 'fail';

/** One line of the report. Its text holds no secret: no key, and no password in a URL. */
export interface DoctorFinding {
  level: FindingLevel;
  text: string;
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
