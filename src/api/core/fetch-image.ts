// Fetches the picture of an `image.url`, without giving clients access to the local network.
import { isUtf8 } from 'node:buffer';
import { lookup as lookupAll } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { AppError, clientError } from '../../errors.js';
import { AddressGuard } from './address-guard.js';
import { createTooLargeError } from './base64.js';
import type { Reservation } from './byte-budget.js';
import { GrowingBuffer } from './growing-buffer.js';

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);
/** Pictures that are fetched at the same time. */
export const MAX_FETCHES = 32;

const UNKNOWN_HOST = 'The host of the url is unknown.';
/** Kinds of failures by the pattern of the error's code; the first that fits counts. */
const FAILURES: readonly [RegExp, string][] = [
  [/^(ENOTFOUND|ENODATA)$/, UNKNOWN_HOST],
  [/^(EAI_|EBADNAME$|ESERVFAIL$|EREFUSED$)/, 'The host of the url could not be looked up.'],
  [/^ECONNREFUSED$/, 'The host of the url refused the connection.'],
  [/^(ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE)$/, 'The host of the url closed the connection too early.'],
  [/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL)$/, 'The host of the url cannot be reached.'],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    'The TLS certificate of the host of the url has expired, or is not valid yet.',
  ],
  [/^ERR_TLS_CERT_ALTNAME/, 'The TLS certificate of the host of the url belongs to another host.'],
  [
    /^(?!ERR_SSL_).*(CERT|ISSUER|SIGNATURE|CRL)/,
    'The TLS certificate of the host of the url is not valid or not trusted.',
  ],
  [/^(ERR_SSL_|ERR_TLS_|EPROTO$)/, 'The TLS connection to the host of the url failed.'],
  [/^HPE_/, 'The url was not answered in valid HTTP.'],
];

export interface Address {
  address: string;
  family: number;
}

/** Returns all addresses of a host name; rejects for a name without any. */
export type Resolver = (hostname: string) => Promise<Address[]>;

export interface ImageFetcherOptions {
  maxBytes: number;
  /** Time limit for name resolution, connecting, redirects and reading together. */
  timeoutMs: number;
  /** CIDRs that may be fetched from although they are not public. */
  allowNetworks: readonly string[];
  /** Highest number of fetches at the same time. A further fetch is refused with SERVER_BUSY. */
  maxConcurrent?: number;
  resolve?: Resolver | undefined;
}

type Holder = Pick<Reservation, 'hold'>;

const UNCOUNTED: Holder = { hold: () => undefined };

export class ImageFetcher {
  readonly #options: ImageFetcherOptions;
  readonly #guard: AddressGuard;
  readonly #resolve: Resolver;
  #running = 0;

  constructor(options: ImageFetcherOptions) {
    this.#options = options;
    this.#guard = new AddressGuard(options.allowNetworks);
    this.#resolve = options.resolve ?? ((hostname) => lookupAll(hostname, { all: true }));
  }

  /**
   * @param cancelled closes the connection when it is aborted
   * @param reservation holds the bytes of the picture; without one they are bounded by the options alone
   * @throws AppError INVALID_IMAGE_URL, IMAGE_TIMEOUT, IMAGE_TOO_LARGE, SERVER_BUSY; the reason of `cancelled`
   */
  async fetch(url: string, cancelled?: AbortSignal, reservation: Holder = UNCOUNTED): Promise<Buffer> {
    const { maxConcurrent = MAX_FETCHES, timeoutMs } = this.#options;
    if (this.#running >= maxConcurrent) throw clientError('SERVER_BUSY', 'Too many pictures are being fetched.');
    this.#running++;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      const signals = cancelled ? [deadline.signal, cancelled] : [deadline.signal];
      return await this.#follow(url, AbortSignal.any(signals), reservation);
    } catch (error) {
      cancelled?.throwIfAborted();
      if (error instanceof AppError) throw error;
      if (deadline.signal.aborted) {
        throw clientError('IMAGE_TIMEOUT', `The url did not deliver the picture within ${timeoutMs} ms.`);
      }
      throw clientError('INVALID_IMAGE_URL', describeFailure(error), error);
    } finally {
      clearTimeout(timer);
      this.#running--;
    }
  }

