// Routes of the people of a group: lists, the closest other person, and changes of all faces of a person at once.
import { z } from 'zod';
import { rounded } from '../../domain/face.js';
import { EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../../domain/ids.js';
import { EnrolmentRefused } from '../../enrolment/enrolment-refused.js';
import { clientError } from '../../errors.js';
import type { GroupRef } from '../../gallery/gallery.types.js';
import type {
  AuditProof,
  BestAndWorst,
  PersonChange,
  PersonChangeOptions,
  PersonSummary,
  RefusedChange,
} from '../../gallery/person.types.js';
import { wholeNumberText } from '../core/parameters.js';
import {
  closestPersonAnswer,
  describeRecognisability,
  personChangedAnswer,
  personDeletedAnswer,
  personFacesAnswer,
  personListAnswer,
} from './answers.js';
import { appKeyName, findGroupRef, MAX_PAGE, pageToken, refuseToken } from './groups.js';
import { linkNextPage, linkPageAfter } from './parameters.js';
import { DEVICE_BASE, deviceRoute, type DeviceRoute } from './route.js';
import type { DeviceServices } from './services.js';

const GROUP = '/groups/:groupId';

/** Not a part of the path: a URL cannot hold the ids `.` and `..` there. */
const externalImageId = z.string().regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -');
const idPart = z
  .string()
  .regex(EXTERNAL_IMAGE_ID_PATTERN, 'must have 1 to 255 of: letters, digits, _ . : -')
  .optional();
const personQuery = { appKey: appKeyName, externalImageId };
const changeFields = {
  appKey: appKeyName,
  externalImageId,
  merge: z.boolean().default(false).meta({
    description:
      'Lets the faces join a person who has the externalImageId already. The policy of the group may refuse it: see GET /groups.',
  }),
};

/** Refusals of the operations that give faces to another person or group. */
const CHANGE_REFUSALS = [
  'NOT_FOUND',
  'GROUP_NOT_FOUND',
  'PERSON_EXISTS',
  'MODEL_VERSION_MISMATCH',
  'QUOTA_EXCEEDED',
  'ENROLMENT_REFUSED',
  'STORE_UNAVAILABLE',
] as const;

export const personRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'listPersons',
    summary: 'The people of a group, in the order of their externalImageIds',
    method: 'GET',
    path: `${GROUP}/persons`,
    query: z.strictObject({
      appKey: appKeyName,
      limit: wholeNumberText(1, 1_000, 100),
      after: idPart.meta({ description: 'The `after` of the previous page.' }),
      prefix: idPart.meta({ description: 'Only people whose externalImageId begins with it.' }),
    }),
    data: personListAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND'],
    handle: async (services, { params: { groupId }, query }) => {
      const { appKey, limit, after, prefix } = query;
      const ref = findGroupRef(services, appKey, groupId);
      const { persons, next } = services.gallery.people.list(ref, { limit, after, prefix });
      const path = `${DEVICE_BASE}/groups/${encodeURIComponent(groupId)}/persons`;
      return { json: { persons: persons.map(describePerson), ...linkPageAfter(path, next, query) } };
    },
  }),
  deviceRoute({
    name: 'listPersonFaces',
    summary: 'The faces of a person, newest first',
    method: 'GET',
    path: `${GROUP}/faces`,
    query: z.strictObject({ ...personQuery, limit: wholeNumberText(1, MAX_PAGE, 100), before: pageToken }),
    data: personFacesAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND'],
    handle: async (services, { params: { groupId }, query }) => {
      const { appKey, externalImageId, limit, before: token } = query;
      const ref = findGroupRef(services, appKey, groupId);
      services.gallery.people.summary(ref, externalImageId);
      const page = await services.gallery.listFaces(ref, { limit, token }, { externalImageId }).catch(refuseToken);
      const faces = page.items.map(({ faceId, imageId, detectionScore, condition }) => ({
        faceId,
        imageId,
        detectionScore: rounded(detectionScore, 1e4),
        ...describeRecognisability(condition),
        ...(condition && { masked: condition.masked }),
      }));
      const path = `${DEVICE_BASE}/groups/${encodeURIComponent(groupId)}/faces`;
      return { json: { faces, ...linkNextPage(path, page.nextToken, query) } };
    },
  }),
  deviceRoute({
    name: 'showClosestPerson',
    summary: 'The other person of the group who is most like this one',
    method: 'GET',
    path: `${GROUP}/closest`,
    query: z.strictObject(personQuery),
    data: closestPersonAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND', 'MODEL_VERSION_MISMATCH'],
    handle: async (services, { params: { groupId }, query: { appKey, externalImageId } }) => {
      const ref = findGroupRef(services, appKey, groupId);
      const scales = services.findScales(services.gallery.group(ref).modelVersion);
      if (!scales) {
        throw clientError('MODEL_VERSION_MISMATCH', 'The models that the group was enrolled under are not installed.');
      }
      const closest = services.gallery.people.closest(ref, externalImageId, scales);
      return { json: closest ? { closest } : {} };
    },
  }),
  deviceRoute({
    name: 'deletePerson',
    summary: 'Delete all faces of a person',
    description: 'The answer names the entry of the audit log that records it.',
    method: 'DELETE',
    path: `${GROUP}/persons`,
    query: z.strictObject(personQuery),
    data: personDeletedAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async (services, { params: { groupId }, query: { appKey, externalImageId }, actor }) => {
      const ref = findGroupRef(services, appKey, groupId);
      const { faces, proof } = await services.gallery.people.delete(ref, externalImageId, actor);
      return { json: { deleted: faces, audit: requireProof(proof) } };
    },
  }),
  deviceRoute({
    name: 'renamePerson',
    summary: 'Give all faces of a person another externalImageId',
    method: 'POST',
    path: `${GROUP}/persons/rename`,
    body: z.strictObject({ ...changeFields, to: externalImageId.meta({ description: 'The new externalImageId.' }) }),
    data: personChangedAnswer,
    refusals: CHANGE_REFUSALS,
    handle: async (services, { params: { groupId }, body, actor }) => {
      const { appKey, externalImageId, to, merge } = body;
      if (to === externalImageId)
        throw clientError('INVALID_PARAM', 'The field to is the externalImageId of the person.');
      const ref = findGroupRef(services, appKey, groupId);
      const options = makeOptions(services, ref, merge, actor);
      return describeChange(await services.gallery.people.rename(ref, externalImageId, to, options));
    },
  }),
  deviceRoute({
    name: 'movePerson',
    summary: 'Move all faces of a person to another group of the same appKey and models',
    description: 'The enrolment policy of the other group applies. The faces keep their ids.',
    method: 'POST',
    path: `${GROUP}/persons/move`,
    body: z.strictObject({
      ...changeFields,
      group: z
        .string()
        .regex(GROUP_ID_PATTERN, 'must have 1 to 255 of: a to z, 0 to 9, -')
        .meta({ description: 'Id of the other group.' }),
    }),
    data: personChangedAnswer,
    refusals: CHANGE_REFUSALS,
    handle: async (services, { params: { groupId }, body, actor }) => {
      const { appKey, externalImageId, group, merge } = body;
      const ref = findGroupRef(services, appKey, groupId);
      const options = makeOptions(services, ref, merge, actor);
      return describeChange(await services.gallery.people.move(ref, externalImageId, group, options));
    },
  }),
];

