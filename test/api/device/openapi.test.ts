// The OpenAPI document of the device API agrees with the code: the same routes, and schemas that fit its requests and answers.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createDeviceDocument } from '../../../src/api/device/openapi.js';
import { DEVICE_ROUTES } from '../../../src/api/device/routes.js';
import { readVersion } from '../../../src/config/paths.js';
import { findEmbedding, seen, startDevice, type Called, type Device } from './harness.js';
import { MODEL } from '../harness.js';

type Json = Record<string, unknown>;
interface Content {
  content: Record<string, { schema: Json }>;
}
interface Operation {
  operationId: string;
  summary: string;
  security: Json[];
  parameters: { name: string; in: 'path' | 'query'; required: boolean; schema: Json }[];
  requestBody?: Content & { required: boolean };
  responses: Record<string, Content & { description: string }>;
}
interface Document {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Record<string, Json> };
}

const OPERATIONS: Record<string, string> = {
  'GET /cameras': 'listCameras',
  'GET /cameras/{cameraId}': 'showCamera',
  'POST /cameras/{cameraId}/pause': 'pauseCamera',
  'POST /cameras/{cameraId}/resume': 'resumeCamera',
  'GET /cameras/{cameraId}/frame': 'showFrame',
  'GET /cameras/{cameraId}/live': 'watchLive',
  'POST /cameras/{cameraId}/enrol': 'enrolFromCamera',
  'GET /groups': 'listGroups',
  'GET /groups/{groupId}/persons': 'listPersons',
  'GET /groups/{groupId}/faces': 'listPersonFaces',
  'GET /groups/{groupId}/closest': 'showClosestPerson',
  'DELETE /groups/{groupId}/persons': 'deletePerson',
  'POST /groups/{groupId}/persons/rename': 'renamePerson',
  'POST /groups/{groupId}/persons/move': 'movePerson',
  'GET /events': 'listEvents',
  'GET /events/stream': 'streamEvents',
  'GET /status/stream': 'streamStatus',
  'GET /configuration': 'showConfiguration',
  'GET /keys': 'listKeys',
  'GET /privacy': 'showPrivacy',
  'PUT /privacy': 'setPrivacy',
  'GET /unknown-faces': 'listUnknownFaces',
  'DELETE /unknown-faces': 'deleteUnknownFaces',
  'GET /unknown-faces/{faceId}': 'showUnknownFace',
  'DELETE /unknown-faces/{faceId}': 'deleteUnknownFace',
  'POST /unknown-faces/{faceId}/enrol': 'enrolUnknownFace',
  'GET /audit': 'listAudit',
  'GET /signing-key': 'showSigningKey',
  'GET /health': 'showHealth',
  'GET /version': 'showVersion',
};

let device: Device;
let document: Document;
let operations: Map<string, Operation>;
beforeAll(async () => {
  device = await startDevice();
  const response = await fetch(`${device.origin}/device/v1/openapi.json`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('application/json');
  document = (await response.json()) as Document;
  operations = new Map(
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
    ),
  );
});
afterAll(() => device.close());

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Read as a client's validator reads it. @param strict whether an object may have nothing that the schema does not name */
function validator(schema: Json, { strict = false } = {}): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: document.components.schemas });
  const close = (_key: string, value: unknown): unknown =>
    strict && isRecord(value) && isRecord(value.properties) ? { ...value, additionalProperties: false } : value;
  return z.fromJSONSchema(JSON.parse(text.replaceAll('"#/components/schemas/', '"#/$defs/'), close) as Json);
}

function operation(id: string): Operation {
  const found = [...operations.values()].find(({ operationId }) => operationId === id);
  if (!found) throw new TypeError(`no operation ${id}`);
  return found;
}

