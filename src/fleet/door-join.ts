// A door's side of joining: makes its keys, asks the authority of its token, and takes the answer.
import type { Clock } from '../domain/time.js';
import { clientError } from '../errors.js';
import type { FleetLog } from './fleet-log.js';
import { welcomeSchema, type JoinedRecord, type JoinRequestBody } from './fleet-records.js';
import type { FleetActor, JoinState } from './fleet.types.js';
import {
  computeKeysFingerprint,
  createIdentity,
  encodeIdentity,
  encodePublicKeys,
  publishIdentity,
} from './identity.js';
import { decodeToken, proveInvite } from './invites.js';
import type { JoinedFleet } from './joined-fleet.js';
import { RefusedLetters } from './refused-letters.js';
import { readLetter, writeLetter } from './signed-letter.js';
import { nameJoin, nameWelcome } from './subjects.js';

/** Time after which a request that nobody has answered is sent again: the log may have lost it. */
const SEND_AGAIN_MS = 60_000;

export interface DoorJoinOptions {
  joined: JoinedFleet;
  clock: Clock;
  /** Returns what the door says of itself. `name`: its `deviceId`; `models`: model versions that are installed. */
  describe: () => Pick<JoinRequestBody, 'name' | 'softwareVersion' | 'models'>;
}

/** Everything can be called again after a kill. */
export class DoorJoin {
  readonly #options: DoorJoinOptions;
  /** Invite and time of the request that this process has sent. */
  #sent: { join: string; atMs: number } | undefined;

  readonly #refused: RefusedLetters;

  constructor(options: DoorJoinOptions) {
    this.#options = options;
    this.#refused = new RefusedLetters(options.joined, 'welcome');
  }

  /**
   * Begins to join: `step` does the rest. With the token of the request that waits already it changes nothing.
   * @throws AppError TOKEN_INVALID; FLEET_CONFLICT: the door is a member already; STORE_UNAVAILABLE
   */
  async begin(
    text: string,
    { actor }: FleetActor,
  ): Promise<{ door: string; fingerprint: string; authority: string; authorityFingerprint: string }> {
    const { joined, clock } = this.#options;
    const token = decodeToken(text, clock());
    await joined.change((record) => {
      if (record?.state === 'approved') {
        throw clientError('FLEET_CONFLICT', 'This door is a member of a fleet already: it has to leave it first.');
      }
      if (record?.join === token.join) {
        if (record.state === 'waiting') return undefined;
        throw clientError('TOKEN_INVALID', 'The token has been used already: ask for a new one.');
      }
      const identity = createIdentity();
      const next: JoinedRecord = {
        identity: encodeIdentity(identity),
        state: 'waiting',
        fleet: token.fleet,
        authority: token.authority,
        join: token.join,
        secret: token.secret,
        requestedAt: joined.now(),
        expiresAt: token.expiresAt,
        connection: token.connection,
        welcome: 0,
      };
      const authority = computeKeysFingerprint(token.authority.keys);
      const subject = { fleet: token.fleet, door: identity.id, authority };
      return { record: next, entries: [{ action: 'fleet.joined', actor, subject }] };
    });
    const { identity } = joined.requireJoined();
    return {
      door: identity.id,
      fingerprint: joined.fingerprint ?? '',
      authority: token.authority.name,
      authorityFingerprint: computeKeysFingerprint(token.authority.keys),
    };
  }

  /** Returns why a door that waits may wait in vain, as a whole sentence. */
  get detail(): string | undefined {
    const { joined, clock } = this.#options;
    const { record } = joined;
    if (record?.state !== 'waiting') return undefined;
    if (record.welcome > 0) return 'The authority has the request: somebody has to approve it there.';
    if (Date.parse(record.expiresAt) > clock()) return 'The authority has not answered yet.';
    return 'The authority has not answered, and the token has expired or was used by another door: ask for a new one.';
  }

  /**
   * Takes the answer, and sends the request where there is none yet.
   * @throws AppError FLEET_UNREACHABLE, STORE_UNAVAILABLE: a later call goes on
   */
  async step(log: FleetLog): Promise<JoinState> {
    const { joined, clock } = this.#options;
    if (joined.state !== 'waiting') return joined.state;
    await this.#takeAnswer(log);
    const { record } = joined.requireJoined();
    if (record.state !== 'waiting' || record.welcome > 0 || record.secret === undefined) return record.state;
    const { join, secret } = record;
    if (this.#sent?.join === join && clock() < this.#sent.atMs + SEND_AGAIN_MS) return record.state;
    await log.put(nameJoin(join), this.#write({ ...record, secret }));
    this.#sent = { join, atMs: clock() };
    return record.state;
  }

  async #takeAnswer(log: FleetLog): Promise<void> {
    const { joined } = this.#options;
    const { record, identity, authority } = joined.requireJoined();
    const bytes = await log.get(nameWelcome(record.join));
    if (!bytes) return;
    const { fleet, welcome: after } = record;
    const read = readLetter(
      bytes,
      { kind: 'welcome', fleet, reader: identity, sender: authority, after },
      welcomeSchema,
    );
    if (read.outcome === 'refused') {
      // An answer that is not of the authority of the token is no answer: the door goes on waiting.
      await this.#refused.refuse(read.refusal);
      return;
    }
    this.#refused.accept();
    if (read.isRepeated) return;
    const { body, sequence, issuedAt } = read;
    await joined.change((current) => {
      if (current?.join !== record.join || current.state !== 'waiting' || sequence <= current.welcome) return undefined;
      const subject = { fleet, door: identity.id, authority: joined.authorityFingerprint ?? '' };
      if (body.state === 'waiting') return { record: { ...current, welcome: sequence } };
      const { secret, ...rest } = current;
      void secret;
      if (body.state === 'refused' || body.membership.state !== 'approved') {
        const next: JoinedRecord = { ...rest, state: 'refused', welcome: sequence };
        return { record: next, entries: [{ action: 'fleet.refused', actor: 'fleet', subject }] };
      }
      const next: JoinedRecord = {
        ...rest,
        state: 'approved',
        welcome: sequence,
        membership: { sequence: body.sequence, issuedAt, body: body.membership },
      };
      const groups = body.membership.groups.length;
      return { record: next, entries: [{ action: 'fleet.approved', actor: 'fleet', subject: { ...subject, groups } }] };
    });
  }

  #write({ fleet, join, secret }: JoinedRecord & { secret: string }): Buffer {
    const { joined, clock, describe } = this.#options;
    const { identity, authority } = joined.requireJoined();
    const keys = encodePublicKeys(publishIdentity(identity));
    const proof = proveInvite(secret, { fleet, join, door: identity.id, keys });
    const body: JoinRequestBody = { ...describe(), keys, proof };
    return writeLetter(identity, authority, {
      kind: 'request',
      fleet,
      sequence: Math.max(1, clock()),
      issuedAt: joined.now(),
      body,
    });
  }
}
