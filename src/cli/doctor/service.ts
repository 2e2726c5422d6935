// The doctor's questions to a running service: whether one runs, whether it is ready, and the health of its parts.
import { get as getSecurely } from 'node:https';
import { connect } from 'node:net';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import type { Config } from '../../config/schema.js';
import { getLocalServiceUrl } from '../service-url.js';
import { ok, warn, type DoctorFinding } from '../../domain/doctor.js';

const ANSWER_TIMEOUT_MS = 3_000;

/** @returns whether a service runs on the data directory of this admin socket */
export function isServiceRunning(adminSocket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(adminSocket);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // EACCES: a service of another user listens there.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EACCES'));
  });
}

/** The part of the answer of /healthz that the doctor prints. */
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

const LEVELS = { ok: 'ok', degraded: 'warn', failed: 'fail' } as const;

/** Asks the service for its health. @returns one finding for the service, then one for each of its parts */
export async function checkService(
  { host, port, tls }: Pick<Config['http'], 'host' | 'port' | 'tls'>,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<DoctorFinding[]> {
  if (port === 0) return [ok('not checked: the configuration lets the service take any free port (http.port is 0)')];
  const url = getLocalServiceUrl({ host, port, tls });
  let answer: unknown;
  try {
    answer = await (tls ? fetchJsonSecurely : fetchJson)(`${url}/healthz`, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    const { code } = ((error as Error).cause ?? error) as { code?: string };
    if (code === 'ECONNREFUSED') return [ok(`not running on ${url}`)];
    return [warn(`another program than Lintel answers on ${url}`)];
  }
  const health = healthSchema.safeParse(answer);
  if (!health.success) return [warn(`another program than Lintel answers on ${url}`)];
  const parts = Object.entries(health.data.parts).map(([name, { status, detail, facts }]): DoctorFinding => {
    const known = Object.entries(facts ?? {}).map(([fact, value]) => `${fact} ${String(value)}`);
    return { level: LEVELS[status], text: [`${name}: ${status}`, detail, ...known].filter(Boolean).join(', ') };
  });
  return [{ level: LEVELS[health.data.status], text: `running on ${url}, ${health.data.status}` }, ...parts];
}

/** @returns the HTTP status of the answer */
export async function fetchStatus(url: string, signal: AbortSignal): Promise<number> {
  if (!url.startsWith('https:')) return (await fetch(url, { signal, redirect: 'error' })).status;
  return new Promise((resolve, reject) => {
    getSecurely(url, { signal, agent: false, rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', reject);
  });
}

/** @returns the JSON of the answer, whatever its status */
async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  return (await fetch(url, { signal, redirect: 'error' })).json();
}

/**
 * Like fetchJson, over HTTPS. The certificate is not checked: it names the device as other machines see it, and this request goes to the
 * loopback address.
 */
async function fetchJsonSecurely(url: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    getSecurely(url, { signal, agent: false, rejectUnauthorized: false }, (response) => {
      json(response).then(resolve, reject);
    }).on('error', reject);
  });
}