function makeOptions(services: DeviceServices, ref: GroupRef, merge: boolean, actor: string): PersonChangeOptions {
  return { merge, actor, scales: services.findScales(services.gallery.group(ref).modelVersion) };
}

/** @throws AppError ENROLMENT_REFUSED for a change that the policy forbids */
function describeChange(change: PersonChange | RefusedChange): { json: z.output<typeof personChangedAnswer> } {
  if ('concern' in change) {
    const { reason, faceId, similarity = 0 } = change.concern;
    if (reason === 'another-person') {
      throw new EnrolmentRefused('id-of-somebody-else', faceId === undefined ? undefined : { faceId, similarity });
    }
    const detail = 'The faces of the person are of several people, which the policy of the group forbids.';
    throw clientError('ENROLMENT_REFUSED', detail);
  }
  const { faces, merged, proof } = change;
  return { json: { faces, merged, audit: requireProof(proof) } };
}

function requireProof(proof: AuditProof | undefined): AuditProof {
  if (!proof) throw new TypeError('a change of a person has no entry in the audit log');
  return proof;
}

function describePerson({ externalImageId, faces, masked, ...ranges }: PersonSummary): PersonSummary {
  const { detectionScore, recognisability } = ranges;
  return {
    externalImageId,
    faces,
    masked,
    detectionScore: roundRange(detectionScore),
    ...(recognisability && { recognisability: roundRange(recognisability) }),
  };
}

function roundRange({ best, worst }: BestAndWorst): BestAndWorst {
  return { best: rounded(best, 1e4), worst: rounded(worst, 1e4) };
}
