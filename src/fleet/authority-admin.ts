// What people ask of the authority of a fleet.
import { clientError } from '../errors.js';
import type { AuthorityState } from './authority-state.js';
import { encodeFleetEvent } from './fleet-events.js';
import type { FleetAuthority } from './fleet-authority.js';
import type {
  FleetActor,
  FleetAdmin,
  FleetDoorStatus,
  FleetInvitation,
  FleetProof,
  FleetServerFiles,
  FleetStatus,
} from './fleet.types.js';
import { proveDeletions } from './proof.js';
import { listDoorStatus } from './status.js';
import type { Clock } from '../domain/time.js';

const FOR_DOORS = 'This command is for a door, and this device is the authority of its fleet.';

export interface AuthorityAdminOptions {
  authority: FleetAuthority;
  state: AuthorityState;
  maxStaleHours: number;
  /** Time after which a door that has not reported counts as silent. */
  silentMs: number;
  clock: Clock;
}

export class AuthorityAdmin implements FleetAdmin {
  readonly #options: AuthorityAdminOptions;

  constructor(options: AuthorityAdminOptions) {
    this.#options = options;
  }

  status(): FleetStatus {
    const { authority, state } = this.#options;
    const { problem } = authority;
    if (!authority.isRunning) {
      const log = { kind: 'nats', isConnected: false, detail: 'the fleet is not started' } as const;
      return { role: 'authority', name: state.name, log, groups: [], doors: [] };
    }
    const { kind, log } = authority.transport;
    return {
      role: 'authority',
      fleet: state.fleet,
      name: state.name,
      fingerprint: state.fingerprint,
      log: { kind, ...log.state },
      groups: authority.listGroups(),
      doors: this.#listDoors(),
      counts: { publications: authority.publications },
      ...(problem !== undefined && { problem }),
    };
  }

  invite(by: FleetActor): Promise<FleetInvitation> {
    return this.#options.authority.desk.invites.invite(by);
  }

  async approve(
    door: string,
    { actor, groups }: FleetActor & { groups?: readonly string[] | undefined },
  ): Promise<FleetDoorStatus> {
    const { authority, state } = this.#options;
    const { id } = state.findDoor(door);
    const shared = authority.listGroups().map(({ groupId }) => groupId);
    const unknown = groups?.find((groupId) => !shared.includes(groupId));
    if (unknown !== undefined) throw clientError('GROUP_NOT_FOUND', `The fleet does not share a group ${unknown}.`);
    await authority.desk.joins.approve(id, { actor, ...(groups && { groups: [...groups] }) });
    authority.wake();
    return this.#describeDoor(id);
  }

  async refuse(door: string, by: FleetActor): Promise<FleetDoorStatus> {
    const { authority, state } = this.#options;
    const { id } = state.findDoor(door);
    await authority.desk.joins.refuse(id, by);
    authority.wake();
    return this.#describeDoor(id);
  }

  async remove(door: string, by: FleetActor): Promise<FleetDoorStatus> {
    const { authority, state } = this.#options;
    const { id } = state.findDoor(door);
    await authority.desk.memberships.remove(id, by);
    authority.wake();
    return this.#describeDoor(id);
  }

  async proof({ groupId }: { groupId?: string | undefined }): Promise<FleetProof> {
    const { state, clock, maxStaleHours } = this.#options;
    if (groupId !== undefined && !state.groups.some((one) => one.groupId === groupId)) {
      throw clientError('GROUP_NOT_FOUND', `The fleet does not share a group ${groupId}.`);
    }
    return proveDeletions(state, { ...(groupId !== undefined && { groupId }), nowMs: clock(), maxStaleHours });
  }

  async makeServerFiles({ hosts }: FleetActor & { hosts: readonly string[] }): Promise<FleetServerFiles> {
    const { transport } = this.#options.authority;
    if (!transport.makeServerFiles) {
      throw clientError('FLEET_CONFLICT', 'The log of this fleet lies in a folder: there is no server to configure.');
    }
    return transport.makeServerFiles(hosts);
  }

  async *readEvents(query: Parameters<FleetAdmin['readEvents']>[0]): AsyncGenerator<Uint8Array> {
    const { authority, state } = this.#options;
    const door = query.door === undefined ? undefined : state.findDoor(query.door).id;
    for await (const event of authority.desk.events.read({ ...query, door })) {
      yield encodeFleetEvent(event);
    }
  }

  async join(): Promise<never> {
    throw clientError('FLEET_ROLE', FOR_DOORS);
  }

  async leave(): Promise<never> {
    throw clientError('FLEET_ROLE', FOR_DOORS);
  }

  #listDoors(): FleetDoorStatus[] {
    const { state, authority, clock, silentMs } = this.#options;
    return listDoorStatus(state, { groups: authority.listPublished(), nowMs: clock(), silentMs });
  }

  #describeDoor(id: string): FleetDoorStatus {
    const found = this.#listDoors().find((door) => door.id === id);
    if (!found) throw clientError('DOOR_NOT_FOUND', 'There is no such door.');
    return found;
  }
}
