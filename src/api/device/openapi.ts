// The OpenAPI 3.1 document of the device API, made of the schemas that its routes validate with and answer by.
import { Components, documentPath, queryParameters } from '../nhn/openapi.js';
import type { ErrorCode } from '../../errors.js';
import { ADMIN_KEY_HEADER } from './admin-auth.js';
import { errorAnswer, progressLine } from './answers.js';
import { DEVICE_BASE, type DeviceRoute } from './route.js';
import { STATUSES } from './statuses.js';

export const DOCUMENT_PATH = '/openapi.json';
/** Of every route; an open one knows no key. */
const ALWAYS: readonly ErrorCode[] = ['INVALID_PARAM'];
const AUTHENTICATED: readonly ErrorCode[] = ['UNAUTHORIZED_ADMIN_KEY', 'TOO_MANY_ATTEMPTS'];

/** @param version of this installation @returns a JSON value */
export function deviceDocument(routes: readonly DeviceRoute[], version: string): object {
  const components = new Components();
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = documentPath(DEVICE_BASE + route.path);
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route, path, components);
  }
  // Referred to by no response: an answer is a line of it, many times.
  components.schemaOf(progressLine.array());
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lintel: the device',
      version,
      description:
        'The device beside the door: its cameras, enrolment before them, its events, its privacy switch. An admin key opens it ' +
        '(`lintel keys add NAME --admin`); give it over TLS alone where the network is not yours: see http.tls of the configuration.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: {
        adminKey: { type: 'http', scheme: 'bearer', description: 'An admin key.' },
        adminKeyHeader: {
          type: 'apiKey',
          in: 'header',
          name: ADMIN_KEY_HEADER,
          description: 'The same, without Bearer.',
        },
      },
    },
  };
}

function operation(route: DeviceRoute, path: string, components: Components): object {
  const { name, summary, description, query, body, data, media = [], statuses = [], open, refusals = [] } = route;
  const ofPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({
    name: parameter,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const json = data === undefined ? {} : { 'application/json': { schema: components.schemaOf(data) } };
  const others = Object.fromEntries(media.map((type) => [type, { schema: schemaOfMedium(type) }]));
  return {
    operationId: name,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(open ? { security: [] } : { security: [{ adminKey: [] }, { adminKeyHeader: [] }] }),
    parameters: [...ofPath, ...(query === undefined ? [] : queryParameters(query, components))],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: components.schemaOf(body) } } } }),
    responses: {
      200: { description: summary, content: { ...json, ...others } },
      ...Object.fromEntries(statuses.map((status) => [status, { description: summary, content: json }])),
      ...refusalsOf([...ALWAYS, ...(open ? [] : AUTHENTICATED), ...refusals], components),
    },
  };
}

function schemaOfMedium(type: string): object {
  return type.startsWith('image/') ? { type: 'string', format: 'binary' } : { type: 'string' };
}

/** One response for each status, with the codes that have it. */
function refusalsOf(codes: readonly ErrorCode[], components: Components): Record<number, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = STATUSES[code]?.status;
    if (status === undefined) throw new TypeError(`${code} has no status`);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schema = components.schemaOf(errorAnswer);
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      { description: of.join(', '), content: { 'application/json': { schema } } },
    ]),
  );
}
