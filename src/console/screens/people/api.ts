// The requests of the screen "people", and their answers.
import type {
  closestPersonAnswer,
  facesDeletedAnswer,
  groupAnswer,
  groupListAnswer,
  personAnswer,
  personFacesAnswer,
} from '../../../api/device/people-answers.js';
import { ApiError, get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { toApiError } from '../../api/use-fetch.js';
import { makeHash } from '../../router.js';
import type { words } from './words.js';

export type PersonGroup = Answer<typeof groupAnswer>;
export type Person = Answer<typeof personAnswer>;
export type PersonFaces = Answer<typeof personFacesAnswer>;
export type PersonFace = PersonFaces['faces'][number];
export type Closest = NonNullable<Answer<typeof closestPersonAnswer>['closest']>;
export type Proof = Answer<typeof facesDeletedAnswer>['audit'];

/** Names a group. Without the name of its appKey it belongs to `default`. */
export interface GroupName {
  groupId: string;
  appKey: string | undefined;
}

/** Largest page that the API gives. */
const PAGE_GROUPS = 200;

/** Reads all groups of an appKey. */
export async function listGroups(appKey: string | undefined, signal?: AbortSignal): Promise<PersonGroup[]> {
  const groups: PersonGroup[] = [];
  let before: string | undefined;
  do {
    const page: Answer<typeof groupListAnswer> = await get('groups', { appKey, limit: PAGE_GROUPS, before }, signal);
    groups.push(...page.groups);
    before = page.before;
  } while (before !== undefined);
  return groups;
}

/** Tells whether people can be enrolled in a group here. */
export function takesEnrolments({ copyOf }: PersonGroup): boolean {
  return copyOf === undefined || copyOf.takesProposals;
}

/** Path of a group in the device API. */
export function groupPath({ groupId }: GroupName): string {
  return `groups/${encodeURIComponent(groupId)}`;
}

/** Address of a group, or of one of its people, in the console. */
export function linkTo({ groupId, appKey }: GroupName, externalImageId?: string): string {
  return makeHash(['people', groupId, ...(externalImageId === undefined ? [] : [externalImageId])], { appKey });
}

type FailureWord = Extract<keyof typeof words.en, `fail${string}`>;

const FAILURES: Readonly<Record<string, FailureWord>> = {
  OFFLINE: 'failOffline',
  ROLE_TOO_LOW: 'failRole',
  NOT_FOUND: 'failGone',
  GROUP_NOT_FOUND: 'failGone',
  FACE_NOT_FOUND: 'failGone',
  GROUP_READ_ONLY: 'failCopy',
  DUPLICATED_GROUP: 'failGroupExists',
  MODEL_VERSION_MISMATCH: 'failModels',
  QUOTA_EXCEEDED: 'failFull',
  ENROLMENT_REFUSED: 'failPolicy',
  STORE_UNAVAILABLE: 'failDisk',
};

/** Words why an action did not succeed. */
export function wordFailure(
  error: unknown,
  t: (key: FailureWord, values?: Readonly<Record<string, string>>) => string,
): string {
  const { code, message } = error instanceof ApiError ? error : toApiError(error);
  return t(FAILURES[code] ?? 'failOther', { message });
}
