// The records of a fleet in the sealed store: their schemas, and nothing else.
import * as z from 'zod';
import { COPY_STATES, DOOR_STATES, JOIN_STATES } from './fleet.types.js';
import { fleetIdSchema, publicKeysSchema, storedIdentitySchema } from './identity.js';

/** Greatest number of groups that one door is given. */
const MAX_GROUPS = 1_000;
const MAX_MODELS = 100;
const MAX_PROBLEMS = 50;

const time = z.iso.datetime();
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const groupId = z.string().min(1).max(255);

/** Name of a device: its `deviceId`. */
export const deviceNameSchema = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/);
export const softwareVersionSchema = z.string().min(1).max(100);
export const modelsSchema = z.array(z.string().min(1).max(200)).max(MAX_MODELS);

/** The way to the log: servers, or a folder. */
export const fleetConnectionSchema = z.strictObject({
  /** URLs of NATS servers. */
  servers: z.array(z.string().max(1_000)).max(16),
  /** Certificate of the authority that signs the server's certificate, base64 of DER. */
  ca: z.base64().max(20_000).optional(),
  /** Text of NATS credentials: what a device may read and write. */
  credentials: z.string().max(10_000).optional(),
  folder: z.string().max(4_096).optional(),
});
export type FleetConnection = z.output<typeof fleetConnectionSchema>;

/** Report of a door to the authority, which it signs. */
export const reportSchema = z.strictObject({
  softwareVersion: softwareVersionSchema,
  /** Model versions that are installed. */
  models: modelsSchema,
  health: z.enum(['ok', 'degraded', 'failed']),
  /** Whole sentences. */
  problems: z.array(z.string().max(500)).max(MAX_PROBLEMS),
  /** Sequence of the door's membership. */
  membership: z.int().min(0),
  /** The door grants nobody of a group whose newest head is older. */
  maxStaleHours: z.number().positive(),
  groups: z
    .array(
      z.strictObject({
        /** Id of the group in the fleet. */
        group: fleetIdSchema,
        /** Version that was applied last; 0 before the first one. */
        version: z.int().min(0),
        /** Root hash of that version; empty before the first one. */
        root: z.string().regex(/^([0-9a-f]{64})?$/),
        epoch: z.int().min(0),
        /** Time of the newest head that was confirmed for that version. */
        issuedAt: time.optional(),
        state: z.enum(COPY_STATES),
      }),
    )
    .max(MAX_GROUPS),
  /** Newest entry of the door's audit log: with the signature, the receipt for what the door has deleted. */
  auditHead: z.strictObject({ sequence: z.int().min(0), hash }),
  /** Number of times that the door refused something, by reason, such as `forged` or `rollback`. */
  refusals: z.record(z.string().regex(/^[a-z-]{1,40}$/), z.int().min(0)),
  /** Ed25519 public keys that sign the door's events, the newest last, each as `x` of a JSON Web Key. */
  eventKeys: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{43}$/))
    .max(4)
    .optional(),
  /** True for the last report of a door that leaves the fleet, or was removed from it, and has deleted its copies. */
  isLeaving: z.boolean().optional(),
});
export type DoorReport = z.output<typeof reportSchema>;

/** One key of an epoch, base64. */
const epochKeySchema = z.strictObject({ epoch: z.int().min(1), key: z.base64().length(44) });

/** Membership as the authority writes it: what a door is given, or that everything is taken back. */
export const membershipBodySchema = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('approved'),
    /** `deviceId` of the authority. */
    authority: deviceNameSchema,
    groups: z
      .array(
        z.strictObject({
          group: fleetIdSchema,
          groupId,
          modelVersion: z.string().min(1).max(200),
          epoch: z.int().min(1),
          keys: z.array(epochKeySchema).max(100),
        }),
      )
      .max(MAX_GROUPS),
    connection: fleetConnectionSchema,
    events: z.enum(['none', 'sealed', 'plain']),
    maxStaleHours: z.number().positive(),
  }),
  z.strictObject({ state: z.literal('removed') }),
]);
export type MembershipBody = z.output<typeof membershipBodySchema>;

/** Request of a door that wants to join. */
export const joinRequestSchema = z.strictObject({
  name: deviceNameSchema,
  softwareVersion: softwareVersionSchema,
  models: modelsSchema,
  keys: publicKeysSchema,
  /** Proof that the door holds the secret of its token: see proveInvite. */
  proof: z.base64().length(44),
});
export type JoinRequestBody = z.output<typeof joinRequestSchema>;

/** The authority's answer to a request to join. */
export const welcomeSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('waiting') }),
  z.strictObject({ state: z.literal('refused') }),
  z.strictObject({
    state: z.literal('approved'),
    /** Sequence of the membership, as of its own letter. */
    sequence: z.int().min(1),
    membership: membershipBodySchema,
  }),
]);
export type Welcome = z.output<typeof welcomeSchema>;

