// Requests to the device API of the service that handed the page out, with the cookie of the session.
import { online, session, signOutReason } from '../state.js';
import { takeActivity } from './activity.js';

/** The API relative to the page, so that a reverse proxy may put both below another path. */
const BASE = '../device/v1';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** An answer that is no success. `status` is 0 where the service could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** Reason of a refused enrolment. */
  readonly reason: string | undefined;
  /** All fields of the error. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(status: number, { code, message, ...details }: { code: string; message: string; reason?: string }) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.reason = details.reason;
    this.details = details;
  }
}

/** Makes the address of a route. @param path below the device API, such as `cameras/entrance/frame` */
export function makeUrl(path: string, query: Query = {}): string {
  const given = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
  const search = new URLSearchParams(given).toString();
  return `${BASE}/${path.replace(/^\//, '')}${search === '' ? '' : `?${search}`}`;
}

/** Reads a JSON answer. @throws ApiError */
export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return readJson<T>(await request('GET', makeUrl(path, query), { signal }));
}

/** Sends a change with a JSON body. @returns the JSON answer @throws ApiError */
export async function send<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
  query: Query = {},
): Promise<T> {
  return readJson<T>(await request(method, makeUrl(path, query), body === undefined ? {} : { json: body }));
}

interface RequestParts {
  json?: object;
  /** Bytes or a form, in place of JSON. */
  body?: BodyInit;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
}

/** Sends a request. @returns the answer of a success @throws ApiError; AbortError when the signal is aborted */
export async function request(method: string, url: string, parts: RequestParts = {}): Promise<Response> {
  const { json, body = json && JSON.stringify(json), headers, signal = null } = parts;
  const type = json ? { 'content-type': 'application/json' } : {};
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      ...(body !== undefined && { body }),
      headers: { ...type, ...takeActivity(), ...headers },
      signal,
      credentials: 'same-origin',
      redirect: 'error',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    online.value = false;
    throw new ApiError(0, { code: 'OFFLINE', message: '' });
  }
  online.value = true;
  if (response.ok) return response;
  const error = await readError(response);
  if (response.status === 401) endSession();
  throw error;
}

/** Shows the sign-in page: the session is over. */
export function endSession(): void {
  if (session.peek()) signOutReason.value = 'ended';
  session.value = null;
}

async function readJson<T>(response: Response): Promise<T> {
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function readError(response: Response): Promise<ApiError> {
  const fallback = { code: `HTTP_${response.status}`, message: response.statusText };
  try {
    const { error } = (await response.json()) as { error?: { code: string; message: string } };
    return new ApiError(response.status, error ?? fallback);
  } catch {
    return new ApiError(response.status, fallback);
  }
}
