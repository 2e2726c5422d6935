// What people ask of a door of a fleet.
import { clientError } from '../errors.js';
import type { DoorJoin } from './door-join.js';
import type { FleetDoor } from './fleet-door.js';
import type { FleetActor, FleetAdmin, FleetStatus } from './fleet.types.js';
import type { JoinedFleet } from './joined-fleet.js';

export interface DoorAdminOptions {
  door: FleetDoor;
  joined: JoinedFleet;
  joining: DoorJoin;
  /** `deviceId` of this device. */
  name: string;
}

export class DoorAdmin implements FleetAdmin {
  readonly #options: DoorAdminOptions;

  constructor(options: DoorAdminOptions) {
    this.#options = options;
  }

  status(): FleetStatus {
    const { door, joined, name } = this.#options;
    const { fleet, fingerprint, authorityName, authorityFingerprint, connection } = joined;
    const state = door.log?.state ?? { isConnected: false };
    return {
      role: 'door',
      ...(fleet !== undefined && { fleet }),
      name,
      ...(fingerprint !== undefined && { fingerprint }),
      log: { kind: connection?.folder === undefined ? 'nats' : 'folder', ...state },
      groups: door.listGroups(),
      doors: [],
      counts: { refusedHeads: door.countRefusals() },
      joining: {
        state: joined.state,
        ...(authorityName !== undefined && { authority: authorityName }),
        ...(authorityFingerprint !== undefined && { authorityFingerprint }),
      },
      ...(door.problem !== undefined && { problem: door.problem }),
    };
  }

  async join(token: string, by: FleetActor): ReturnType<FleetAdmin['join']> {
    const { door, joining } = this.#options;
    const begun = await joining.begin(token, by);
    door.wake();
    return begun;
  }

  leave(by: FleetActor): Promise<void> {
    return this.#options.door.leave(by);
  }

  async invite(): Promise<never> {
    return this.#refuse();
  }

  async approve(): Promise<never> {
    return this.#refuse();
  }

  async refuse(): Promise<never> {
    return this.#refuse();
  }

  async remove(): Promise<never> {
    return this.#refuse();
  }

  async proof(): Promise<never> {
    return this.#refuse();
  }

  async makeServerFiles(): Promise<never> {
    return this.#refuse();
  }

  readEvents(): never {
    return this.#refuse();
  }

  #refuse(): never {
    const { authorityName } = this.#options.joined;
    const where = authorityName === undefined ? 'the authority' : `the authority, ${authorityName}`;
    throw clientError('FLEET_ROLE', `This command is for ${where}; this device is a door of the fleet.`);
  }
}
