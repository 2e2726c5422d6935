// The one line of `systemctl status`: what the service does, and what is wrong with it.
import type { HealthReport } from './health.js';

const MAX_CHARACTERS = 400;

export interface StatusFacts {
  /** Those that deliver pictures. */
  camerasRunning: number;
  cameras: number;
  /** Decisions since the start. */
  recognitions: number;
  health: Pick<HealthReport, 'status' | 'parts'>;
}

/** Such as `1 of 2 cameras running, 17 recognitions; degraded: camera:yard (the camera is lost: no route to host)`. */
export function statusText({ camerasRunning, cameras, recognitions, health }: StatusFacts): string {
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
