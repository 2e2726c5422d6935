// A real nats-server with the configuration that Lintel generates: TLS, accounts and credentials, for tests.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { RevokedUsers } from '../../src/fleet/nats/accounts.js';
import type { NatsAccess } from '../../src/fleet/nats/connection-options.js';
import {
  makeAuthorityCredentials,
  makeDoorCredentials,
  makeInviteCredentials,
  type NatsCredentials,
} from '../../src/fleet/nats/credentials.js';
import { generateServerFiles } from '../../src/fleet/nats/server-config.js';
import { makeServerKeys, type FleetServerKeys } from '../../src/fleet/nats/server-keys.js';
import { NatsServer } from './nats-server.js';

export { natsServerPath } from './nats-server.js';

const making = { now: Date.now, randomBytes };

/** A server of a fleet of its own. `server` kills, restarts, wipes and ends it. */
export interface FleetServer {
  fleet: string;
  keys: FleetServerKeys;
  server: NatsServer;
  /** How the authority connects; each call has a user of its own. */
  makeAuthorityAccess(): NatsAccess;
  /** How a door connects. @param door id, hexadecimal */
  makeDoorAccess(door: string, expiresAtMs?: number): NatsAccess;
  /** How an invited device connects. @param join id of its request, hexadecimal */
  makeInviteAccess(join: string, expiresAtMs?: number): NatsAccess;
}

/** Starts a server for a new fleet; the streams do not exist yet: the authority makes them. */
export async function startFleetServer({
  revoked,
  fleet = randomBytes(16).toString('hex'),
}: { revoked?: RevokedUsers; fleet?: string } = {}): Promise<FleetServer> {
  const keys = makeServerKeys({ fleet, ...making });
  const server = await NatsServer.startWith(
    (folder) =>
      generateServerFiles(keys, {
        ...{ hosts: ['127.0.0.1'], listen: '127.0.0.1', port: -1, folder, store: join(folder, 'store') },
        ...(revoked === undefined ? {} : { revoked }),
        ...making,
      }).files,
  );
  const access = (credentials: NatsCredentials): NatsAccess => ({
    ...{ servers: [server.url], ca: keys.ca.certificate, credentials },
  });
  return {
    fleet,
    keys,
    server,
    makeAuthorityAccess: () => access(makeAuthorityCredentials(keys, making)),
    makeDoorAccess: (door, expiresAtMs) =>
      access(makeDoorCredentials(keys, { door, ...(expiresAtMs === undefined ? {} : { expiresAtMs }), ...making })),
    makeInviteAccess: (id, expiresAtMs = Date.now() + 900_000) =>
      access(makeInviteCredentials(keys, { join: id, expiresAtMs, ...making })),
  };
}
