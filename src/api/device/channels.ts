// The ways by which a browser may reach the console with a session, and the checks that a request came from the console's own page.
import { clientError } from '../../errors.js';
import { isLoopback } from '../../platform/network.js';
import type { Credentials } from '../core/http-api.js';

/** Cookie over HTTPS. Browsers accept this prefix only from the host itself, with Secure and for the whole host. */
export const SECURE_COOKIE = '__Host-lintel';
/** Cookie over plain HTTP on the loopback address. */
export const LOCAL_COOKIE = 'lintel';

/** Headers by which a reverse proxy says that it passes a request on. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

/** One way by which a session may be used. */
export interface Channel {
  cookieName: typeof SECURE_COOKIE | typeof LOCAL_COOKIE;
  /** Origins of the console's pages on this way. */
  origins: readonly string[];
}

/**
 * Lists the ways by which this request may have come. There is none where the key would have crossed a network unencrypted: over plain HTTP,
 * only a connection from this machine itself counts.
 * @param publicOrigin origin of a reverse proxy on this machine that speaks HTTPS
 */
export function listChannels(credentials: Credentials, publicOrigin: string | undefined): Channel[] {
  const { headers, host = '', isEncrypted, remoteAddress } = credentials;
  const proxied = publicOrigin === undefined ? [] : [publicOrigin];
  if (isEncrypted) return [{ cookieName: SECURE_COOKIE, origins: [...parseOrigin('https', host), ...proxied] }];
  if (!isLoopback(remoteAddress.replace(/^::ffff:/i, ''))) return [];
  const channels: Channel[] = [];
  if (proxied.length > 0) channels.push({ cookieName: SECURE_COOKIE, origins: proxied });
  // A proxy that speaks plain HTTP to the network also connects from this machine: it passes on the name of the network, or says who it is.
  const own = parseOrigin('http', host).filter((origin) => isLocalName(new URL(origin).hostname));
  if (own.length > 0 && !PROXY_HEADERS.some((name) => name in headers)) {
    channels.push({ cookieName: LOCAL_COOKIE, origins: own });
  }
  return channels;
}

/** @throws AppError INSECURE_SIGN_IN: a key would cross the network unencrypted */
export function requireChannels(credentials: Credentials, publicOrigin: string | undefined): Channel[] {
  const channels = listChannels(credentials, publicOrigin);
  if (channels.length === 0) throw clientError('INSECURE_SIGN_IN', INSECURE);
  return channels;
}

/**
 * Chooses the way by which somebody signs in. Browsers name the origin of the page; a request without one is from no browser.
 * @throws AppError INSECURE_SIGN_IN, FOREIGN_ORIGIN
 */
export function requireSignInChannel(credentials: Credentials, publicOrigin: string | undefined): Channel {
  const channels = requireChannels(credentials, publicOrigin);
  const { origin, 'sec-fetch-site': site } = credentials.headers;
  if (origin === undefined && site === undefined) return channels.at(-1) ?? refuseForeign();
  if (site !== undefined && site !== 'same-origin') refuseForeign();
  return channels.find(({ origins }) => origin !== undefined && origins.includes(origin)) ?? refuseForeign();
}

/**
 * Checks that a request with a cookie comes from a page of the console, and from no other site: SameSite of the cookie alone would let pages
 * of other ports and of sibling hosts act.
 * @throws AppError FOREIGN_ORIGIN
 */
export function requireOwnOrigin({ method, headers }: Credentials, { origins }: Channel): void {
  const { origin, 'sec-fetch-site': site } = headers;
  const isReading = method === 'GET';
  // `none`: the user opened the address. No page can make a browser send that.
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && isReading)) refuseForeign();
  // Browsers leave the header out of a GET of the same origin, and out of no other request.
  if (origin === undefined ? !isReading : !origins.includes(origin)) refuseForeign();
}

/** Returns the values of all cookies of this name, in their order. */
export function readCookies(header: string | undefined, name: string): string[] {
  return (header ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at > 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
  });
}

/** Returns the value of Set-Cookie. @param secret id of the session; undefined removes the cookie */
export function encodeCookie({ cookieName }: Pick<Channel, 'cookieName'>, secret: string | undefined): string {
  const flags = cookieName === SECURE_COOKIE ? '; Secure' : '';
  return `${cookieName}=${secret ?? ''}; Path=/; HttpOnly; SameSite=Strict${flags}${secret === undefined ? '; Max-Age=0' : ''}`;
}

const INSECURE =
  'This connection is not encrypted, so a key would cross the network in clear. Set http.tls, or open the console through an SSH tunnel ' +
  '(ssh -L 8080:127.0.0.1:8080 DEVICE), or behind a reverse proxy with HTTPS that console.publicOrigin names.';

function refuseForeign(): never {
  throw clientError(
    'FOREIGN_ORIGIN',
    'A session may be used by the pages of this service alone, not by those of another origin.',
  );
}

/** Returns the origin as browsers write it; nothing for a malformed host. */
function parseOrigin(scheme: 'http' | 'https', host: string): string[] {
  const text = `${scheme}://${host}`;
  if (host === '' || !URL.canParse(text)) return [];
  const { origin, pathname, username, search, hash } = new URL(text);
  return pathname === '/' && username === '' && search === '' && hash === '' ? [origin] : [];
}

/** Tells whether a browser takes this host name for its own machine. */
function isLocalName(hostname: string): boolean {
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  return isLoopback(name) || name.endsWith('.localhost');
}
