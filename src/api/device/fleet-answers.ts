// Schemas of the answers about the fleet.
import * as z from 'zod';
import { COPY_STATES, DOOR_STATES, JOIN_STATES } from '../../fleet/fleet.types.js';

const count = z.int().min(0);
const time = z.iso.datetime();
const fingerprint = z.string().meta({
  description: 'Digest of the public keys, 8 groups of 4 hexadecimal digits. People compare it on both devices.',
});

const fleetGroup = z
  .object({
    groupId: z.string(),
    modelVersion: z.string(),
    version: count.meta({ description: 'Version that was published or applied last; 0 before the first one.' }),
    epoch: count.meta({ description: 'Epoch of the keys: it changes when a door is removed.' }),
    records: count.meta({ description: 'Number of faces of this version.' }),
    root: z.string().meta({ description: 'Root hash of this version, hexadecimal; empty before the first one.' }),
    issuedAt: time.optional().meta({ description: 'Time at which the authority signed the newest head.' }),
    state: z.enum(COPY_STATES),
    detail: z.string().optional().meta({ description: 'Reason of a state that is not `current`, for a person.' }),
  })
  .meta({ id: 'FleetGroup' });

export const fleetDoorAnswer = z
  .object({
    id: z.string(),
    name: z.string().meta({ description: '`deviceId` of the door, as the door itself says.' }),
    fingerprint,
    state: z.enum(DOOR_STATES),
    joinedAt: time.optional().meta({ description: 'Time at which it asked to join.' }),
    approvedAt: time.optional(),
    removedAt: time.optional(),
    lastSeenAt: time.optional().meta({ description: 'Time of its last report.' }),
    lagVersions: count.optional().meta({ description: 'Versions that it has not applied yet, over all its groups.' }),
    lagSeconds: z
      .number()
      .optional()
      .meta({ description: 'How much older its oldest head is than that of the authority.' }),
    softwareVersion: z.string().optional(),
    models: z.array(z.string()).meta({ description: 'Model versions that are installed at the door.' }),
    health: z.enum(['ok', 'degraded', 'failed']).optional(),
    problems: z.array(z.string()).meta({ description: 'Each is a sentence for a person.' }),
    allowed: z.array(z.string()).optional().meta({ description: 'Groups that the door is given; absent: all.' }),
    groups: z.array(z.object({ groupId: z.string(), version: count, state: z.enum(COPY_STATES) })),
  })
  .meta({ id: 'FleetDoor' });

export const fleetAnswer = z
  .object({
    role: z.enum(['alone', 'authority', 'door']),
    name: z.string().meta({ description: 'The `deviceId`.' }),
    fleet: z.string().optional().meta({ description: 'Id of the fleet; absent before a door has joined.' }),
    fingerprint: fingerprint.optional(),
    log: z
      .object({
        kind: z.enum(['nats', 'folder']),
        isConnected: z.boolean(),
        detail: z.string().optional().meta({ description: 'Why it is not connected, for a person.' }),
      })
      .optional()
      .meta({ description: 'The log through which the devices of the fleet reach each other; absent where alone.' }),
    groups: z.array(fleetGroup).meta({ description: 'Groups that are shared, or copied.' }),
    doors: z.array(fleetDoorAnswer).meta({ description: 'The doors, at the authority; empty elsewhere.' }),
    problem: z.string().optional().meta({ description: 'Why the fleet does not work here, for a person.' }),
    joining: z
      .object({
        state: z.enum(JOIN_STATES),
        authority: z.string().optional().meta({ description: 'Name of the authority.' }),
        authorityFingerprint: fingerprint.optional(),
        detail: z.string().optional(),
      })
      .optional()
      .meta({ description: 'Whether a door belongs to a fleet; only of a door.' }),
  })
  .meta({ id: 'Fleet' });

export const fleetInvitationAnswer = z.object({
  token: z.string().meta({ description: 'For one door, once. It cannot be shown again.' }),
  fingerprint,
  expiresAt: time,
});

export const fleetProofAnswer = z
  .object({
    groupId: z.string().optional().meta({ description: 'Absent: the proof is about all groups.' }),
    proved: z
      .array(z.object({ door: z.string(), name: z.string(), at: time }))
      .meta({ description: 'Doors that have proved with a signed receipt that they hold the newest version.' }),
    waiting: z
      .array(
        z.object({
          door: z.string(),
          name: z.string(),
          lastSeenAt: time.optional(),
          refusesFrom: time
            .optional()
            .meta({ description: 'From then on the door grants nobody of these groups, until it is heard again.' }),
        }),
      )
      .meta({ description: 'The other doors.' }),
    summary: z.string().meta({ description: 'For people.' }),
  })
  .meta({ id: 'FleetProof' });

export const fleetJoinAnswer = z.object({
  door: z.string().meta({ description: 'Id that this door made for itself.' }),
  fingerprint: fingerprint.meta({
    description: 'Fingerprint of this door: whoever approves it at the authority compares it.',
  }),
  authority: z.string().meta({ description: 'Name of the authority, as the token says.' }),
  authorityFingerprint: fingerprint,
});
