// The fleet: this device as its authority, or as a door of it.
import type { HealthStatus } from '../domain/health.js';
import type { HealthReport } from '../ops/health.js';
import { createAuthority } from './fleet-authority.js';
import { createDoor } from './fleet-door.js';
import type { FleetBase, FleetInputs, FleetMember } from './fleet-member.js';

/** Problems of a door in its report. */
const MAX_PROBLEMS = 20;
const MAX_PROBLEM_CHARACTERS = 500;

/** @returns undefined for a device that stands alone */
export function createFleet(base: FleetBase, inputs: FleetInputs): FleetMember | undefined {
  const { fleet } = base.config;
  if (!fleet) return undefined;
  return fleet.role === 'authority' ? createAuthority(base, inputs, fleet) : createDoor(base, inputs, fleet);
}

/** Describes the health of a device without the fleet, of which the report has more. */
export function describeHealth({ status, parts }: HealthReport): { health: HealthStatus; problems: string[] } {
  const others = Object.entries(parts).filter(([name, part]) => name !== 'fleet' && part.status !== 'ok');
  const problems = others.map(([name, { detail }]) =>
    `${name}: ${detail ?? 'not ok'}`.slice(0, MAX_PROBLEM_CHARACTERS),
  );
  return { health: status, problems: problems.slice(0, MAX_PROBLEMS) };
}
