// A fleet as the tests of the device API move it: doors that wait, are approved and removed, without keys and without a log.
import { AppError, clientError } from '../../../src/errors.js';
import type {
  FleetActor,
  FleetAdmin,
  FleetDoorStatus,
  FleetGroupStatus,
  FleetInvitation,
  FleetProof,
  FleetServerFiles,
  FleetStatus,
} from '../../../src/fleet/fleet.types.js';

export const FINGERPRINT = '1a2b 3c4d 5e6f 7081 92a3 b4c5 d6e7 f809';
export const TOKEN = 'lintel-fleet-token-1';
export const AT = '2026-01-02T03:04:05.000Z';

export function aGroup(changes: Partial<FleetGroupStatus> = {}): FleetGroupStatus {
  const root = 'ab'.repeat(32);
  return {
    groupId: 'staff',
    modelVersion: 'm-1',
    version: 7,
    epoch: 2,
    records: 120,
    root,
    state: 'current',
    ...changes,
  };
}

export function aDoor(number: number, changes: Partial<FleetDoorStatus> = {}): FleetDoorStatus {
  const id = number.toString(16).padStart(32, '0').split('').reverse().join('');
  const fingerprint = FINGERPRINT.replaceAll('1', (number % 16).toString(16));
  return {
    ...{ id, name: `gate-${number}`, fingerprint, state: 'waiting', joinedAt: AT },
    ...{ models: ['m-1'], problems: [], groups: [{ groupId: 'staff', version: 7, state: 'current' }] },
    ...changes,
  };
}

export class ScriptedFleet implements FleetAdmin {
  /** Who did what, in order. */
  readonly done: [string, string, unknown?][] = [];
  doors: FleetDoorStatus[];
  joining: NonNullable<FleetStatus['joining']> = { state: 'none' };
  role: 'authority' | 'door';
  /** Life of a token; without it, tokens have expired at AT. */
  validMs: number | undefined;
  #invited = 0;

  constructor(role: 'authority' | 'door', doors: readonly FleetDoorStatus[] = []) {
    this.role = role;
    this.doors = [...doors];
  }

  status(): FleetStatus {
    const name = 'gate';
    const fleet = { fleet: 'f'.repeat(32), fingerprint: FINGERPRINT };
    if (this.role === 'authority') {
      const log = { kind: 'nats', isConnected: true } as const;
      return { role: 'authority', name, ...fleet, log, groups: [aGroup({ issuedAt: AT })], doors: this.doors };
    }
    const isIn = this.joining.state === 'approved';
    const stale = aGroup({ state: 'stale', detail: 'Nothing fresh was heard since 2026-01-01.', records: 119 });
    const detail = 'The folder is not there.';
    return {
      ...{ role: 'door', name, ...(isIn && fleet), groups: isIn ? [stale] : [], doors: [] },
      ...{ log: { kind: 'folder', isConnected: false, detail }, joining: this.joining },
    };
  }

  async invite({ actor }: FleetActor): Promise<FleetInvitation> {
    this.#require('authority');
    this.done.push(['invite', actor]);
    const expiresAt = this.validMs === undefined ? AT : new Date(Date.now() + this.validMs).toISOString();
    return { token: `lintel-fleet-token-${++this.#invited}`, fingerprint: FINGERPRINT, expiresAt };
  }

  async approve(
    door: string,
    { groups, actor }: FleetActor & { groups?: readonly string[] | undefined },
  ): Promise<FleetDoorStatus> {
    const unknown = groups?.find((group) => group !== 'staff');
    if (unknown !== undefined) throw clientError('GROUP_NOT_FOUND', `The fleet shares no group ${unknown}.`);
    this.done.push(['approve', actor, groups]);
    return this.#change(door, { state: 'approved', approvedAt: AT, ...(groups && { allowed: groups }) }, ['waiting']);
  }

  async refuse(door: string, { actor }: FleetActor): Promise<FleetDoorStatus> {
    this.done.push(['refuse', actor]);
    return this.#change(door, { state: 'refused' }, ['waiting']);
  }

  async remove(door: string, { actor }: FleetActor): Promise<FleetDoorStatus> {
    this.done.push(['remove', actor]);
    return this.#change(door, { state: 'removed', removedAt: AT }, ['approved']);
  }

  async proof({ groupId }: { groupId?: string | undefined }): Promise<FleetProof> {
    this.#require('authority');
    if (groupId !== undefined && groupId !== 'staff') throw new AppError('GROUP_NOT_FOUND', 'no such group');
    const [first, ...others] = this.doors.map(({ id, name }) => ({ door: id, name }));
    const waiting = others.map((door) => ({ ...door, lastSeenAt: AT, refusesFrom: '2026-01-03T03:04:05.000Z' }));
    const summary = `${first ? 1 : 0} of ${this.doors.length} proved.`;
    return { ...(groupId && { groupId }), proved: first ? [{ ...first, at: AT }] : [], waiting, summary };
  }

  makeServerFiles(): Promise<FleetServerFiles> {
    throw new TypeError('no route makes the files of a server');
  }

  readEvents(): AsyncIterable<Uint8Array> {
    throw new TypeError('no route reads the events of the fleet');
  }

  async join(
    token: string,
    { actor }: FleetActor,
  ): Promise<{ door: string; fingerprint: string; authority: string; authorityFingerprint: string }> {
    this.#require('door');
    if (token !== TOKEN) throw clientError('TOKEN_INVALID', 'The token is not one of an authority.');
    this.done.push(['join', actor, token]);
    this.joining = { state: 'waiting', authority: 'front-desk', authorityFingerprint: FINGERPRINT };
    const fingerprint = FINGERPRINT.replaceAll('1', '9');
    return { door: 'd'.repeat(32), fingerprint, authority: 'front-desk', authorityFingerprint: FINGERPRINT };
  }

  async leave({ actor }: FleetActor): Promise<void> {
    this.#require('door');
    if (this.joining.state === 'none') throw clientError('FLEET_NOT_JOINED', 'This door has not joined a fleet.');
    this.done.push(['leave', actor]);
    this.joining = { state: 'none' };
  }

  #require(role: 'authority' | 'door'): void {
    if (this.role !== role)
      throw clientError('FLEET_ROLE', `This is for ${role === 'door' ? 'a door' : 'the authority'}.`);
  }

  #change(door: string, changes: Partial<FleetDoorStatus>, from: readonly string[]): FleetDoorStatus {
    this.#require('authority');
    const at = this.doors.findIndex(({ id, name }) => id.startsWith(door) || name === door);
    const found = this.doors[at];
    if (!found) throw clientError('DOOR_NOT_FOUND', `There is no door ${door}.`);
    if (!from.includes(found.state)) throw clientError('FLEET_CONFLICT', `The door ${found.name} is ${found.state}.`);
    const changed = { ...found, ...changes };
    this.doors[at] = changed;
    return changed;
  }
}
