// The log of a fleet on a NATS server, as the authority and a door need it: keys, credentials, revocations and the server's files.
import { X509Certificate } from 'node:crypto';
import type { Log } from '../../domain/log.js';
import type { Clock } from '../../domain/time.js';
import type { RandomBytes } from '../../store/sealing.js';
import { Queue } from '../at-once.js';
import type { AuthorityTransport } from '../authority-transport.js';
import type { AuthorityState } from '../authority-state.js';
import type { FleetConnection } from '../fleet-records.js';
import { encodeAccounts } from './accounts.js';
import { readHost, readPort, type NatsAccess } from './connection-options.js';
import {
  makeAuthorityCredentials,
  makeDoorCredentials,
  makeInviteCredentials,
  makeSystemCredentials,
  readCredentials,
  writeCredentials,
  type NatsCredentials,
} from './credentials.js';
import { NatsLog } from './nats-log.js';
import { pushAccounts } from './push-accounts.js';
import { generateServerFiles } from './server-config.js';
import { makeServerKeys } from './server-keys.js';
import { addRevoked, readServerState, type ServerState } from './server-state.js';
import type { StreamRetention } from './streams.js';

/** A device that asked in time reads the answer with the credentials of its invitation, also when somebody approves it the next day. */
const APPROVAL_MS = 86_400_000;

export interface NatsTransportOptions {
  state: Pick<AuthorityState, 'fleet' | 'serverKeys' | 'saveServerKeys'>;
  /** Such as `nats://192.0.2.1:4222`. */
  servers: readonly string[];
  retention: StreamRetention;
  clock: Clock;
  randomBytes: RandomBytes;
  logger?: Log;
}

/** Opens the log of the authority; the first time it makes the keys of the server. @throws AppError STORE_UNAVAILABLE, STORE_CORRUPT */
export async function createNatsTransport({
  state,
  servers,
  retention,
  clock: now,
  randomBytes,
  logger,
}: NatsTransportOptions): Promise<AuthorityTransport> {
  const making = { now, randomBytes };
  let server: ServerState;
  if (state.serverKeys === undefined) {
    server = { keys: makeServerKeys({ fleet: state.fleet, ...making }), revoked: {} };
    await state.saveServerKeys(server);
  } else {
    server = readServerState(state.serverKeys);
  }
  const { keys } = server;
  const ca = keys.ca.certificate;
  const access = (credentials: NatsCredentials): NatsAccess => ({ servers, ca, credentials, name: 'lintel-authority' });
  const log = NatsLog.open({
    access: access(makeAuthorityCredentials(keys, making)),
    fleet: keys.fleet,
    ...(logger && { logger }),
  });
  const push = (): Promise<void> =>
    pushAccounts(access(makeSystemCredentials(keys, making)), encodeAccounts(keys, server.revoked));
  /** Changes follow each other, so that none is lost. */
  const queue = new Queue();
  const revoke = async (credentials: string): Promise<void> => {
    const revoked = addRevoked(server.revoked, credentials, now());
    if (!revoked) return;
    const changed = { keys, revoked };
    await state.saveServerKeys(changed);
    server = changed;
  };
  return {
    kind: 'nats',
    log,
    connection: { servers: [...servers], ca: new X509Certificate(ca).raw.toString('base64') },
    prepare: async () => {
      await push();
      await log.createStreams(retention);
    },
    makeInviteCredentials: async (join, expiresAtMs) =>
      writeCredentials(makeInviteCredentials(keys, { join, expiresAtMs: expiresAtMs + APPROVAL_MS, ...making })),
    makeDoorCredentials: async (door) => writeCredentials(makeDoorCredentials(keys, { door, ...making })),
    revoke: async ({ credentials }) => {
      if (credentials === undefined) return;
      await queue.run(() => revoke(credentials));
      await push();
    },
    makeServerFiles: async (hosts) =>
      generateServerFiles(keys, {
        hosts: hosts.length > 0 ? hosts : servers.map(readHost),
        port: readPort(servers[0] ?? ''),
        revoked: server.revoked,
        ...making,
      }),
  };
}

/**
 * Opens the log of a door, or of a device that joins. The connection is made in the background.
 * @param connection its credentials are a text of `writeCredentials` @throws TypeError: it lacks credentials or the certificate, or they have no
 *   known form
 */
export function openNatsDoorLog(
  { servers, ca, credentials }: FleetConnection,
  { fleet, logger }: { fleet: string; logger?: Log },
): NatsLog {
  if (ca === undefined || credentials === undefined) throw new TypeError('a connection to NATS needs credentials');
  const access = {
    servers,
    ca: new X509Certificate(Buffer.from(ca, 'base64')).toString(),
    credentials: readCredentials(credentials),
    name: 'lintel-door',
  };
  return NatsLog.open({ access, fleet, ...(logger && { logger }) });
}
