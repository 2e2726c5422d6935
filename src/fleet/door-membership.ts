// A door's side of membership: reads what the authority gives it, and keeps the newest of it.
import type { FleetLog } from './fleet-log.js';
import { membershipBodySchema, type JoinedRecord } from './fleet-records.js';
import type { JoinedFleet } from './joined-fleet.js';
import { RefusedLetters } from './refused-letters.js';
import { readLetter, type LetterRefusal } from './signed-letter.js';
import { nameMembership } from './subjects.js';

/** Outcome of a look at the log. `removed`: the door is to delete its copies. */
export type MembershipOutcome =
  { outcome: 'none' | 'unchanged' | 'changed' | 'removed' } | { outcome: 'refused'; refusal: LetterRefusal };

/** Calls of `read` must not overlap. */
export class DoorMembership {
  readonly #joined: JoinedFleet;
  readonly #refused: RefusedLetters;

  constructor(joined: JoinedFleet) {
    this.#joined = joined;
    this.#refused = new RefusedLetters(joined, 'membership');
  }

  /** Number of letters that were refused, by reason. */
  get refusals(): Readonly<Partial<Record<LetterRefusal, number>>> {
    return this.#refused.counts;
  }

  /** Looks at the log once. @throws AppError FLEET_NOT_JOINED, FLEET_UNREACHABLE, STORE_UNAVAILABLE */
  async read(log: FleetLog): Promise<MembershipOutcome> {
    const joined = this.#joined;
    const { record, identity, authority } = joined.requireJoined();
    if (record.state !== 'approved' || !record.membership) return { outcome: 'none' };
    const bytes = await log.get(nameMembership(identity.id));
    if (!bytes) return { outcome: 'none' };
    const { fleet, membership } = record;
    const expected = {
      kind: 'membership',
      fleet,
      reader: identity,
      sender: authority,
      after: membership.sequence,
    } as const;
    const read = readLetter(bytes, expected, membershipBodySchema);
    if (read.outcome === 'refused') {
      await this.#refused.refuse(read.refusal);
      return read;
    }
    this.#refused.accept();
    if (read.isRepeated) return { outcome: 'unchanged' };
    const { sequence, issuedAt, body } = read;
    await joined.change((current) => {
      if (!current?.membership || current.state !== 'approved') return undefined;
      const next: JoinedRecord = { ...current, membership: { sequence, issuedAt, body } };
      if (body.state === 'approved') return { record: next };
      // The way to the log stays until the door has taken its leave.
      const before = current.membership.body;
      if (before.state === 'approved') next.connection = before.connection;
      next.state = 'removed';
      const entry = { action: 'fleet.removed', actor: 'fleet', subject: { fleet, door: identity.id } } as const;
      return { record: next, entries: [entry] };
    });
    return { outcome: body.state === 'approved' ? 'changed' : 'removed' };
  }
}
