// Routes of the people of a group: lists, the closest other person, and changes of all faces of a person at once.
import * as z from 'zod';
import { DEFAULT_THRESHOLD } from '../../config/camera-schema.js';
import { rounded } from '../../domain/face.js';
import { EXTERNAL_IMAGE_ID_PATTERN, GROUP_ID_PATTERN } from '../../domain/ids.js';
import { EnrolmentRefused } from '../../enrolment/enrolment-refused.js';
import { LOOKALIKE_MARGIN } from '../../enrolment/group-enrolment.js';
import { clientError } from '../../errors.js';
import type { GroupRef } from '../../gallery/gallery.types.js';
import type {
  BestAndWorst,
  PersonChange,
  PersonChangeOptions,
  PersonSummary,
  RefusedChange,
} from '../../gallery/person.types.js';
import { wholeNumberText } from '../core/parameters.js';
import { describeRecognisability } from './answers.js';
import { describeClosest } from './face-answers.js';
import { appKeyName, findGroupRef, MAX_PAGE, pageToken, refuseToken, requireProof } from './groups.js';
import {
  closestPersonAnswer,
  facesDeletedAnswer,
  personChangedAnswer,
  personFacesAnswer,
  personListAnswer,
  type personAnswer,
} from './people-answers.js';
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
  'GROUP_READ_ONLY',
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
    role: 'viewer',
    query: z.strictObject({
      appKey: appKeyName,
      limit: wholeNumberText(1, 1_000, 100),
      after: idPart.meta({ description: 'The `after` of the previous page.' }),
      prefix: idPart.meta({ description: 'Only people whose externalImageId begins with it.' }),
      search: idPart.meta({ description: 'Only people whose externalImageId contains it, in upper or lower case.' }),
    }),
    data: personListAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND'],
    handle: async (services, { params: { groupId }, query }) => {
      const { appKey, limit, after, prefix, search } = query;
      const ref = findGroupRef(services, appKey, groupId);
      const scales = services.findScales(services.gallery.group(ref).modelVersion);
      const { persons, next } = services.gallery.people.list(ref, { limit, after, prefix, search }, scales);
      const path = `${DEVICE_BASE}/groups/${encodeURIComponent(groupId)}/persons`;
      return { json: { persons: persons.map(describePerson), ...linkPageAfter(path, next, query) } };
    },
  }),
  deviceRoute({
    name: 'listPersonFaces',
    summary: 'The faces of a person, newest first',
    method: 'GET',
    path: `${GROUP}/faces`,
    role: 'viewer',
    query: z.strictObject({ ...personQuery, limit: wholeNumberText(1, MAX_PAGE, 100), before: pageToken }),
    data: personFacesAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND'],
    handle: async (services, { params: { groupId }, query }) => {
      const { appKey, externalImageId, limit, before: token } = query;
      const ref = findGroupRef(services, appKey, groupId);
      const scales = services.findScales(services.gallery.group(ref).modelVersion);
      const person = describePerson(services.gallery.people.summary(ref, externalImageId, scales));
      const page = await services.gallery.listFaces(ref, { limit, token }, { externalImageId }).catch(refuseToken);
      const faces = page.items.map(({ faceId, imageId, enrolledAtMs, origin, quality, detectionScore, condition }) => ({
        faceId,
        imageId,
        ...describeTime('enrolledAt', enrolledAtMs),
        ...(origin && { origin }),
        ...(quality !== undefined && { quality: rounded(quality, 1e4) }),
        detectionScore: rounded(detectionScore, 1e4),
        ...describeRecognisability(condition),
        ...(condition && { masked: condition.masked }),
      }));
      const path = `${DEVICE_BASE}/groups/${encodeURIComponent(groupId)}/faces`;
      return { json: { person, faces, ...linkNextPage(path, page.nextToken, query) } };
    },
  }),
  deviceRoute({
    name: 'deleteFace',
    summary: 'Delete one face',
    description: 'The answer names the entry of the audit log that records it.',
    method: 'DELETE',
    path: `${GROUP}/faces/:faceId`,
    role: 'operator',
    query: z.strictObject({ appKey: appKeyName }),
    data: facesDeletedAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND', 'GROUP_READ_ONLY', 'FACE_NOT_FOUND', 'STORE_UNAVAILABLE'],
    handle: async (services, { params: { groupId, faceId }, query: { appKey }, actor }) => {
      const ref = findGroupRef(services, appKey, groupId);
      const { proof } = await services.gallery.deleteFace(ref, faceId, actor);
      return { json: { deleted: 1, audit: requireProof(proof) } };
    },
  }),
  deviceRoute({
    name: 'showClosestPerson',
    summary: 'The other person of the group who is most like this one',
    method: 'GET',
    path: `${GROUP}/closest`,
    role: 'viewer',
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
      if (!closest) return { json: {} };
      const { faceCount: enrolledFaces } = services.gallery.group(ref);
      const inForce = services.listThresholds({ appKey, groupId, scales, enrolledFaces });
      const threshold = inForce.length === 0 ? DEFAULT_THRESHOLD : Math.min(...inForce.map((one) => one.threshold));
      const isLookalike = closest.similarity >= threshold - LOOKALIKE_MARGIN;
      return { json: { closest: describeClosest({ ...closest, threshold, isLookalike }) } };
    },
  }),
  deviceRoute({
    name: 'deletePerson',
    summary: 'Delete all faces of a person',
    description: 'The answer names the entry of the audit log that records it.',
    method: 'DELETE',
    path: `${GROUP}/persons`,
    role: 'operator',
    query: z.strictObject(personQuery),
    data: facesDeletedAnswer,
    refusals: ['NOT_FOUND', 'GROUP_NOT_FOUND', 'GROUP_READ_ONLY', 'STORE_UNAVAILABLE'],
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
    role: 'operator',
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
    role: 'operator',
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
      throw new EnrolmentRefused(
        'id-of-somebody-else',
        faceId === undefined ? {} : { enrolledAs: { faceId, similarity } },
      );
    }
    const detail = 'The faces of the person are of several people, which the policy of the group forbids.';
    throw clientError('ENROLMENT_REFUSED', detail);
  }
  const { faces, merged, proof } = change;
  return { json: { faces, merged, audit: requireProof(proof) } };
}

function describePerson(person: PersonSummary): z.output<typeof personAnswer> {
  const { externalImageId, faces, masked, recognisable, detectionScore, recognisability, quality } = person;
  const recognised = recognisable !== undefined && recognisable > 0;
  const problem = recognisable === undefined ? 'model-not-installed' : 'no-recognisable-face';
  return {
    externalImageId,
    faces,
    masked,
    recognised,
    ...(!recognised && { problem }),
    ...(recognisable !== undefined && { recognisable }),
    ...describeTime('firstEnrolledAt', person.firstEnrolledAtMs),
    ...describeTime('lastEnrolledAt', person.lastEnrolledAtMs),
    ...(quality && { quality: roundRange(quality) }),
    detectionScore: roundRange(detectionScore),
    ...(recognisability && { recognisability: roundRange(recognisability) }),
  };
}

function describeTime<Name extends string>(name: Name, atMs: number | undefined): { [Key in Name]?: string } {
  return (atMs === undefined ? {} : { [name]: new Date(atMs).toISOString() }) as { [Key in Name]?: string };
}

function roundRange({ best, worst }: BestAndWorst): BestAndWorst {
  return { best: rounded(best, 1e4), worst: rounded(worst, 1e4) };
}
