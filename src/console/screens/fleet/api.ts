// The answers of the device API that the screen "fleet" shows, and what a door is worth a look for.
import type { fleetAnswer, fleetDoorAnswer } from '../../../api/device/fleet-answers.js';
import type { Answer } from '../../api/types.js';
import type { Kind } from '../../ui/show.js';

export type ShownFleet = Answer<typeof fleetAnswer>;
export type ShownDoor = Answer<typeof fleetDoorAnswer>;
export type ShownGroup = ShownFleet['groups'][number];
export type ShownCopyState = ShownGroup['state'];

export const COPY_KINDS = {
  current: 'ok',
  behind: 'warn',
  missing: 'warn',
  stale: 'bad',
  unusable: 'bad',
} as const satisfies Record<ShownCopyState, Kind>;

export const HEALTH_KINDS = { ok: 'ok', degraded: 'warn', failed: 'bad' } as const satisfies Record<string, Kind>;

/** States of a copy, the worst one first. */
const WORST: readonly ShownCopyState[] = ['unusable', 'stale', 'missing', 'behind', 'current'];

/** Returns the state of the worst copy of a door; undefined where it has none. */
export function findWorst({ groups }: Pick<ShownDoor, 'groups'>): ShownCopyState | undefined {
  return WORST.find((state) => groups.some((group) => group.state === state));
}

/** Tells whether somebody should look after a door. A door that is a version behind for a moment is well. */
export function needsLook(door: ShownDoor): boolean {
  const worst = findWorst(door);
  return door.problems.length > 0 || door.health !== 'ok' || (worst !== 'current' && worst !== 'behind');
}
