// What people ask of a fleet, through the command line, the device API and the console, and the answers.

/**
 * State of a copy. `behind`: a newer version is known. `stale`: nothing fresh was heard for too long, so the copy grants nobody. `unusable`: its
 * models are not installed. `missing`: its first copy is not complete.
 */
export const COPY_STATES = ['current', 'behind', 'stale', 'unusable', 'missing'] as const;
export type FleetCopyState = (typeof COPY_STATES)[number];

/** State of a door at the authority. `waiting`: it asks to join, and nobody has approved it. */
export const DOOR_STATES = ['waiting', 'approved', 'refused', 'removed'] as const;
export type DoorState = (typeof DOOR_STATES)[number];

/** State of a door in its own eyes. */
export const JOIN_STATES = ['none', 'waiting', 'approved', 'refused', 'removed'] as const;
export type JoinState = (typeof JOIN_STATES)[number];

export interface FleetGroupStatus {
  groupId: string;
  modelVersion: string;
  /** Version that was published, or applied, last; 0 before the first one. */
  version: number;
  epoch: number;
  records: number;
  /** Root hash, hexadecimal; empty before the first version. */
  root: string;
  /** ISO 8601; of the newest head. */
  issuedAt?: string;
  state: FleetCopyState;
  /** Reason of a state that is not `current`, a whole sentence. */
  detail?: string;
}

export interface FleetDoorStatus {
  /** 32 hexadecimal digits. */
  id: string;
  name: string;
  fingerprint: string;
  state: DoorState;
  joinedAt?: string;
  approvedAt?: string;
  removedAt?: string;
  lastSeenAt?: string;
  /** Versions that the door has not applied yet, the sum over its groups. */
  lagVersions?: number;
  /** Age of the oldest of its heads, against the authority's. */
  lagSeconds?: number;
  softwareVersion?: string;
  /** Model versions that the door has installed. */
  models: readonly string[];
  health?: 'ok' | 'degraded' | 'failed';
  /** Whole sentences. */
  problems: readonly string[];
  /** Ids of the groups that the door is given; undefined: all. */
  allowed?: readonly string[];
  groups: readonly { groupId: string; version: number; state: FleetCopyState }[];
}

export interface FleetStatus {
  role: 'authority' | 'door';
  /** Id of the fleet, hexadecimal; absent before a door has joined. */
  fleet?: string;
  /** The `deviceId`. */
  name: string;
  /** Fingerprint of this device's keys. */
  fingerprint?: string;
  log: { kind: 'nats' | 'folder'; isConnected: boolean; detail?: string };
  groups: readonly FleetGroupStatus[];
  /** Doors of the authority; empty at a door. */
  doors: readonly FleetDoorStatus[];
  /** Numbers since the start: heads that the log has taken from the authority, and heads that a door has refused, by reason. */
  counts?: { publications?: number; refusedHeads?: Readonly<Record<string, number>> };
  /** Why the fleet does not work here, such as an appKey that does not exist. */
  problem?: string;
  /** Membership of a door; absent at the authority. */
  joining?: { state: JoinState; authority?: string; authorityFingerprint?: string; detail?: string };
}

export interface FleetInvitation {
  /** One line of letters and digits, for one door. */
  token: string;
  /** Fingerprint of the authority, which the door shows as well. */
  fingerprint: string;
  /** ISO 8601. */
  expiresAt: string;
}

export interface FleetProof {
  /** Absent: of all groups. */
  groupId?: string;
  proved: readonly { door: string; name: string; at: string }[];
  waiting: readonly { door: string; name: string; lastSeenAt?: string; refusesFrom?: string }[];
  /** Sentence for people, such as `197 of 200 proved; 3 not heard since T, and they refuse from T'`. */
  summary: string;
}

/** Files for a NATS server, by their names. */
export interface FleetServerFiles {
  files: readonly { name: string; mode: number; content: string }[];
}

export interface FleetActor {
  /** Author of a change for the audit log, such as `cli` or `admin:NAME`. */
  actor: string;
}

/**
 * Every method but `status` throws AppError FLEET_ROLE on a device of the other role; FLEET_NOT_JOINED; FLEET_CONFLICT: the state does not
 * allow it; FLEET_UNREACHABLE; STORE_UNAVAILABLE. Methods that take a door throw DOOR_NOT_FOUND; a door is named by its id, a unique beginning
 * of it, or its name.
 */
export interface FleetAdmin {
  status(): FleetStatus;
  /** Makes an invitation; at the authority. */
  invite(by: FleetActor): Promise<FleetInvitation>;
  /** Approves a waiting door, at the authority. @param groups ids of groups; default: all that it shares */
  approve(door: string, options: FleetActor & { groups?: readonly string[] | undefined }): Promise<FleetDoorStatus>;
  /** Turns a waiting door away; at the authority. */
  refuse(door: string, by: FleetActor): Promise<FleetDoorStatus>;
  /** Revokes the credentials of a door, and begins a new epoch in each of its groups; at the authority. */
  remove(door: string, by: FleetActor): Promise<FleetDoorStatus>;
  /** Tells which doors have proved that they hold nobody who was deleted; at the authority. */
  proof(options: { groupId?: string | undefined }): Promise<FleetProof>;
  /** Makes the files of a NATS server, at the authority. @param hosts names and addresses under which doors reach the server */
  makeServerFiles(options: FleetActor & { hosts: readonly string[] }): Promise<FleetServerFiles>;
  /** Yields the events of all doors as JSON lines, the oldest first; at the authority. @param follow waits for further ones until `signal` */
  readEvents(options: {
    door?: string | undefined;
    follow?: boolean | undefined;
    signal: AbortSignal;
  }): AsyncIterable<Uint8Array>;
  /** Asks to join, at a door; `status().joining` tells the outcome. @throws AppError TOKEN_INVALID */
  join(
    token: string,
    by: FleetActor,
  ): Promise<{ door: string; fingerprint: string; authority: string; authorityFingerprint: string }>;
  /** Deletes all copies, the keys and the membership; at a door. */
  leave(by: FleetActor): Promise<void>;
}
