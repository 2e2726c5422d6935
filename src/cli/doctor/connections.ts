// The doctor's check of what the service connects to: the sources of the cameras, and the broker.
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { CameraConfig } from '../../config/camera-schema.js';
import type { Config } from '../../config/schema.js';
import { describeError } from '../../errors.js';
import { readBrokerPasswords, readMqttPassword, readPasswordFile } from '../../keys/secrets.js';
import { fail, ok, type DoctorFinding } from '../../domain/doctor.js';

const CONNECT_TIMEOUT_MS = 3_000;

const DEFAULT_PORTS = { http: 80, https: 443, rtsp: 554, rtsps: 322, mqtt: 1883, mqtts: 8883 } as const;

/** Checks that each source exists, or can be reached over the network, without opening it. @returns one finding for each camera */
export async function checkSources(cameras: readonly CameraConfig[]): Promise<DoctorFinding[]> {
  if (cameras.length === 0) return [ok('no camera is configured: Lintel serves the REST API only')];
  return Promise.all(
    cameras.map(async ({ id, source }, index) => {
      const { level, text } = await checkSource(source, index);
      return { level, text: `${id}: ${text}` };
    }),
  );
}

async function checkSource(source: CameraConfig['source'], index: number): Promise<DoctorFinding> {
  switch (source.type) {
    case 'device':
      return checkDevice(source.path);
    case 'file': {
      const found = await stat(source.path).catch(() => undefined);
      return found?.isFile() ? ok(`file ${source.path}`) : fail(`there is no file ${source.path}`);
    }
    case 'gstreamer':
      // The text of a pipeline can hold a password.
      return ok('a GStreamer pipeline, which can only be checked by opening it');
    case 'url':
    case 'snapshot': {
      const { protocol, hostname, port } = new URL(source.url);
      try {
        if (source.passwordFile !== undefined) {
          await readPasswordFile(source.passwordFile, `cameras[${index}].source.passwordFile`);
        }
        await reach({
          host: withoutBrackets(hostname),
          port: Number(port) || (findDefaultPort(protocol) ?? DEFAULT_PORTS.rtsp),
        });
        return ok(`${protocol}//${hostname} can be reached`);
      } catch (error) {
        return fail(`${protocol}//${hostname}: ${describeError(error)}`);
      }
    }
  }
}

async function checkDevice(path: string): Promise<DoctorFinding> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return fail(`there is no device ${path}`);
  if (!found.isCharacterDevice()) return fail(`${path} is not a device`);
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch {
    return fail(`this user may not open ${path}: add the user to the group "video"`);
  }
  return ok(`device ${path}`);
}

/** Connects to the configured broker, without a login. @param timeoutMs limit of the connection attempt */
export async function checkBroker(
  mqtt: Pick<Config['mqtt'], 'url' | 'passwordFile' | 'caFile' | 'embedded'>,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<DoctorFinding[]> {
  if (mqtt.url === undefined) return [await checkEmbeddedBroker(mqtt.embedded)];
  const { protocol, hostname, port } = new URL(mqtt.url);
  const where = `${protocol}//${hostname}${port && `:${port}`}`;
  try {
    await readMqttPassword(mqtt, {});
    const tls = protocol === 'mqtts:';
    await reach({
      host: withoutBrackets(hostname),
      port: Number(port) || (tls ? DEFAULT_PORTS.mqtts : DEFAULT_PORTS.mqtt),
      timeoutMs,
      ...(tls ? { tls: mqtt.caFile === undefined ? {} : { ca: await readFile(mqtt.caFile) } } : {}),
    });
    return [ok(`${where} can be reached${tls ? ', and its certificate is valid' : ''}`)];
  } catch (error) {
    return [fail(`${where}: ${describeError(error)}`)];
  }
}

async function checkEmbeddedBroker({ host, port, users, tls }: Config['mqtt']['embedded']): Promise<DoctorFinding> {
  const where = `Lintel's own broker, on ${host}:${port}`;
  try {
    await readBrokerPasswords(users);
  } catch (error) {
    return fail(`${where}: ${describeError(error)}`);
  }
  const who = users === undefined ? 'every program of this machine' : `users with a password (${users.length})`;
  return ok(`${where}${tls ? ' with TLS' : ''}: ${who} can read the events`);
}

function findDefaultPort(protocol: string): number | undefined {
  return (DEFAULT_PORTS as Readonly<Record<string, number>>)[protocol.replace(':', '')];
}

interface ReachOptions {
  host: string;
  port: number;
  timeoutMs?: number;
  tls?: { ca?: Buffer };
}

/** Opens a connection and closes it again, without sending anything. @throws Error with the reason where that fails */
export async function reach({ host, port, timeoutMs = CONNECT_TIMEOUT_MS, tls }: ReachOptions): Promise<void> {
  // TLS allows no address as a server name; without a name, the address of the certificate is checked.
  const serverName = isIP(host) ? {} : { servername: host };
  const socket: Socket = tls ? connectTls({ host, port, ...serverName, ...tls }) : connectTcp({ host, port });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
      socket.once(tls ? 'secureConnect' : 'connect', resolve);
      // Where a name has several addresses, the error has a code but no message.
      socket.once('error', (error: NodeJS.ErrnoException) => reject(new Error(error.message || error.code)));
    });
  } finally {
    socket.destroy();
  }
}

/** @returns an IPv6 address without its brackets, and any other host name unchanged */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