  async #follow(text: string, signal: AbortSignal, reservation: Holder): Promise<Buffer> {
    let url = parseUrl(text);
    const visited = new Set<string>();
    for (let redirects = 0; ; redirects++) {
      const response = await this.#get(url, signal);
      try {
        if (!REDIRECTS.has(response.statusCode)) return await this.#read(response, reservation);
        const { location } = response.headers;
        if (location === undefined) throw refuseUrl('The url redirects, but the answer has no Location header.');
        visited.add(url.href);
        url = parseUrl(decodeLocation(location), url);
        if (redirects < MAX_REDIRECTS) continue;
        if (visited.has(url.href)) throw refuseUrl('The url redirects in a loop.');
        throw refuseUrl(`The url redirects more than ${MAX_REDIRECTS} times.`);
      } finally {
        response.destroy();
      }
    }
  }

  /** Connects only to an address that was checked: the name is resolved once, here, and never again. */
  async #get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const family = isIP(hostname);
    const resolved = family ? [{ address: hostname, family }] : await raceAbort(this.#resolve(hostname), signal);
    if (resolved.length === 0) throw refuseUrl(UNKNOWN_HOST);
    const addresses = resolved.filter(({ address }) => this.#guard.admits(address));
    const [first] = addresses;
    if (first === undefined) throw refuseUrl('The url leads to an address that is private or not allowed.');
    const lookup: LookupFunction = (_hostname, options, callback) => {
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    };
    const options: RequestOptions = {
      agent: false,
      lookup,
      signal,
      headers: { accept: 'image/jpeg, image/png', 'accept-encoding': 'identity', 'user-agent': 'lintel' },
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, resolve);
      request.on('error', reject).end();
    });
  }

  async #read(response: IncomingMessage, reservation: Holder): Promise<Buffer> {
    const { maxBytes } = this.#options;
    if (response.statusCode !== 200) {
      throw refuseUrl(`The url was answered with status ${response.statusCode}; it must be 200.`);
    }
    if (/^multipart\/x-mixed-replace/i.test(response.headers['content-type'] ?? '')) {
      throw refuseUrl('The url is a stream of pictures (MJPEG); it must be a single picture.');
    }
    const encoding = response.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') {
      throw refuseUrl('The url was answered with a compressed body (Content-Encoding); it must be the file itself.');
    }
    const header = response.headers['content-length'];
    const announcedBytes = header === undefined ? undefined : Number(header);
    if (announcedBytes !== undefined && announcedBytes > maxBytes) throw createTooLargeError(maxBytes);
    const picture = new GrowingBuffer({ maxBytes, announcedBytes, reservation });
    for await (const chunk of response as AsyncIterable<Buffer>) {
      const problem = picture.append(chunk);
      if (problem === 'too-long') throw createTooLargeError(maxBytes);
      if (problem === 'too-many-pieces') throw refuseUrl('The url was answered in too many small chunks.');
    }
    return picture.take();
  }
}

/** Returns the kind of a failed fetch as a sentence. It names no address: the caller may be outside of the network. */
function describeFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return FAILURES.find(([pattern]) => pattern.test(code))?.[1] ?? 'The url could not be fetched.';
}

/**
 * Returns a Location header as a URL. Node reads the bytes of a header as Latin-1, but servers write them as UTF-8. Bytes of any other
 * encoding are percent-encoded, so that the server gets back what it sent.
 */
function decodeLocation(header: string): string {
  const bytes = Buffer.from(header, 'latin1');
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return header.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** @param base address that redirects to this one @throws AppError INVALID_IMAGE_URL */
function parseUrl(text: string, base?: URL): URL {
  const subject = base ? 'The address that the url redirects to' : 'The url';
  if (!URL.canParse(text, base?.href)) throw refuseUrl(`${subject} is malformed.`);
  const url = new URL(text, base);
  if (url.protocol === 'data:') throw refuseUrl(`${subject} is a data: URL; send the base64 in it in the field bytes.`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refuseUrl(`${subject} must be http or https.`);
  if (url.username || url.password) throw refuseUrl(`${subject} must not contain a user or a password.`);
  const port = Number(url.port);
  const portAllowed = url.port === '' || port === 80 || port === 443 || (port >= 10_000 && port <= 12_000);
  if (!portAllowed) throw refuseUrl(`${subject} must have the port 80, 443 or 10000 to 12000.`);
  return url;
}

function refuseUrl(detail: string): AppError {
  return clientError('INVALID_IMAGE_URL', detail);
}

/** Waits for a promise until the signal is aborted: name resolution itself cannot be cancelled. */
async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}
