// The policy of a group: which faces may be enrolled under an externalImageId.

/**
 * Policies from the laxest to the strictest; each refuses what the ones before refuse. `open`: everything, as the REST contract has it.
 * `one-person-per-id`: an externalImageId holds the faces of one person. `one-face-per-picture`: also, a picture shows one face only.
 */
export const ENROLMENT_POLICIES = ['open', 'one-person-per-id', 'one-face-per-picture'] as const;

export type EnrolmentPolicy = (typeof ENROLMENT_POLICIES)[number];

/** The policies of a device. */
export interface EnrolmentPolicies {
  /** Policy of the groups that `groups` does not name. */
  enrolment: EnrolmentPolicy;
  groups?: readonly { group: string; enrolment: EnrolmentPolicy }[] | undefined;
}

/** Returns the policy of a group, by its id; groups of different appKeys with one id have one policy. */
export function findPolicy({ enrolment, groups = [] }: EnrolmentPolicies, groupId: string): EnrolmentPolicy {
  return groups.find(({ group }) => group === groupId)?.enrolment ?? enrolment;
}

/** Returns the stricter one of two policies. */
export function pickStricter(one: EnrolmentPolicy, other: EnrolmentPolicy): EnrolmentPolicy {
  return ENROLMENT_POLICIES.indexOf(one) >= ENROLMENT_POLICIES.indexOf(other) ? one : other;
}
