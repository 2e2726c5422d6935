// A connection of the command line to the broker of the configuration: yours, or the one of a running service on this machine.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { MqttClient } from 'mqtt';
import type { Config } from '../config/schema.js';
import { AppError, describeError } from '../errors.js';
import { readMqttPassword, readPasswordFile } from '../keys/secrets.js';
import type { CliContext } from './context.js';

/**
 * Connects to the broker; with users of Lintel's own broker, as the first of them. It does not connect again.
 * @param timeoutMs limit from the attempt to the CONNACK
 * @throws AppError BROKER_FAILED; SECRET_MISSING, SECRET_INVALID: the file of the password
 */
export async function connectToBroker(
  mqtt: Config['mqtt'],
  environment: CliContext['environment'],
  timeoutMs: number,
): Promise<MqttClient> {
  const url = mqtt.url ?? findEmbeddedUrl(mqtt.embedded);
  const options = {
    ...(await readLogin(mqtt, environment)),
    protocolVersion: 4,
    reconnectPeriod: 0,
    connectTimeout: timeoutMs,
  } as const;
  try {
    // Loaded here, because few commands need it.
    const { connectAsync, MqttClient } = await import('mqtt');
    if (mqtt.url !== undefined || !mqtt.embedded.tls) {
      return await connectAsync(url, {
        ...(mqtt.caFile === undefined ? {} : { ca: await readFile(mqtt.caFile) }),
        ...options,
      });
    }
    const socket = await openEmbedded(url, mqtt.embedded.tls.certFile, timeoutMs);
    const client = new MqttClient(() => socket, options);
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('error', reject);
      client.once('close', () => reject(new Error('the broker closed the connection')));
    });
    return client;
  } catch (cause) {
    throw new AppError('BROKER_FAILED', `the broker ${url} cannot be used: ${describeError(cause)}`, { cause });
  }
}

async function readLogin(
  mqtt: Config['mqtt'],
  environment: CliContext['environment'],
): Promise<{ username?: string; password?: string }> {
  if (mqtt.url === undefined) {
    const [user] = mqtt.embedded.users ?? [];
    if (!user) return {};
    const password = await readPasswordFile(user.passwordFile, 'mqtt.embedded.users[0].passwordFile');
    return { username: user.name, password };
  }
  const password = await readMqttPassword(mqtt, environment);
  if (mqtt.username === undefined) return {};
  return password === undefined ? { username: mqtt.username } : { username: mqtt.username, password };
}

function findEmbeddedUrl({ host, port, tls }: Config['mqtt']['embedded']): string {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${tls ? 'mqtts' : 'mqtt'}://${isIP(local) === 6 ? `[${local}]` : local}:${port}`;
}

/** Opens TLS to the service on this machine. Its certificate names another host, so it is compared with the file itself. */
async function openEmbedded(url: string, certFile: string, timeoutMs: number): Promise<TLSSocket> {
  const expected = new X509Certificate(await readFile(certFile));
  const { hostname, port } = new URL(url);
  const socket = connectTls({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port),
    rejectUnauthorized: false,
    timeout: timeoutMs,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('timeout', () => reject(new Error(`no TLS within ${timeoutMs} ms`)));
      socket.once('error', reject);
    });
    socket.setTimeout(0);
    if (!socket.getPeerX509Certificate()?.raw.equals(expected.raw)) {
      throw new Error('another certificate is served than that of mqtt.embedded.tls.certFile');
    }
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}
