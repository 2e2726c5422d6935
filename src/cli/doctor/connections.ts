// The doctor's look at what the service connects to: cameras, the broker, and a running Lintel itself.
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { get as getSecurely } from 'node:https';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { z } from 'zod';
import type { CameraConfig, Config } from '../../config/schema.js';
import { readMqttPassword, readPasswordFile } from '../../keys/secrets.js';
import { describeError } from '../../errors.js';
import type { Finding } from './doctor.js';

const CONNECT_TIMEOUT_MS = 3_000;

export async function checkCameras(cameras: readonly CameraConfig[]): Promise<Finding[]> {
  if (cameras.length === 0) return [{ level: 'ok', text: 'none configured: the REST API alone' }];
  return Promise.all(
    cameras.map(async ({ id, source }, index) => {
      const { level, text } = await checkSource(source, index);
      return { level, text: `${id}: ${text}` };
    }),
  );
}

async function checkSource(source: CameraConfig['source'], index: number): Promise<Finding> {
  switch (source.type) {
    case 'device':
      return checkDevice(source.path);
    case 'file': {
      const found = await stat(source.path).catch(() => undefined);
      return found?.isFile() ? ok(`file ${source.path}`) : fail(`there is no file ${source.path}`);
    }
    case 'gstreamer':
      // A pipeline can hold a password.
      return ok('a GStreamer pipeline, tried when the service starts');
    case 'url': {
      const { protocol, hostname, port } = new URL(source.url);
      try {
        if (source.passwordFile !== undefined) {
          await readPasswordFile(source.passwordFile, `cameras[${index}].source.passwordFile`);
        }
        const defaultPort = DEFAULT_PORTS[protocol] ?? 554;
        await reach({ host: bare(hostname), port: Number(port) || defaultPort });
        return ok(`${protocol}//${hostname} can be reached`);
      } catch (error) {
        return fail(`${protocol}//${hostname}: ${describeError(error)}`);
      }
    }
  }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'rtsp:': 554,
  'rtsps:': 322,
  'mqtt:': 1883,
  'mqtts:': 8883,
};

async function checkDevice(path: string): Promise<Finding> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return fail(`there is no device ${path}`);
  if (!found.isCharacterDevice()) return fail(`${path} is not a device`);
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch {
    return fail(`${path} is closed to this user: add the user to the group "video"`);
  }
  return ok(`device ${path}`);
}

export async function checkBroker(
  mqtt: Pick<Config['mqtt'], 'url' | 'passwordFile' | 'caFile' | 'embedded'>,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<Finding[]> {
  if (mqtt.url === undefined) {
    const { host, port } = mqtt.embedded;
    if (host === '127.0.0.1' || host === '::1' || host === 'localhost') {
      return [ok(`Lintel's own, on ${host}:${port}`)];
    }
    return [{ level: 'warn', text: `Lintel's own, on ${host}:${port}: whoever reaches it reads the events` }];
  }
  const { protocol, hostname, port } = new URL(mqtt.url);
  const where = `${protocol}//${hostname}${port && `:${port}`}`;
  try {
    await readMqttPassword(mqtt, {});
    const tls = protocol === 'mqtts:';
    await reach({
      host: bare(hostname),
      port: Number(port) || DEFAULT_PORTS[protocol],
      timeoutMs,
      ...(tls ? { tls: mqtt.caFile === undefined ? {} : { ca: await readFile(mqtt.caFile) } } : {}),
    });
    return [ok(`${where} can be reached${tls ? ', its certificate is good' : ''}`)];
  } catch (error) {
    return [fail(`${where}: ${describeError(error)}`)];
  }
}

/** What a running service says of itself, and what is said of it here. */
const healthSchema = z.object({
  status: z.enum(['ok', 'degraded', 'failed']),
  parts: z.record(
    z.string(),
    z.object({
      status: z.enum(['ok', 'degraded', 'failed']),
      detail: z.string().optional(),
      facts: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

export async function checkService(
  { host, port, tls }: Pick<Config['http'], 'host' | 'port' | 'tls'>,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<Finding[]> {
  if (port === 0) return [ok('not asked: it takes any free port')];
  const url = serviceUrl({ host, port, tls });
  let answer: unknown;
  try {
    answer = await (tls ? askSecurely : ask)(`${url}/healthz`, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    const { code } = ((error as Error).cause ?? error) as { code?: string };
    if (code === 'ECONNREFUSED') return [ok(`not running on ${url}`)];
    return [{ level: 'warn', text: `something answers on ${url}, but not as Lintel does` }];
  }
  const health = healthSchema.safeParse(answer);
  if (!health.success) return [{ level: 'warn', text: `something answers on ${url}, but not as Lintel does` }];
  const levels = { ok: 'ok', degraded: 'warn', failed: 'fail' } as const;
  const parts = Object.entries(health.data.parts).map(([name, { status, detail, facts }]): Finding => {
    const known = Object.entries(facts ?? {}).map(([fact, value]) => `${fact} ${String(value)}`);
    return { level: levels[status], text: [`${name}: ${status}`, detail, ...known].filter(Boolean).join(', ') };
  });
  return [{ level: levels[health.data.status], text: `running on ${url}, ${health.data.status}` }, ...parts];
}

/** Where a service with this configuration is asked on the device itself. */
export function serviceUrl({ host, port, tls }: Pick<Config['http'], 'host' | 'port' | 'tls'>): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${tls ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** @returns the HTTP status of the answer */
export async function askStatus(url: string, signal: AbortSignal): Promise<number> {
  if (!url.startsWith('https:')) return (await fetch(url, { signal, redirect: 'error' })).status;
  return new Promise((resolve, reject) => {
    getSecurely(url, { signal, agent: false, rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', reject);
  });
}

/** @returns the JSON of the answer, whatever its status */
async function ask(url: string, signal: AbortSignal): Promise<unknown> {
  return (await fetch(url, { signal, redirect: 'error' })).json();
}

/** The same. The certificate is not checked: it names the device as others see it, and this asks on the device itself. */
async function askSecurely(url: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    getSecurely(url, { signal, agent: false, rejectUnauthorized: false }, (response) => {
      json(response).then(resolve, reject);
    }).on('error', reject);
  });
}

interface Target {
  host: string;
  port: number;
  timeoutMs?: number;
  tls?: { ca?: Buffer };
}

/** Connects, says nothing and hangs up. @throws Error that says why it cannot be reached */
async function reach({ host, port, timeoutMs = CONNECT_TIMEOUT_MS, tls }: Target): Promise<void> {
  // A certificate that names an address is checked without it; TLS knows no addresses as server names.
  const serverName = isIP(host) ? {} : { servername: host };
  const socket: Socket = tls ? connectTls({ host, port, ...serverName, ...tls }) : connectTcp({ host, port });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
      socket.once(tls ? 'secureConnect' : 'connect', resolve);
      // The error of a name with several addresses has a code alone.
      socket.once('error', (error: NodeJS.ErrnoException) => reject(new Error(error.message || error.code)));
    });
  } finally {
    socket.destroy();
  }
}

/** An IPv6 address without its brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function ok(text: string): Finding {
  return { level: 'ok', text };
}

function fail(text: string): Finding {
  return { level: 'fail', text };
}
