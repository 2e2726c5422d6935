// Assembly of the NHN API: its routes, its keys and its pages, from the parts of the service.
import { readVersion } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { Log } from '../../domain/log.js';
import { clientError } from '../../errors.js';
import type { RegisteredKey, SecretKeyAuthority } from '../../keys/key-registry.js';
import { ImageFetcher, type Resolver } from '../core/fetch-image.js';
import { HttpApi, type Credentials, type Endpoint, type RequestObserver } from '../core/http-api.js';
import { createOversizeImages, ImageLoader } from '../core/image-input.js';
import type { RequestLimits } from '../core/request-limits.js';
import type { MountedApi, ServicePage } from '../core/server.js';
import { DIALECTS } from './dialects.js';
import { envelopeEncoder, type Reply } from './envelope.js';
import { createNhnDocument } from './openapi.js';
import type { Dialect } from './route.js';
import type { Services } from './services.js';

/** Longest part of a body that is not a picture. */
const MAX_FIELDS_BYTES = 65_536;

export interface NhnApiParts extends Omit<Services, 'images'> {
  config: Pick<Config, 'images'> & { http: Pick<Config['http'], 'maxImageBytes'> };
  appKeys: SecretKeyAuthority;
  requestLimits: RequestLimits;
  log: Log;
  observer?: RequestObserver | undefined;
  /** Name resolution for the URLs of pictures; the system's by default. */
  resolve?: Resolver | undefined;
  /** Monotonic clock, in milliseconds from any origin. */
  monotonicMs?: (() => number) | undefined;
}

export function createNhnApi(parts: NhnApiParts): MountedApi {
  const { config, requestLimits, log, observer, monotonicMs, resolve } = parts;
  const { maxImageBytes } = config.http;
  const fetcher = new ImageFetcher({ maxBytes: maxImageBytes, ...config.images, resolve });
  const api = new HttpApi({
    endpoints: DIALECTS.flatMap((dialect) => listEndpoints(dialect, parts, fetcher)),
    encoder: envelopeEncoder,
    input: { isStrict: false, maxFieldsBytes: MAX_FIELDS_BYTES, maxImageBytes },
    limits: requestLimits,
    log,
    observer,
    monotonicMs,
  });
  return { middleware: () => api.middleware(), pages: [createDocumentPage()] };
}

function listEndpoints(dialect: Dialect, parts: NhnApiParts, fetcher: ImageFetcher): Endpoint<Reply>[] {
  const { maxImageBytes } = parts.config.http;
  const oversizeServices: Services = { ...parts, images: createOversizeImages(maxImageBytes) };
  return dialect.routes.map((route) => ({
    pattern: dialect.base + route.path,
    route,
    authenticate: (credentials) => {
      const { id: owner, name } = authenticate(parts.appKeys, dialect, credentials);
      const actor = `app:${name}`;
      return (request) => {
        const { gone, isTooLong, reservation } = request;
        const fetch = (url: string, cancelled?: AbortSignal) => fetcher.fetch(url, cancelled, reservation);
        const images = new ImageLoader({ maxImageBytes, fetcher: { fetch } });
        const services = { ...(isTooLong ? oversizeServices : { ...parts, images }), gone };
        return route.handle(services, { ...request, owner, actor });
      };
    },
  }));
}

/**
 * Checks the appKey, and its secretKey if the dialect asks for it.
 * @throws AppError UNAUTHORIZED_APP_KEY, UNAUTHORIZED_APP_KEY_OR_SECRET_KEY
 */
function authenticate(appKeys: SecretKeyAuthority, dialect: Dialect, { params, headers }: Credentials): RegisteredKey {
  const appKey = params.appKey ?? '';
  if (dialect.asksForSecretKey) {
    const caller = appKeys.authenticateWithSecret(appKey, headers.authorization ?? '');
    if (caller) return caller;
    const detail = 'The appKey is unknown or revoked, or the Authorization header does not hold its secretKey.';
    throw clientError('UNAUTHORIZED_APP_KEY_OR_SECRET_KEY', detail);
  }
  const caller = appKeys.authenticate(appKey);
  if (!caller) throw clientError('UNAUTHORIZED_APP_KEY', 'The appKey is unknown or revoked.');
  return caller;
}

/** Creates the page of the OpenAPI document. The document is made at the first request, so that the start does not wait for it. */
function createDocumentPage(): ServicePage {
  // Bytes, not a text: all answers on their way share them.
  let body: Buffer | undefined;
  return {
    path: '/openapi.json',
    handler: async () => {
      body ??= Buffer.from(`${JSON.stringify(createNhnDocument(DIALECTS, readVersion()), null, 2)}\n`);
      return { status: 200, contentType: 'application/json', body };
    },
  };
}
