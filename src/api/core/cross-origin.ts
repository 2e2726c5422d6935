// Cross-origin requests (CORS): the headers that let web pages of configured origins read answers, and the answers to preflights.
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Methods and request headers of all APIs. A page may use no others. */
const METHODS = 'GET, POST, PUT, DELETE';
const REQUEST_HEADERS = 'Authorization, Content-Type, Content-Encoding, X-Lintel-Admin-Key, X-NHN-ApiKey';
/** Headers of answers that a page may read, beside those that browsers always show. */
const SHOWN_HEADERS = 'Retry-After, X-Request-Id';
/** Time for which a browser may keep the answer to a preflight. */
const MAX_AGE_S = '600';

/**
 * The web origins whose pages may read answers. Cookies and other credentials of the browser are never allowed: a page must have the key
 * of a request itself.
 */
export class AllowedOrigins {
  readonly #origins: ReadonlySet<string>;
  readonly #allowsAll: boolean;

  /** @param origins as browsers send them, such as `https://console.example.org`; `*` stands for every origin */
  constructor(origins: readonly string[]) {
    this.#allowsAll = origins.includes('*');
    this.#origins = new Set(origins);
  }

  /**
   * Sets the headers for the origin of a request, before anything else of its answer is written: errors carry them as well.
   * @returns true where the request is a preflight of an allowed origin; it is answered then, at every path and without a key
   */
  handle({ method, headers }: IncomingMessage, response: ServerResponse): boolean {
    if (this.#origins.size === 0) return false;
    // Caches must not give the answer for one origin to another one.
    if (!this.#allowsAll) response.setHeader('vary', 'Origin');
    const { origin } = headers;
    if (origin === undefined || !(this.#allowsAll || this.#origins.has(origin))) return false;
    response.setHeader('access-control-allow-origin', this.#allowsAll ? '*' : origin);
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) {
      response.setHeader('access-control-expose-headers', SHOWN_HEADERS);
      return false;
    }
    response.setHeader('access-control-allow-methods', METHODS);
    response.setHeader('access-control-allow-headers', REQUEST_HEADERS);
    response.setHeader('access-control-max-age', MAX_AGE_S);
    // Some browsers ask before a page of the internet may reach a private address. `*` is no decision about this device.
    if (headers['access-control-request-private-network'] === 'true' && !this.#allowsAll) {
      response.setHeader('access-control-allow-private-network', 'true');
    }
    response.writeHead(204).end();
    return true;
  }
}
