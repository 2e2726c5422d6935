// Whether a copied group may be relied on now: what its readers ask before they use it.
import { clientError } from '../errors.js';
import type { GroupRef } from './gallery.types.js';

/**
 * Returns `stale` for a copy whose fleet was not heard for too long, or that has no version yet; undefined for every group that may be relied
 * on. It is asked for each decision, so it must be fast, and it never throws.
 */
export type CopyTrust = (ref: GroupRef) => 'stale' | undefined;

/** The trust of a device that belongs to no fleet. */
export const trustEveryGroup: CopyTrust = () => undefined;

/** @throws AppError GROUP_STALE */
export function mustBeFresh(ref: GroupRef, trust: CopyTrust): void {
  if (trust(ref) === undefined) return;
  throw clientError(
    'GROUP_STALE',
    `The group ${ref.groupId} is a copy of the fleet that is too old to be relied on: this device has heard nothing of the fleet for too long.`,
  );
}
