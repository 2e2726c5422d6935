// What a door knows of the fleet that it joined, in the sealed store: its keys, the authority, and its membership.
import * as z from 'zod';
import type { AuditEntry } from '../domain/audit.js';
import { AppError, clientError } from '../errors.js';
import { joinedRecordSchema, type FleetConnection, type JoinedRecord, type MembershipBody } from './fleet-records.js';
import { FleetState, type FleetStateOptions } from './fleet-state.js';
import type { JoinState } from './fleet.types.js';
import {
  computeKeysFingerprint,
  decodeIdentity,
  decodePublicKeys,
  encodePublicKeys,
  publishIdentity,
  type FleetIdentity,
  type PublicIdentity,
} from './identity.js';

const JOINED_KEY = 'joined';
const SEQUENCE_KEY = 'sequence';

/** Membership of a door: what the authority gives it. */
export type Membership = Extract<MembershipBody, { state: 'approved' }> & { sequence: number; issuedAt: string };

/** One change at a time; a change is on the disk, with its entry in the audit log, when it resolves. */
export class JoinedFleet {
  readonly #state: FleetState;
  #record: JoinedRecord | undefined;
  #identity: FleetIdentity | undefined;
  #authority: PublicIdentity | undefined;
  #sequence = 0;
  readonly #clock: FleetStateOptions['clock'];

  constructor(options: FleetStateOptions) {
    this.#state = new FleetState(options);
    this.#clock = options.clock;
  }

  /** @throws AppError STORE_CORRUPT, STORE_ALTERED, STORE_UNAVAILABLE */
  async open(): Promise<void> {
    await this.#state.open();
    this.#sequence = (await this.#state.read(SEQUENCE_KEY, z.int().min(0))) ?? 0;
    this.#use(await this.#state.read(JOINED_KEY, joinedRecordSchema));
  }

  close(): void {
    this.#state.close();
    this.#use(undefined);
  }

  /** `none` before the door has asked to join. */
  get state(): JoinState {
    return this.#record?.state ?? 'none';
  }

  get record(): JoinedRecord | undefined {
    return this.#record;
  }

  get identity(): FleetIdentity | undefined {
    return this.#identity;
  }

  /** Id of the fleet. */
  get fleet(): string | undefined {
    return this.#record?.fleet;
  }

  get authority(): PublicIdentity | undefined {
    return this.#authority;
  }

  get authorityName(): string | undefined {
    return this.#record?.authority.name;
  }

  get authorityFingerprint(): string | undefined {
    return this.#record && computeKeysFingerprint(this.#record.authority.keys);
  }

  /** Fingerprint of this door. */
  get fingerprint(): string | undefined {
    return this.#identity && computeKeysFingerprint(encodePublicKeys(publishIdentity(this.#identity)));
  }

  /** The way to the log: that of the membership, and before it that of the invite. */
  get connection(): FleetConnection | undefined {
    return this.membership?.connection ?? this.#record?.connection;
  }

  get membership(): Membership | undefined {
    const membership = this.#record?.membership;
    if (membership?.body.state !== 'approved') return undefined;
    return { ...membership.body, sequence: membership.sequence, issuedAt: membership.issuedAt };
  }

  /** Returns the key of an epoch of a group; undefined where this door was not given it. @param group id in the fleet */
  findEpochKey(group: string, epoch: number): Buffer | undefined {
    const shared = this.membership?.groups.find((one) => one.group === group);
    const found = shared?.keys.find((one) => one.epoch === epoch);
    return found && Buffer.from(found.key, 'base64');
  }

  /** Returns what letters need. @throws AppError FLEET_NOT_JOINED */
  requireJoined(): { record: JoinedRecord; identity: FleetIdentity; authority: PublicIdentity } {
    if (!this.#record || !this.#identity || !this.#authority) {
      throw clientError('FLEET_NOT_JOINED', 'This device has not joined a fleet.');
    }
    return { record: this.#record, identity: this.#identity, authority: this.#authority };
  }

  /**
   * Returns the sequence of the next letter of this door. It grows also after the store was put back to an older state, because it is never
   * below the time in milliseconds.
   */
  async nextSequence(): Promise<number> {
    return this.#state.change(async () => {
      const next = Math.max(this.#sequence + 1, this.#clock());
      await this.#state.write([this.#state.put(SEQUENCE_KEY, next)]);
      this.#sequence = next;
      return next;
    });
  }

  /**
   * Changes what the door knows. `plan` sees the newest state and returns the new one, or undefined for no change.
   * @throws AppError STORE_UNAVAILABLE, STOPPED: nothing has changed; what `plan` throws
   */
  async change(
    plan: (record: JoinedRecord | undefined) => { record: JoinedRecord; entries?: readonly AuditEntry[] } | undefined,
  ): Promise<void> {
    const state = this.#state;
    await state.change(async () => {
      const planned = plan(this.#record);
      if (!planned) return;
      // What is replaced may hold keys that must not stay in the files.
      await state.write([state.replace(JOINED_KEY, planned.record)], planned.entries);
      this.#use(planned.record);
    });
  }

  /** Adds entries to the audit log. @throws AppError STORE_UNAVAILABLE */
  async note(entries: readonly AuditEntry[]): Promise<void> {
    await this.#state.write([], entries);
  }

  /** Erases the keys and the membership. The copies are the caller's. @throws AppError STORE_UNAVAILABLE, STOPPED */
  async leave({ actor }: { actor: string }): Promise<void> {
    const state = this.#state;
    await state.change(async () => {
      if (!this.#record || !this.#identity) return;
      const subject = { fleet: this.#record.fleet, door: this.#identity.id };
      const operations = [state.erase(JOINED_KEY), state.erase(SEQUENCE_KEY)];
      await state.write(operations, [{ action: 'fleet.left', actor, subject }]);
      this.#use(undefined);
      this.#sequence = 0;
    });
  }

  now(): string {
    return this.#state.now();
  }

  #use(record: JoinedRecord | undefined): void {
    this.#record = record;
    this.#identity = record && decodeIdentity(record.identity);
    this.#authority = record && decodeStoredKeys(record);
  }
}

function decodeStoredKeys({ fleet, authority }: JoinedRecord): PublicIdentity {
  try {
    return decodePublicKeys(fleet, authority.keys);
  } catch (cause) {
    throw new AppError('STORE_CORRUPT', 'the keys of the authority have an unknown form', { cause });
  }
}
