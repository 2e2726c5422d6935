// The status line of `systemctl status`: what the service does, and which parts have a problem.
import type { HealthReport } from './health.js';

const MAX_CHARACTERS = 400;

export interface StatusFacts {
  /** Number of cameras that deliver frames. */
  camerasRunning: number;
  cameras: number;
  /** Matches since the start. */
  recognitions: number;
  health: Pick<HealthReport, 'status' | 'parts'>;
}

/** Formats the line, such as `1 of 2 cameras running, 17 recognitions; degraded: camera:yard (the camera is lost: no route to host)`. */
export function formatStatus({ camerasRunning, cameras, recognitions, health }: StatusFacts): string {
  const plural = recognitions === 1 ? 'recognition' : 'recognitions';
  const work =
    cameras === 0
      ? 'serving, no cameras'
      : `${camerasRunning} of ${cameras} cameras running, ${recognitions} ${plural}`;
  const troubled = Object.entries(health.parts).filter(([, { status }]) => status !== 'ok');
  if (troubled.length === 0) return work;
  const reasons = troubled.map(([name, { detail, status }]) => `${name} (${detail ?? status})`).join(', ');
  const text = `${work}; ${health.status}: ${reasons}`;
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS - 1)}…`;
}
