// The address of a service: the one that the configuration gives on this device, or one that the command line names.
import type { Config } from '../config/schema.js';
import { AppError } from '../errors.js';

/**
 * @returns the URL of the service with this configuration, without a slash at its end. A service that listens on every address is
 * reached on the loopback address.
 */
export function getLocalServiceUrl({ host, port, tls }: Pick<Config['http'], 'host' | 'port' | 'tls'>): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${tls ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** @param text value of --url @returns the URL without a slash at its end @throws AppError INVALID_PARAM */
export function parseServiceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new AppError(
      'INVALID_PARAM',
      '--url must be the address of a service, such as http://127.0.0.1:8080, without user and password',
    );
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
