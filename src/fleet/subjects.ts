// The subjects of a fleet in its log. Ids in them are random: no name of a person, a group or a door is among them.

/** @param group id in hexadecimal */
export function nameHead(group: string): string {
  return `head.${group}`;
}

/** @param bucket 0 to 255 */
export function nameBucket(group: string, bucket: number): string {
  return `${nameBuckets(group)}.${bucket.toString(16).padStart(2, '0')}`;
}

/** Prefix of all buckets of a group. */
export function nameBuckets(group: string): string {
  return `group.${group}.bucket`;
}

/** Wrapped keys of the records of earlier epochs. @param bucket 0 to 255 */
export function nameKeyTable(group: string, bucket: number): string {
  return `${nameKeyTables(group)}.${bucket.toString(16).padStart(2, '0')}`;
}

/** Prefix of all tables of wrapped keys of a group. */
export function nameKeyTables(group: string): string {
  return `group.${group}.keys`;
}

/** Prefix of everything of a group but its head. */
export function nameGroup(group: string): string {
  return `group.${group}`;
}

/** @param record id in hexadecimal */
export function nameRecord(group: string, record: string): string {
  return `${nameRecords(group)}.${record}`;
}

/** Prefix of all records of a group. */
export function nameRecords(group: string): string {
  return `group.${group}.record`;
}

/** Membership of a door, from the authority. @param door id in hexadecimal */
export function nameMembership(door: string): string {
  return `member.${door}`;
}

/** Last report of a door, for the authority. */
export function nameReport(door: string): string {
  return `report.${door}`;
}

/** Request to join the fleet. @param join id of the invite in hexadecimal */
export function nameJoin(join: string): string {
  return `join.${join}`;
}

/** The authority's answer to a request to join. */
export function nameWelcome(join: string): string {
  return `welcome.${join}`;
}

/** Stream of the events of a door. @param door id in hexadecimal */
export function nameEventStream(door: string): string {
  return `events.${door}`;
}

/** Prefix of all proposals of all doors. */
export const PROPOSALS = 'proposal';

/** Enrolment that a door hands to the authority. @param proposal id in hexadecimal */
export function nameProposal(door: string, proposal: string): string {
  return `${PROPOSALS}.${door}.${proposal}`;
}

/** Prefix of the answers to a door. */
export function nameAnswers(door: string): string {
  return `answer.${door}`;
}

/** The authority's answer to a proposal. */
export function nameAnswer(door: string, proposal: string): string {
  return `${nameAnswers(door)}.${proposal}`;
}
