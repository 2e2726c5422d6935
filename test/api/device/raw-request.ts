// A request with exactly the headers that a test names: fetch adds some, and refuses others.
import { request as requestPlain, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestSecure } from 'node:https';
import { json, text } from 'node:stream/consumers';
import type { ErrorBody } from '../../../src/api/device/statuses.js';

/** Fields of all answers together: a test reads those of its request. */
export interface RawBody {
  error: ErrorBody['error'];
  id: string;
  name: string;
  role: string;
  idleSeconds: number;
  expiresAt: string;
  key: string;
  secretKey?: string;
  sessions: { id: string; name: string; current: boolean }[];
  keys: { id: string; name: string; current: boolean }[];
}

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Name and value of the cookie that the answer sets, without its attributes; an empty text where it sets none. */
  cookie: string;
  body: RawBody;
}

export interface RawOptions {
  headers?: Record<string, string | string[]>;
  body?: unknown;
  /** Address to connect to; default: that of the URL. */
  address?: string;
}

/** Sends one request to a path of the device API. Certificates are not checked. */
export async function send(origin: string, method: string, path: string, options: RawOptions = {}): Promise<RawAnswer> {
  const { headers = {}, body, address } = options;
  const { protocol, hostname, port, host } = new URL(origin);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const make = protocol === 'https:' ? requestSecure : requestPlain;
    const asked = make(
      {
        host: address ?? hostname.replace(/^\[(.*)\]$/, '$1'),
        port,
        method,
        path: `/device/v1${path}`,
        headers: { host, ...headers },
        agent: false,
        ...(protocol === 'https:' && { rejectUnauthorized: false }),
      },
      resolve,
    );
    asked.once('error', reject);
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    // Node announces no body of a DELETE by itself.
    if (text !== undefined) asked.setHeader('content-length', Buffer.byteLength(text));
    asked.end(text);
  });
  const isJson = answer.headers['content-type']?.startsWith('application/json') === true;
  const [cookie = ''] = (answer.headers['set-cookie']?.[0] ?? '').split(';');
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    cookie,
    body: (isJson ? await json(answer) : { text: await text(answer) }) as RawBody,
  };
}