describe('the document', () => {
  test('is OpenAPI 3.1, of this version, served as it is made, to everybody', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info.version).toBe(readVersion());
    expect(document).toEqual(JSON.parse(JSON.stringify(createDeviceDocument(DEVICE_ROUTES, readVersion()))));
  });

  test('has every operation under its name, and no other', () => {
    const named = [...operations].map(([key, { operationId }]) => [key.replace('/device/v1', ''), operationId]);
    expect(Object.fromEntries(named)).toEqual(OPERATIONS);
    const routes = DEVICE_ROUTES.map(({ method, path, name }) => [
      `${method} ${path.replace(/:(\w+)/g, '{$1}')}`,
      name,
    ]);
    expect(Object.fromEntries(routes)).toEqual(OPERATIONS);
    expect(new Set(Object.values(OPERATIONS)).size).toBe(DEVICE_ROUTES.length);
  });

  test('names the parameters of each path, and asks for an admin key but for the signing key', () => {
    for (const [key, { parameters, security, summary, operationId }] of operations) {
      const ofPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(ofPath.map(({ name }) => `{${name}}`)).toEqual(key.match(/\{\w+\}/g) ?? []);
      const required = parameters.filter((parameter) => parameter.in === 'query' && parameter.required);
      // An externalImageId may be `..`, which a URL cannot hold in its path.
      expect(required.filter(({ name }) => name !== 'externalImageId')).toEqual([]);
      expect(security.length).toBe(operationId === 'showSigningKey' ? 0 : 2);
      expect(summary).not.toBe('');
    }
    for (const name of operations.get('GET /device/v1/version')?.security.flatMap((one) => Object.keys(one)) ?? []) {
      expect(document.components.securitySchemes).toHaveProperty(name);
    }
  });

  test('has valid schemas only, none of them empty, and refers to nothing that is not there', () => {
    const schemas = [...operations.values()].flatMap(({ parameters, requestBody, responses }) => [
      ...parameters.map(({ schema }) => schema),
      ...Object.values(requestBody?.content ?? {}).map(({ schema }) => schema),
      ...Object.values(responses).flatMap(({ content }) => Object.values(content).map(({ schema }) => schema)),
    ]);
    schemas.push(...Object.values(document.components.schemas));
    expect(schemas.length).toBeGreaterThan(60);
    for (const schema of schemas) expect(() => validator(schema)).not.toThrow();
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference);
    const known = Object.keys(document.components.schemas).map((id) => `#/components/schemas/${id}`);
    expect(known).toEqual(expect.arrayContaining([...new Set(references)]));
    expect(text).not.toContain('$defs');
    expect([...text.matchAll(/"(\w+)":\{\}/g)].map(([, name]) => name)).toEqual([]);
  });

  test('has the bounds and the defaults', () => {
    const bounds = (id: string, name: string) => operation(id).parameters.find((one) => one.name === name)?.schema;
    expect(bounds('watchLive', 'fps')).toEqual({ type: 'number', minimum: 0.1, maximum: 15, default: 5 });
    expect(bounds('showFrame', 'quality')).toMatchObject({ minimum: 1, maximum: 100, default: 80 });
    expect(bounds('listEvents', 'limit')).toMatchObject({ type: 'integer', minimum: 1, maximum: 1000, default: 100 });
    const body = operation('enrolFromCamera').requestBody?.content['application/json']?.schema;
    expect(body).toMatchObject({
      additionalProperties: false,
      required: ['group', 'externalImageId'],
      properties: { frames: { minimum: 1, maximum: 30, default: 10 }, timeoutMs: { default: 15_000 } },
    });
  });
});

test.each<[string, string, string, unknown]>([
  ['setPrivacy', 'PUT', '/privacy', { on: false }],
  ['setPrivacy', 'PUT', '/privacy', { on: 1 }],
  ['setPrivacy', 'PUT', '/privacy', { on: true, more: 1 }],
  ['enrolFromCamera', 'POST', '/cameras/none/enrol', { group: 'a', externalImageId: 'b' }],
  ['enrolFromCamera', 'POST', '/cameras/none/enrol', { group: 'a', externalImageId: 'b', faces: 2 }],
  ['enrolFromCamera', 'POST', '/cameras/none/enrol', { group: 'a', externalImageId: 'b', frames: 1.5 }],
  ['enrolFromCamera', 'POST', '/cameras/none/enrol', { group: 'a', externalImageId: 'b', more: 1 }],
  ['enrolFromCamera', 'POST', '/cameras/none/enrol', { group: 'a' }],
  ['renamePerson', 'POST', '/groups/door/persons/rename', { externalImageId: 'a', to: 'b' }],
  ['renamePerson', 'POST', '/groups/door/persons/rename', { externalImageId: 'a', to: 'b', merge: 'true' }],
  ['renamePerson', 'POST', '/groups/door/persons/rename', { externalImageId: 'a' }],
  ['renamePerson', 'POST', '/groups/door/persons/rename', { externalImageId: 'a', to: 'b c' }],
  ['movePerson', 'POST', '/groups/door/persons/move', { externalImageId: 'a', group: 'hall', merge: true }],
  ['movePerson', 'POST', '/groups/door/persons/move', { externalImageId: 'a', group: 'Hall' }],
  ['movePerson', 'POST', '/groups/door/persons/move', { externalImageId: 'a', group: 'hall', more: 1 }],
])('%s: %s %s %j is accepted by the code where the document accepts it', async (id, method, path, body) => {
  const schema = operation(id).requestBody?.content['application/json']?.schema ?? {};
  const { status } = await device.call(method, path, body);
  expect(status !== 400).toBe(validator(schema).safeParse(body).success);
});

