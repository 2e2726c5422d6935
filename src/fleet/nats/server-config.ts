// The files of a fleet's NATS server: its configuration, its certificate and key. The configuration holds public keys alone.
import { isIP } from 'node:net';
import type { Clock } from '../../domain/time.js';
import { AppError } from '../../errors.js';
import type { RandomBytes } from '../../store/sealing.js';
import type { FleetServerFiles } from '../fleet.types.js';
import { encodeAccounts, encodeOperator, type RevokedUsers } from './accounts.js';
import { makeServerCertificate, SERVER_DAYS } from './certificates.js';
import { NATS_PORT } from './connection-options.js';
import { formatCredentialsFile, makeMqttPassword, makeSubscriberCredentials } from './credentials.js';
import type { FleetServerKeys } from './server-keys.js';

/** Largest message: a record has some 3 kB, a bucket of a group of 1,000,000 faces 190 kB, and a head 10 kB. */
const MAX_PAYLOAD_BYTES = 1_048_576;
const CONFIG_FOLDER = '/etc/lintel-nats';
const STORE_FOLDER = '/var/lib/lintel-nats';

export interface ServerFileOptions {
  /** Names and addresses under which doors reach the server; they stand in its certificate. */
  hosts: readonly string[];
  /** Address on which it listens. Default: all. */
  listen?: string;
  port?: number;
  /** Folder of these files on the server, absolute. */
  folder?: string;
  /** Folder of its data, absolute. */
  store?: string;
  /** Users who are refused from the start; the authority sends the list again whenever it connects. */
  revoked?: RevokedUsers;
  now: Clock;
  randomBytes: RandomBytes;
}

/**
 * Makes the files for a server. A repeated call makes a new certificate from the same authority: doors that trust the one trust the other.
 * @throws AppError INVALID_PARAM: a host, an address, a port or a folder is none
 */
export function generateServerFiles(keys: FleetServerKeys, options: ServerFileOptions): FleetServerFiles {
  const { certificate, key } = makeServerCertificate(keys.ca, options);
  const settings = checkSettings(options);
  return {
    files: [
      { name: 'nats-server.conf', mode: 0o644, content: writeConfig(keys, settings) },
      { name: 'ca.pem', mode: 0o644, content: keys.ca.certificate },
      { name: 'server.pem', mode: 0o644, content: certificate },
      { name: 'server.key', mode: 0o600, content: key },
      ...makeReaderFiles(keys, options),
    ],
  };
}

/** Makes the credentials of programs that hear the events of all doors; they expire with the certificate. They are not for the server. */
function makeReaderFiles(
  keys: FleetServerKeys,
  { now, randomBytes }: Pick<ServerFileOptions, 'now' | 'randomBytes'>,
): FleetServerFiles['files'] {
  const making = { expiresAtMs: now() + SERVER_DAYS * 86_400_000, now, randomBytes };
  const reader = makeSubscriberCredentials(keys, { name: 'reader', ...making });
  return [
    { name: 'reader.creds', mode: 0o600, content: formatCredentialsFile(reader) },
    { name: 'reader.jwt', mode: 0o600, content: `${makeMqttPassword(keys, making)}\n` },
  ];
}

interface Settings {
  listen: string;
  folder: string;
  store: string;
  revoked: RevokedUsers;
  expiresAt: string;
}

function checkSettings({
  listen = '0.0.0.0',
  port = NATS_PORT,
  folder = CONFIG_FOLDER,
  store = STORE_FOLDER,
  revoked = {},
  now,
}: ServerFileOptions): Settings {
  if (isIP(listen) === 0) throw invalid(`${JSON.stringify(listen)} is no IP address`);
  // -1: any free port, for tests.
  if (!Number.isInteger(port) || port < -1 || port > 65_535) throw invalid(`${port} is no port`);
  for (const path of [folder, store]) {
    if (!/^\/[^"\\\p{Cc}]*$/u.test(path)) throw invalid(`${JSON.stringify(path)} is no absolute path of a folder`);
  }
  const host = isIP(listen) === 6 ? `[${listen}]` : listen;
  const expiresAt = new Date(now() + SERVER_DAYS * 86_400_000).toISOString().slice(0, 10);
  return { listen: `${host}:${port}`, folder, store, revoked, expiresAt };
}

function writeConfig(keys: FleetServerKeys, { listen, folder, store, revoked, expiresAt }: Settings): string {
  const accounts = encodeAccounts(keys, revoked);
  const system = accounts.find(({ name }) => name === 'SYSTEM')!.publicKey;
  const preload = accounts.map(({ name, publicKey, jwt }) => `  # ${name}\n  ${publicKey}: "${jwt}"`).join('\n');
  return `# Configuration of the NATS server of a Lintel fleet, for nats-server 2.9 and newer (Debian 12: 2.9.10).
# Lintel made it (lintel fleet server-config), together with ca.pem, server.pem and server.key, for the folder ${folder}.
#
# Install the server with "apt-get install nats-server" and these files as described in systemd/README.md of Lintel.
# Check a change with "nats-server -t -c ${folder}/nats-server.conf".
#
# There is nothing secret in this file, and it stays as it is when doors join or leave the fleet. server.key is secret.
# The certificate is valid until ${expiresAt}; make new files before that. Doors trust ca.pem, so they accept the new certificate.
#
# The server keeps a copy of the fleet's galleries, sealed. It is a cache: the authority fills an empty server again.

server_name: "lintel-fleet"
listen: "${listen}"

tls {
  cert_file: "${folder}/server.pem"
  key_file: "${folder}/server.key"
  # Seconds for a handshake: many doors connect at once when the server has been restarted.
  timeout: 10
}

# Limits. A door has one connection, and two while it joins.
max_payload: ${MAX_PAYLOAD_BYTES}
max_connections: 4096
max_subscriptions: 100000
ping_interval: "30s"
ping_max: 2
write_deadline: "10s"

# The log goes to the standard output, which is the journal under systemd. It names public keys and random ids, nobody else.
debug: false
trace: false
logtime: false

# There is no monitoring port: it would show the connections and subjects to everybody on the network.
# http: "127.0.0.1:8222"

jetstream {
  store_dir: "${store}"
  # Every write is on the disk before it is confirmed (nats-server 2.10 and newer). nats-server 2.9 does not know the key and refuses keys that
  # it does not know, unless their value is used as a variable: the next line does that and has no effect on a single server. With 2.9 a power
  # cut may lose the writes of the last two minutes; the authority notices and writes them again.
  sync_interval: always
  unique_tag: $sync_interval
  # Largest size of the store on the disk. Default: three quarters of the free space.
  # max_file_store: 20GB
}

# The gateway for MQTT 3.1.1: without the # in front, MQTT clients hear the events of the doors, where these are plain (fleet.events).
# mqtt {
#   listen: "0.0.0.0:8883"
#   tls {
#     cert_file: "${folder}/server.pem"
#     key_file: "${folder}/server.key"
#   }
# }

# Who may connect: the operator signs the accounts, and the accounts sign their users. The server knows no list of doors.
operator: "${encodeOperator(keys)}"
system_account: ${system}
resolver {
  type: full
  dir: "${store}/accounts"
  allow_delete: false
}
# The accounts of a server that has none yet. Newer ones, with the doors that were removed, come from the authority.
resolver_preload {
${preload}
}
`;
}

function invalid(message: string): AppError {
  return new AppError('INVALID_PARAM', message);
}
