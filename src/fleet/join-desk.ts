// The authority's side of joining: judges requests to join, and answers them.
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { AuditEntry } from '../domain/audit.js';
import type { Clock } from '../domain/time.js';
import { AppError, clientError } from '../errors.js';
import { describeDoor, type AuthorityState } from './authority-state.js';
import type { FleetLog } from './fleet-log.js';
import { joinRequestSchema, type DoorRecord, type InviteRecord, type Welcome } from './fleet-records.js';
import type { FleetActor } from './fleet.types.js';
import { computeKeysFingerprint, decodePublicKeys, type PublicIdentity } from './identity.js';
import { isSameProof, proveInvite } from './invites.js';
import type { Memberships } from './memberships.js';
import { sealFor } from './sealed-box.js';
import { judgeLetter, openLetter, parseLetter, writeLetter, type LetterRefusal } from './signed-letter.js';
import { nameJoin, nameWelcome } from './subjects.js';

/** Requests under one invite whose refusal gets an entry of its own in the audit log. */
const MAX_AUDITED_REFUSALS = 10;
/** Sequences of the answers that carry no membership; those that do have its sequence, which is greater. */
const WAITING_SEQUENCE = 1;
const REFUSED_SEQUENCE = 2;

/** Why a request to join is refused. `used`: another door has used the invite. */
export type JoinRefusal = LetterRefusal | 'wrong-secret' | 'used' | 'known-door';

export interface JoinDeskOptions {
  state: AuthorityState;
  log: FleetLog;
  clock: Clock;
  memberships: Memberships;
  /** Makes the NATS credentials of a door: what it may read and write. @param door id */
  makeCredentials?: ((door: string) => Promise<string>) | undefined;
}

/** Outcome of a request: the door that waits now, or the reason of the refusal. `isOpen`: no other door has used the invite. */
type Judged = { door: DoorRecord } | { refusal: JoinRefusal; isOpen: boolean };

type JoinRequest = z.output<typeof joinRequestSchema> & { door: string };

/** Everything can be called again after a kill. */
export class JoinDesk {
  readonly #options: JoinDeskOptions;
  /** Answer that each door was sent by this process, by the door's id. */
  readonly #answered = new Map<string, string>();

  constructor(options: JoinDeskOptions) {
    this.#options = options;
  }

  /**
   * Judges the requests that the log has, and answers them.
   * @returns doors that wait for approval since this call @throws AppError FLEET_UNREACHABLE, STORE_UNAVAILABLE: a later call goes on
   */
  async receive(): Promise<DoorRecord[]> {
    const { state, log } = this.#options;
    const known = new Map(state.invites.map((invite) => [nameJoin(invite.join), invite]));
    const fresh: DoorRecord[] = [];
    for await (const subject of log.list('join')) {
      const invite = known.get(subject);
      const bytes = invite && (await log.get(subject));
      if (!invite || !bytes) continue;
      const door = await this.#judge(invite, bytes);
      if (door) fresh.push(door);
    }
    await this.publishWelcomes();
    return fresh;
  }

  /**
   * Approves a door, or changes the groups that it is given. An approval counts when this resolves; where the log cannot be reached, a later
   * `publishWelcomes` sends it.
   * @param groups ids; default: all that the authority shares
   * @throws AppError FLEET_CONFLICT: it was refused or removed; STORE_UNAVAILABLE
   */
  async approve(
    id: string,
    { groups, actor }: FleetActor & { groups?: readonly string[] | undefined },
  ): Promise<DoorRecord> {
    const { state, makeCredentials } = this.#options;
    const credentials = state.door(id)?.credentials ?? (await makeCredentials?.(id));
    const approved = await state.change(() => {
      const door = state.door(id);
      if (door?.state !== 'waiting' && door?.state !== 'approved') {
        throw clientError('FLEET_CONFLICT', 'The door does not wait for approval: it has to join again.');
      }
      const result: DoorRecord = { ...door, state: 'approved', approvedAt: door.approvedAt ?? state.now() };
      if (groups) result.groups = [...groups];
      else delete result.groups;
      if (credentials !== undefined) result.credentials = credentials;
      const subject = { ...describeDoor(door), groups: groups?.join(' ') ?? 'all' };
      return { change: { doors: [result] }, entries: [{ action: 'fleet.approved', actor, subject }], result };
    });
    await tryReach(() => this.publishWelcomes());
    return approved;
  }

