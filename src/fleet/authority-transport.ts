// What the authority needs of the place where the log lies: the log itself, and what a door needs to reach it.
import type { DoorRecord, FleetConnection } from './fleet-records.js';
import type { FleetLog } from './fleet-log.js';
import type { FleetServerFiles } from './fleet.types.js';

export interface AuthorityTransport {
  readonly kind: 'nats' | 'folder';
  readonly log: FleetLog;
  /** The way to the log, without credentials. */
  readonly connection: Omit<FleetConnection, 'credentials'>;
  /** Makes the log ready for the fleet; again at each connection, since the log may be a new one. @throws AppError FLEET_UNREACHABLE */
  prepare(): Promise<void>;
  /** Removes events that are too old, or too many; absent where the log does so by itself. It may be called often. */
  limitEvents?: () => Promise<void>;
  /** Makes credentials that ask to join, and nothing else; absent where the log knows none. @param join id of the request */
  makeInviteCredentials?: (join: string, expiresAtMs: number) => Promise<string>;
  /** @param door id */
  makeDoorCredentials?: (door: string) => Promise<string>;
  /** Revokes the credentials of a door, which its record has. Repeating it changes nothing. @throws AppError FLEET_UNREACHABLE */
  revoke?: (door: DoorRecord) => Promise<void>;
  /** Makes the files of a server of this fleet. @param hosts names and addresses under which it is reached */
  makeServerFiles?: (hosts: readonly string[]) => Promise<FleetServerFiles>;
}
