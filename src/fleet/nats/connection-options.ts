// How members of a fleet connect to its NATS server: credentials, and the one certificate authority that they trust.
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Authenticator, NodeConnectionOptions } from '@nats-io/transport-node';
import type { NatsCredentials } from './credentials.js';
import { openSeed } from './nkeys.js';

export const NATS_PORT = 4222;
/** Longest time of a connection attempt or a request. */
export const NATS_TIMEOUT_MS = 5_000;
/** Two pings without an answer end a connection: a server that is gone without a word is noticed within a minute. */
const PING_INTERVAL_MS = 20_000;

export interface NatsAccess {
  /** Such as `nats://192.0.2.1:4222`; one after the other is tried. */
  servers: readonly string[];
  /** Absent: a server without accounts. */
  credentials?: NatsCredentials;
  /** Certificate of the authority that the server's certificate must come from, PEM. No other one is trusted. Absent: no TLS. */
  ca?: string;
  /** Name for the server's log. */
  name?: string;
}

/** Makes the options of one connection. It is not made again by itself: see `NatsLink`. */
export function makeConnectionOptions({ servers, credentials, ca, name }: NatsAccess): NodeConnectionOptions {
  return {
    servers: [...servers],
    ...(name === undefined ? {} : { name }),
    ...(credentials && {
      authenticator: makeAuthenticator(credentials),
      inboxPrefix: credentials.inbox,
    }),
    ...(ca === undefined ? {} : { tls: makeTlsOptions(servers, ca) }),
    timeout: NATS_TIMEOUT_MS,
    reconnect: false,
    // A server names no others: doors trust their own list.
    ignoreClusterUpdates: true,
    // The client would make a stack for each request: 30 % of the time of reads and writes (profile of 2026-11-28).
    noAsyncTraces: true,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
  };
}

/** Signs what the server asks, natively: the client's own authenticator signs in JavaScript. */
function makeAuthenticator({ jwt, seed }: NatsCredentials): Authenticator {
  const key = openSeed('user', seed);
  return (nonce = '') => ({ jwt, nkey: key.publicKey, sig: key.sign(Buffer.from(nonce)).toString('base64') });
}

/**
 * The client of NATS passes no host on to TLS where the server is given by its address, and TLS then expects `localhost`. The certificate must
 * be one for a server of the list instead: all of them have theirs from the fleet's own authority.
 */
function makeTlsOptions(servers: readonly string[], ca: string): NonNullable<NodeConnectionOptions['tls']> {
  const hosts = servers.map(readHost);
  const options = {
    ca,
    checkServerIdentity: (_host: string, certificate: PeerCertificate): Error | undefined => {
      const errors = hosts.map((host) => checkServerIdentity(host, certificate));
      return errors.includes(undefined) ? undefined : errors[0];
    },
  };
  return options;
}

/** @param server such as `nats://[2001:db8::1]:4222` or `192.0.2.1:4222` */
export function readHost(server: string): string {
  return parseServer(server).hostname.replace(/^\[|\]$/g, '');
}

/** Port of a server; NATS_PORT where it names none. */
export function readPort(server: string): number {
  return Number(parseServer(server).port) || NATS_PORT;
}

function parseServer(server: string): URL {
  return new URL(server.includes('://') ? server : `nats://${server}`);
}
