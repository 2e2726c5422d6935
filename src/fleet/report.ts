// A door's report: what it runs, what it holds and what it refused, signed as the receipt for what it has deleted.
import type { DoorReport } from './fleet-records.js';
import type { JoinedFleet } from './joined-fleet.js';
import { writeLetter } from './signed-letter.js';

/**
 * Writes a report for the authority. Its sequence and the sequence of the membership are filled in.
 * @returns the value of the subject nameReport @throws AppError FLEET_NOT_JOINED, STORE_UNAVAILABLE
 */
export async function writeReport(joined: JoinedFleet, report: Omit<DoorReport, 'membership'>): Promise<Buffer> {
  const { record, identity, authority } = joined.requireJoined();
  const body: DoorReport = { ...report, membership: record.membership?.sequence ?? 0 };
  const sequence = await joined.nextSequence();
  return writeLetter(identity, authority, {
    kind: 'report',
    fleet: record.fleet,
    sequence,
    issuedAt: joined.now(),
    body,
  });
}
