// Schemas of the answers about groups and their people.
import * as z from 'zod';
import { ENROLMENT_POLICIES } from '../../domain/enrolment-policy.js';
import { FACE_ORIGINS } from '../../gallery/gallery.types.js';
import { closestOtherAnswer } from './face-answers.js';

const count = z.int().min(0);
const fraction = z.number().min(0).max(1);
const time = z.iso.datetime();
const next = z.string().optional().meta({ description: 'Path of the next page; absent on the last page.' });

/** The entry of the audit log that records a change. */
const proof = z
  .object({ sequence: z.int().min(1), hash: z.string() })
  .meta({ description: 'Entry of the audit log that records it: see GET /audit.' });

export const appKeyListAnswer = z.object({
  appKeys: z.array(z.string()).meta({ description: 'Names of the valid appKeys, in the order of their creation.' }),
});

export const groupCreatedAnswer = z.object({ groupId: z.string(), modelVersion: z.string(), audit: proof });

export const groupDeletedAnswer = z.object({
  deleted: count.meta({ description: 'Number of faces that were deleted with the group.' }),
  audit: proof,
});

export const groupAnswer = z
  .object({
    groupId: z.string(),
    createdAt: time,
    faces: count,
    persons: count.meta({ description: 'People by externalImageId; faces without one are not counted.' }),
    modelVersion: z.string(),
    modelInstalled: z.boolean().meta({ description: 'False: the group is kept, but nobody in it is recognised.' }),
    policy: z.enum(ENROLMENT_POLICIES),
    copyOf: z
      .object({
        authority: z.string().meta({ description: 'Device that the group can be changed at.' }),
        takesProposals: z.boolean().meta({
          description: 'Whether people can be enrolled here: the authority is then asked. Other changes are refused.',
        }),
      })
      .optional()
      .meta({ description: 'Only of a group that is a copy of the fleet.' }),
  })
  .meta({ id: 'Group' });

export const groupListAnswer = z.object({
  groups: z.array(groupAnswer),
  before: z.string().optional().meta({ description: 'Value of `before` for the next page.' }),
  next,
});

const bestAndWorst = z.object({ best: fraction, worst: fraction });

/** Why nobody recognises a person now. */
export const PERSON_PROBLEMS = ['model-not-installed', 'no-recognisable-face'] as const;

const enrolledAt = time.optional().meta({
  description: 'Absent where it is not recorded: the face is older than the times, and younger than the group.',
});
const quality = fraction.optional().meta({
  description: 'Size, sharpness, pose, exposure and detection score together. Absent where it was not measured.',
});

export const personAnswer = z
  .object({
    externalImageId: z.string(),
    faces: z.int().min(1),
    masked: count.meta({ description: 'Number of faces with a mask.' }),
    recognised: z.boolean().meta({ description: 'Whether the person can be recognised now; `problem` says why not.' }),
    problem: z
      .enum(PERSON_PROBLEMS)
      .optional()
      .meta({
        description:
          '`model-not-installed`: the models that the group was enrolled under. `no-recognisable-face`: each face is blurred, covered, dark or ' +
          'tiny.',
      }),
    recognisable: count
      .optional()
      .meta({ description: 'Number of faces that can be recognised. Absent where the models are not installed.' }),
    firstEnrolledAt: enrolledAt,
    lastEnrolledAt: enrolledAt,
    quality: bestAndWorst.optional().meta({ description: 'Absent where it was measured of no face.' }),
    detectionScore: bestAndWorst,
    recognisability: bestAndWorst.optional().meta({ description: 'Absent where the models have no measure of it.' }),
  })
  .meta({ id: 'Person' });

export const personListAnswer = z.object({
  persons: z.array(personAnswer),
  after: z.string().optional().meta({ description: 'Value of `after` for the next page.' }),
  next,
});

export const personFacesAnswer = z.object({
  person: personAnswer,
  faces: z.array(
    z.object({
      faceId: z.uuid(),
      imageId: z.uuid(),
      enrolledAt,
      origin: z
        .enum(FACE_ORIGINS)
        .optional()
        .meta({
          description:
            'Where it came from: `nhn` a client of the NHN API, `camera` guided enrolment, `file` a picture sent to this API, `bulk` lintel ' +
            'gallery enrol, `stranger` a kept face of an unknown person. Absent where it is not recorded.',
        }),
      quality,
      detectionScore: fraction,
      recognisability: fraction.optional().meta({
        description:
          'Whether the embedding describes the person: low for a blurred, covered, dark or tiny face. Absent where the models have no measure of it.',
      }),
      masked: z.boolean().optional().meta({ description: 'Absent where it is not known.' }),
    }),
  ),
  before: z.string().optional().meta({ description: 'Value of `before` for the next page.' }),
  next,
});

export const closestPersonAnswer = z.object({ closest: closestOtherAnswer.optional() });

/** Answer to the deletion of a person, and of one face. */
export const facesDeletedAnswer = z.object({ deleted: z.int().min(1), audit: proof });

export const personChangedAnswer = z.object({
  faces: z.int().min(1).meta({ description: 'Number of faces that were changed.' }),
  merged: z.boolean().meta({ description: 'Whether they joined a person who was there already.' }),
  audit: proof,
});