  /** Turns a waiting door away. @throws AppError FLEET_CONFLICT: it does not wait; STORE_UNAVAILABLE */
  async refuse(id: string, { actor }: FleetActor): Promise<DoorRecord> {
    const { state } = this.#options;
    const refused = await state.change(() => {
      const door = state.door(id);
      if (door?.state === 'refused') return { change: {}, result: door };
      if (door?.state !== 'waiting') {
        throw clientError('FLEET_CONFLICT', 'The door does not wait for approval: remove it instead.');
      }
      const result: DoorRecord = { ...door, state: 'refused', refusedAt: state.now() };
      const entry: AuditEntry = { action: 'fleet.refused', actor, subject: describeDoor(door) };
      return { change: { doors: [result] }, entries: [entry], result };
    });
    await tryReach(() => this.publishWelcomes());
    return refused;
  }

  /**
   * Sends the answers that doors have not got from this process, and clears away those that have arrived.
   * @param again sends all of them: the log may have lost them
   * @throws AppError FLEET_UNREACHABLE: a later call sends the rest
   */
  async publishWelcomes({ again = false }: { again?: boolean } = {}): Promise<void> {
    const { state, memberships, log } = this.#options;
    await memberships.publish();
    if (again) this.#answered.clear();
    for (const door of state.doors) {
      const answer = this.#decideAnswer(door);
      const mark = answer ? `${answer.sequence}` : 'arrived';
      if (this.#answered.get(door.id) === mark) continue;
      if (answer) await this.#answer(door.id, door, answer);
      else for (const subject of [nameJoin(door.join), nameWelcome(door.join)]) await log.remove(subject);
      this.#answered.set(door.id, mark);
    }
  }

  /** @returns undefined where the door has its answer: it reports, or was removed */
  #decideAnswer(door: DoorRecord): { body: Welcome; sequence: number } | undefined {
    const { state, memberships } = this.#options;
    switch (door.state) {
      case 'waiting':
        return { body: { state: 'waiting' }, sequence: WAITING_SEQUENCE };
      case 'refused':
        return { body: { state: 'refused' }, sequence: REFUSED_SEQUENCE };
      case 'approved': {
        const found = state.report(door.id) ? undefined : memberships.find(door.id);
        if (!found) return undefined;
        const { body: membership, sequence } = found;
        return { body: { state: 'approved', sequence, membership }, sequence };
      }
      case 'removed':
        return undefined;
    }
  }

