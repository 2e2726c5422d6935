// Fetches the picture of an `image.url`, without giving clients access to the local network.
import { lookup as lookupAll } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { AppError, clientError } from '../../errors.js';
import { AddressGuard } from './address-guard.js';
import { createTooLargeError } from './image-input.js';

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);
const MAX_CONCURRENT = 32;

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
   * @throws AppError INVALID_IMAGE_URL, IMAGE_TIMEOUT, IMAGE_TOO_LARGE, SERVER_BUSY; the reason of `cancelled`
   */
  async fetch(url: string, cancelled?: AbortSignal): Promise<Buffer> {
    const { maxConcurrent = MAX_CONCURRENT, timeoutMs } = this.#options;
    if (this.#running >= maxConcurrent) throw clientError('SERVER_BUSY', 'Too many pictures are being fetched.');
    this.#running++;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      const signals = cancelled ? [deadline.signal, cancelled] : [deadline.signal];
      return await this.#follow(url, AbortSignal.any(signals));
    } catch (error) {
      cancelled?.throwIfAborted();
      if (error instanceof AppError) throw error;
      if (deadline.signal.aborted) {
        throw clientError('IMAGE_TIMEOUT', `The url did not deliver the picture within ${timeoutMs} ms.`);
      }
      throw clientError('INVALID_IMAGE_URL', 'The url could not be fetched.', error);
    } finally {
      clearTimeout(timer);
      this.#running--;
    }
  }

  async #follow(text: string, signal: AbortSignal): Promise<Buffer> {
    let url = parseUrl(text);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#get(url, signal);
      try {
        if (!REDIRECTS.has(response.statusCode)) return await this.#read(response);
        const { location } = response.headers;
        if (location === undefined) throw refuseUrl('The url redirects, but the answer has no Location header.');
        if (redirects === MAX_REDIRECTS) throw refuseUrl(`The url redirects more than ${MAX_REDIRECTS} times.`);
        url = parseUrl(location, url);
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
    const addresses = resolved.filter(({ address }) => this.#guard.admits(address));
    const [first] = addresses;
    if (first === undefined) throw refuseUrl('The url leads to an address that is not allowed.');
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

  async #read(response: IncomingMessage): Promise<Buffer> {
    const { maxBytes } = this.#options;
    if (response.statusCode !== 200) throw refuseUrl('The url was not answered with status 200.');
    const encoding = response.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') throw refuseUrl('The url was answered with a compressed body.');
    if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw createTooLargeError(maxBytes);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw createTooLargeError(maxBytes);
      chunks.push(chunk);
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    let offset = 0;
    for (const chunk of chunks) offset += chunk.copy(bytes, offset);
    return bytes;
  }
}

/** @throws AppError INVALID_IMAGE_URL */
function parseUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw refuseUrl('The url is malformed.');
  const url = new URL(text, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refuseUrl('The url must be http or https.');
  if (url.username || url.password) throw refuseUrl('The url must not contain a user or a password.');
  const port = Number(url.port);
  const portAllowed = url.port === '' || port === 80 || port === 443 || (port >= 10_000 && port <= 12_000);
  if (!portAllowed) throw refuseUrl('The port of the url must be 80, 443 or 10000 to 12000.');
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