test('every answer is what the document says, to the field, and so is every refusal', async () => {
  const answers = new Map<string, Called[]>();
  const ask = async (id: string, path: string, body?: unknown): Promise<Called> => {
    const [key] = Object.entries(OPERATIONS).find(([, name]) => name === id) ?? [''];
    const answer = await device.call(key.replace(/ .*/, ''), path, body);
    answers.set(id, [...(answers.get(id) ?? []), answer]);
    return answer;
  };
  const { crop = new Uint8Array() } = seen(1);
  for (const trackId of [1, 2, 3]) {
    const rest = { cameraId: 'front', quality: 0.5, modelVersion: 'test-1', capturedAtMs: Date.now() - 1_000 };
    device.unknownFaces.keep({ ...rest, trackId, crop, embedding: findEmbedding(1) });
  }
  await expect.poll(() => device.unknownFaces.stats().kept).toBe(3);

  device.cameras.show('front', 'x');
  await ask('listCameras', '/cameras');
  await ask('showCamera', '/cameras/yard');
  await ask('showCamera', '/cameras/none');
  const enrolment = ask('enrolFromCamera', '/cameras/front/enrol', { group: 'door', externalImageId: 'a', frames: 1 });
  await expect.poll(() => device.cameras.watchers('front')).toBe(1);
  device.cameras.show('front', 'x', seen(10, { sidePx: 40 }));
  device.cameras.show('front', 'x', seen(10));
  expect((await enrolment).status).toBe(200);
  const again = ask('enrolFromCamera', '/cameras/front/enrol', { group: 'door', externalImageId: 'b', frames: 1 });
  await expect.poll(() => device.cameras.watchers('front')).toBe(1);
  device.cameras.show('front', 'x', seen(10));
  expect((await again).body.error.enrolledAs).toBeDefined();
  await ask('enrolFromCamera', '/cameras/front/enrol', { group: 'none', externalImageId: 'b' });
  await ask('showFrame', '/cameras/front/frame');
  await ask('showFrame', '/cameras/yard/frame');
  await ask('watchLive', '/cameras/yard/live');
  await ask('pauseCamera', '/cameras/front/pause');
  await ask('resumeCamera', '/cameras/front/resume');
  await ask('listEvents', '/events');
  await ask('listEvents', '/events?limit=0');
  const { body: listed } = await ask('listUnknownFaces', '/unknown-faces?limit=1');
  const { id } = listed.faces[0]!;
  await ask('showUnknownFace', `/unknown-faces/${id}`);
  await ask('deleteUnknownFace', `/unknown-faces/${id}`);
  await ask('deleteUnknownFace', `/unknown-faces/${id}`);
  const { body: left } = await ask('listUnknownFaces', '/unknown-faces');
  await ask('enrolUnknownFace', `/unknown-faces/${left.faces[0]!.id}/enrol`, {
    group: 'door',
    externalImageId: 'b',
  });
  await ask('enrolUnknownFace', `/unknown-faces/${left.faces[0]!.id}/enrol`, {
    group: 'door',
    externalImageId: 'a',
  });
  await ask('enrolUnknownFace', `/unknown-faces/${left.faces[0]!.id}/enrol`, {
    group: 'door',
    externalImageId: 'a',
  });
  await device.gallery.createGroup({ owner: device.owner, groupId: 'hall' }, MODEL);
  await ask('listGroups', '/groups?limit=1');
  await ask('listGroups', '/groups?appKey=none');
  await ask('listPersons', '/groups/door/persons?limit=1');
  await ask('listPersons', '/groups/none/persons');
  await ask('listPersonFaces', '/groups/door/faces?externalImageId=a');
  await ask('listPersonFaces', '/groups/door/faces?externalImageId=nobody');
  await ask('showClosestPerson', '/groups/door/closest?externalImageId=a');
  await ask('renamePerson', '/groups/door/persons/rename', { externalImageId: 'a', to: 'c' });
  await ask('renamePerson', '/groups/door/persons/rename', { externalImageId: 'a', to: 'c' });
  await ask('movePerson', '/groups/door/persons/move', { externalImageId: 'c', group: 'hall' });
  await ask('showClosestPerson', '/groups/hall/closest?externalImageId=c');
  await ask('deletePerson', '/groups/hall/persons?externalImageId=c');
  await ask('deletePerson', '/groups/hall/persons');
  await ask('deleteUnknownFaces', '/unknown-faces');
  await ask('setPrivacy', '/privacy', { on: true });
  await ask('showFrame', '/cameras/front/frame');
  await ask('showPrivacy', '/privacy');
  await ask('listAudit', '/audit?limit=2');
  await ask('streamEvents', '/events/stream?after=x');
  await ask('streamStatus', '/status/stream?everyMs=1');
  await ask('showConfiguration', '/configuration');
  await ask('listKeys', '/keys');
  await ask('showSigningKey', '/signing-key');
  await ask('showHealth', '/health');
  await ask('showVersion', '/version');

  expect([...answers.keys()].sort()).toEqual(Object.values(OPERATIONS).sort());
  for (const [id, given] of answers) {
    for (const { status, headers, body } of given) {
      const content = operation(id).responses[status]?.content ?? {};
      const type = headers.get('content-type')?.split(';')[0] ?? '';
      expect([id, status, Object.keys(content)]).toEqual([id, status, expect.arrayContaining([type])]);
      if (type !== 'application/json') continue;
      const schema = validator(content[type]?.schema ?? {}, { strict: true });
      expect([id, status, schema.safeParse(body).error?.issues]).toEqual([id, status, undefined]);
      expect([id, status, schema.safeParse({ ...body, more: 1 }).success]).toEqual([id, status, false]);
    }
  }
});
