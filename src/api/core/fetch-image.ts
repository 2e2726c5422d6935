// Fetches the picture of an image.url without becoming a door into the local network.
import { lookup as lookupAll } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { AppError, clientError } from '../../errors.js';
import { AddressGuard } from './address-guard.js';
import { tooLarge } from './image-input.js';

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);

export interface Address {
  address: string;
  family: number;
}

/** All addresses of a host name. Rejects where it has none. */
export type Resolver = (hostname: string) => Promise<Address[]>;

export interface ImageFetcherOptions {
  maxBytes: number;
  /** For name resolution, connecting, redirects and reading together. */
  timeoutMs: number;
  /** CIDRs that may be fetched from although they are not public. */
  allowNetworks: readonly string[];
  /** Fetches at a time; one more is SERVER_BUSY. */
  maxConcurrent?: number;
  resolve?: Resolver;
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

  /** @throws AppError INVALID_IMAGE_URL, IMAGE_TIMEOUT, IMAGE_TOO_LARGE, SERVER_BUSY */
  async fetch(url: string): Promise<Buffer> {
    if (this.#running >= (this.#options.maxConcurrent ?? 32)) {
      throw clientError('SERVER_BUSY', 'Too many pictures are being fetched.');
    }
    this.#running++;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#options.timeoutMs);
    try {
      return await this.#follow(url, deadline.signal);
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (deadline.signal.aborted) {
        throw clientError('IMAGE_TIMEOUT', `The url did not deliver within ${this.#options.timeoutMs} ms.`);
      }
      throw clientError('INVALID_IMAGE_URL', 'The url could not be fetched.', error);
    } finally {
      clearTimeout(timer);
      this.#running--;
    }
  }

  async #follow(text: string, signal: AbortSignal): Promise<Buffer> {
    let url = checkedUrl(text);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#get(url, signal);
      try {
        if (!REDIRECTS.has(response.statusCode)) return await this.#read(response);
        if (redirects === MAX_REDIRECTS) throw refused(`The url redirects more than ${MAX_REDIRECTS} times.`);
        url = checkedUrl(response.headers.location ?? '', url);
      } finally {
        response.destroy();
      }
    }
  }

  /** Connects only to an address that was checked: the name is resolved once, here, and never again. */
  async #get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const family = isIP(hostname);
    const resolved = family ? [{ address: hostname, family }] : await abortable(this.#resolve(hostname), signal);
    const addresses = resolved.filter(({ address }) => this.#guard.admits(address));
    if (addresses.length === 0) throw refused('The url leads to an address that is not allowed.');
    const lookup: LookupFunction = (_hostname, options, callback) => {
      if (options.all) callback(null, addresses);
      else callback(null, addresses[0].address, addresses[0].family);
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
    if (response.statusCode !== 200) throw refused('The url was not answered with status 200.');
    const encoding = response.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') throw refused('The url was answered with a compressed body.');
    if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    let offset = 0;
    for (const chunk of chunks) offset += chunk.copy(bytes, offset);
    return bytes;
  }
}

/** @throws AppError INVALID_IMAGE_URL */
function checkedUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw refused('The url is malformed.');
  const url = new URL(text, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused('The url must be http or https.');
  if (url.username || url.password) throw refused('The url must not contain a user or a password.');
  const port = Number(url.port);
  const portAllowed = url.port === '' || port === 80 || port === 443 || (port >= 10_000 && port <= 12_000);
  if (!portAllowed) throw refused('The port of the url must be 80, 443 or 10000 to 12000.');
  return url;
}

function refused(detail: string): AppError {
  return clientError('INVALID_IMAGE_URL', detail);
}

/** Name resolution cannot be cancelled; the wait for it can. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
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