/** A door as the authority knows it. */
export const doorRecordSchema = z.strictObject({
  id: fleetIdSchema,
  name: deviceNameSchema,
  keys: publicKeysSchema,
  fingerprint: z.string(),
  state: z.enum(DOOR_STATES),
  /** Id of the invite. */
  join: fleetIdSchema,
  joinedAt: time,
  approvedAt: time.optional(),
  removedAt: time.optional(),
  refusedAt: time.optional(),
  /** Ids of the groups that the door is given; absent: all. */
  groups: z.array(groupId).max(MAX_GROUPS).optional(),
  /** As of the request to join; the door's reports say more. */
  softwareVersion: softwareVersionSchema,
  models: modelsSchema,
  credentials: z.string().optional(),
  /** The membership that was written last. */
  membership: z
    .strictObject({
      sequence: z.int().min(1),
      /** SHA-256 of its content: what has not changed is not written again. */
      hash,
      /** First epoch of each group whose key the door was ever given, by the id of the group in the fleet. */
      epochsFrom: z.record(fleetIdSchema, z.int().min(1)),
    })
    .optional(),
  /** Work that is left after a removal. */
  removal: z
    .strictObject({
      isRevoked: z.boolean(),
      /** Ids of the groups that have no new epoch yet. */
      groups: z.array(groupId),
    })
    .optional(),
});
export type DoorRecord = z.output<typeof doorRecordSchema>;

/** An invite that was made. */
export const inviteRecordSchema = z.strictObject({
  join: fleetIdSchema,
  /** Base64; absent once the invite was used. */
  secret: z.base64().optional(),
  createdAt: time,
  expiresAt: time,
  /** Id of the door that used it. */
  usedBy: fleetIdSchema.optional(),
  /** Number of requests that were refused. */
  refused: z.int().min(0),
  /** SHA-256 of the request that was looked at last: each is judged once. */
  seen: hash.optional(),
});
export type InviteRecord = z.output<typeof inviteRecordSchema>;

/** The last report of a door, and what it has proved. */
export const reportRecordSchema = z.strictObject({
  door: fleetIdSchema,
  sequence: z.int().min(1),
  issuedAt: time,
  receivedAt: time,
  report: reportSchema,
  /** Newest version of each group that the door has proved to hold, by the id of the group in the fleet. */
  proved: z.record(
    fleetIdSchema,
    z.strictObject({
      /** NOTHING_HELD of reports.ts for a group of which the door holds nothing. */
      version: z.int().min(1),
      root: hash,
      /** Time of the report. */
      at: time,
      /** Sequence of the report; `receipts` holds it. */
      receipt: z.int().min(1),
    }),
  ),
  /** Signed reports that prove something, base64, by their sequence. */
  receipts: z.record(z.string(), z.base64()),
  /** Time of the last entry in the audit log for each kind of attack. */
  attacks: z.record(z.string(), time),
});
export type ReportRecord = z.output<typeof reportRecordSchema>;

/** A group that is shared, under its id in the fleet. */
export const sharedGroupsSchema = z.array(
  z.strictObject({
    groupId,
    group: fleetIdSchema,
    sharedAt: time,
    /** Absent while the group exists. */
    deletedAt: time.optional(),
  }),
);

/** A deletion that doors have to prove. */
export const deletionRecordSchema = z.strictObject({
  number: z.int().min(1),
  group: fleetIdSchema,
  groupId,
  /** Version of the group that does not have the faces any more. */
  version: z.int().min(1),
  /** Time at which that version was published. */
  at: time,
  kind: z.enum(['faces', 'group']),
  /** 0 for the version that a start has found: what it lost is not known. */
  faces: z.int().min(0),
});
export type DeletionRecord = z.output<typeof deletionRecordSchema>;

export const authorityRecordSchema = z.strictObject({ identity: storedIdentitySchema, foundedAt: time });

/** Fleet of a door, as the door keeps it. */
export const joinedRecordSchema = z.strictObject({
  identity: storedIdentitySchema,
  state: z.enum(JOIN_STATES),
  fleet: fleetIdSchema,
  authority: z.strictObject({ name: deviceNameSchema, keys: publicKeysSchema }),
  join: fleetIdSchema,
  /** Base64; absent once the request was answered. */
  secret: z.base64().optional(),
  requestedAt: time,
  /** Time at which the invite expires. */
  expiresAt: time,
  connection: fleetConnectionSchema,
  /** Greatest sequence of a welcome that was read. */
  welcome: z.int().min(0),
  membership: z.strictObject({ sequence: z.int().min(1), issuedAt: time, body: membershipBodySchema }).optional(),
});
export type JoinedRecord = z.output<typeof joinedRecordSchema>;
