// OpenAPI document of the device API.
import { Components, createDocument, type DocumentedOperation } from '../core/openapi.js';
import type { ErrorCode } from '../../errors.js';
import { ADMIN_KEY_HEADER } from './admin-auth.js';
import { errorAnswer, statusMessage } from './answers.js';
import { SECURE_COOKIE } from './channels.js';
import { progressLine } from './enrol-answers.js';
import { DEVICE_BASE, type DeviceRoute } from './route.js';
import { STATUSES } from './statuses.js';

export const DOCUMENT_PATH = '/openapi.json';
/** Errors of every route. */
const ALWAYS: readonly ErrorCode[] = ['INVALID_PARAM'];
/** Errors of every route that may have a body. */
const WITH_BODY: readonly ErrorCode[] = ['UNSUPPORTED_ENCODING'];
/** Errors of every route that asks for a key. */
const AUTHENTICATED: readonly ErrorCode[] = [
  'UNAUTHORIZED_ADMIN_KEY',
  'SESSION_ENDED',
  'ROLE_TOO_LOW',
  'FOREIGN_ORIGIN',
  'TOO_MANY_ATTEMPTS',
];

/** @param version version of this installation @returns a JSON value */
export function createDeviceDocument(routes: readonly DeviceRoute[], version: string): object {
  const components = new Components();
  const head = {
    title: 'Lintel: the device',
    version,
    description:
      'The device beside the door: its cameras, enrolment in front of them, its events, its privacy switch. It asks for an admin key ' +
      '(`lintel keys add NAME --admin`), whose role allows the operation: viewer, operator or admin (`x-lintel-role`). Send the key over TLS only, unless the network is your own: see http.tls of the configuration.',
    securitySchemes: {
      adminKey: { type: 'http', scheme: 'bearer', description: 'An admin key.' },
      adminKeyHeader: {
        type: 'apiKey',
        in: 'header',
        name: ADMIN_KEY_HEADER,
        description: 'The same, without Bearer.',
      },
      session: {
        type: 'apiKey',
        in: 'cookie',
        name: SECURE_COOKIE,
        description: 'A session of the console: see POST /device/v1/session.',
      },
    },
  };
  const operations = routes.map((route) => describeRoute(route, components));
  const document = createDocument(head, operations, components);
  // No response refers to these schemas, because a stream answers with many of them: they are added here.
  components.describe(progressLine.array());
  components.describe(statusMessage.array());
  return document;
}

function describeRoute(route: DeviceRoute, components: Components): DocumentedOperation {
  const { name, summary, data, media = [], statuses = [], role } = route;
  return {
    route: { ...route, description: describeOperation(route) },
    pattern: DEVICE_BASE + route.path,
    operationId: name,
    ...(role !== 'none' && { extensions: { 'x-lintel-role': role } }),
    security: role === 'none' ? [] : [{ adminKey: [] }, { adminKeyHeader: [] }, { session: [] }],
    responses: () => {
      const json = data === undefined ? {} : { 'application/json': { schema: components.describe(data) } };
      const others = Object.fromEntries(media.map((type) => [type, { schema: describeMedium(type) }]));
      return {
        200: { description: summary, content: { ...json, ...others } },
        ...Object.fromEntries(statuses.map((status) => [status, { description: summary, content: json }])),
        ...describeRefusals(listRefusals(route), components),
      };
    },
  };
}

/** Returns the description of a route, with the role that it needs. */
function describeOperation({ description, role }: DeviceRoute): string {
  const access =
    role === 'none' ? 'It asks for no key.' : `It needs the role ${role}${role === 'admin' ? '' : ' or a higher one'}.`;
  return description === undefined ? access : `${description} ${access}`;
}

function listRefusals({ method, role, refusals = [] }: DeviceRoute): ErrorCode[] {
  return [...ALWAYS, ...(method === 'GET' ? [] : WITH_BODY), ...(role === 'none' ? [] : AUTHENTICATED), ...refusals];
}

function describeMedium(type: string): object {
  return type.startsWith('image/') ? { type: 'string', format: 'binary' } : { type: 'string' };
}

/** Returns one response for each status, with the error codes that have it. */
function describeRefusals(codes: readonly ErrorCode[], components: Components): Record<number, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = STATUSES[code]?.status;
    if (status === undefined) throw new TypeError(`${code} has no status`);
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schema = components.describe(errorAnswer);
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => [
      status,
      { description: sharing.join(', '), content: { 'application/json': { schema } } },
    ]),
  );
}