  async #answer(
    id: string,
    { keys, join }: Pick<DoorRecord, 'keys' | 'join'>,
    { body, sequence }: { body: Welcome; sequence: number },
  ): Promise<void> {
    const { state, log } = this.#options;
    const draft = { kind: 'welcome', fleet: state.fleet, sequence, issuedAt: state.now(), body } as const;
    await log.put(nameWelcome(join), writeLetter(state.identity, decodePublicKeys(id, keys), draft));
  }

  /** Judges one request, once. @returns the door where it waits for approval since now */
  async #judge({ join }: InviteRecord, bytes: Buffer): Promise<DoorRecord | undefined> {
    const { state } = this.#options;
    const seen = createHash('sha256').update(bytes).digest('hex');
    const read = this.#read(bytes);
    const judged = await state.change<Judged | undefined>(() => {
      const invite = state.invites.find((one) => one.join === join);
      if (!invite || invite.seen === seen) return { change: {}, result: undefined };
      const refusal = 'refusal' in read ? read.refusal : this.#refuse(read, invite);
      if (refusal === 'repeated') return { change: { invites: [{ ...invite, seen }] }, result: undefined };
      if (refusal !== undefined) {
        const refused: InviteRecord = { ...invite, seen, refused: invite.refused + 1 };
        const entry: AuditEntry = {
          action: 'fleet.refused',
          actor: 'fleet',
          subject: { invite: join, reason: refusal },
        };
        const entries = invite.refused < MAX_AUDITED_REFUSALS ? [entry] : [];
        return { change: { invites: [refused] }, entries, result: { refusal, isOpen: invite.usedBy === undefined } };
      }
      const request = read as JoinRequest;
      const door = makeDoor(request, join, state.now());
      const { secret, ...rest } = invite;
      void secret;
      const used: InviteRecord = { ...rest, seen, usedBy: door.id };
      const entry: AuditEntry = {
        action: 'fleet.joined',
        actor: 'fleet',
        subject: { ...describeDoor(door), invite: join },
      };
      return { change: { doors: [door], invites: [used], erases: true }, entries: [entry], result: { door } };
    });
    if (!judged) return undefined;
    if ('door' in judged) return judged.door;
    // A refused door is told, where the invite is not another one's by now.
    if (judged.isOpen && 'door' in read) {
      await this.#answer(
        read.door,
        { keys: read.keys, join },
        { body: { state: 'refused' }, sequence: REFUSED_SEQUENCE },
      );
    }
    return undefined;
  }

  /** Reads a request. Its signature shows that the door has the keys that it names. */
  #read(bytes: Buffer): JoinRequest | { refusal: JoinRefusal } {
    const { state } = this.#options;
    const opened = openLetter(bytes, { kind: 'request', reader: state.identity });
    if ('refusal' in opened) return opened;
    const letter = parseLetter(opened.signed);
    const body = joinRequestSchema.safeParse(letter?.body);
    if (!letter || !body.success) return { refusal: 'malformed' };
    const sender = decodePublicKeys(letter.from, body.data.keys);
    if (!canSealFor(sender)) return { refusal: 'malformed' };
    const expected = { kind: 'request', fleet: state.fleet, reader: state.identity, sender } as const;
    const read = judgeLetter(opened.signed, expected, joinRequestSchema);
    return read.outcome === 'refused' ? { refusal: read.refusal } : { ...read.body, door: letter.from };
  }

  /** @returns why a request is refused; `repeated` for one of the door that has used the invite already */
  #refuse({ door, keys, proof }: JoinRequest, invite: InviteRecord): JoinRefusal | 'repeated' | undefined {
    const { state, clock } = this.#options;
    const known = state.door(door);
    const isSame = known?.keys.signing === keys.signing && known.keys.sealing === keys.sealing;
    if (invite.usedBy !== undefined) return invite.usedBy === door && isSame ? 'repeated' : 'used';
    if (invite.secret === undefined || Date.parse(invite.expiresAt) <= clock()) return 'expired';
    const right = proveInvite(invite.secret, { fleet: state.fleet, join: invite.join, door, keys });
    if (!isSameProof(right, proof)) return 'wrong-secret';
    return known || door === state.fleet ? 'known-door' : undefined;
  }
}

/** Returns whether an answer can be sealed for these keys: X25519 has some for which that fails. */
function canSealFor({ sealing }: PublicIdentity): boolean {
  try {
    sealFor(sealing, 'check', new Uint8Array(0));
    return true;
  } catch {
    return false;
  }
}

function makeDoor(
  { door: id, name, keys, softwareVersion, models }: JoinRequest,
  join: string,
  now: string,
): DoorRecord {
  const fingerprint = computeKeysFingerprint(keys);
  return { id, name, keys, fingerprint, state: 'waiting', join, joinedAt: now, softwareVersion, models };
}

/** Does work on the log that a later call makes up for. */
async function tryReach(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'FLEET_UNREACHABLE')) throw error;
  }
}
