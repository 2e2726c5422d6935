// The OpenAPI document of the device API agrees with the code: the same routes, and schemas that fit its requests and answers.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { hashEvent } from '../../../src/events/event-chain.js';
import { makeGrounds } from '../../../src/events/grounds.js';
import { EventSigner } from '../../../src/events/signing.js';
import { aGroundsDraft, anEvent, SIGNING_KEY } from '../../events/support.js';
import { createDeviceDocument } from '../../../src/api/device/openapi.js';
import { DEVICE_ROUTES } from '../../../src/api/device/routes.js';
import { readVersion } from '../../../src/config/paths.js';
import { findEmbedding, SEEN, seen, startDevice, type Called, type Device } from './harness.js';
import { face, MODEL, type ScriptedFace } from '../harness.js';
import { aDoor, ScriptedFleet, TOKEN } from './scripted-fleet.js';

type Json = Record<string, unknown>;
interface Content {
  content: Record<string, { schema: Json }>;
}
interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  'x-lintel-role'?: string;
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
  'GET /cameras/{cameraId}/tracks': 'showTracks',
  'POST /cameras/{cameraId}/enrol': 'enrolFromCamera',
  'POST /groups/{groupId}/enrol': 'enrolFromPicture',
  'GET /app-keys': 'listAppKeys',
  'GET /groups': 'listGroups',
  'POST /groups': 'createGroup',
  'GET /groups/{groupId}': 'showGroup',
  'DELETE /groups/{groupId}': 'deleteGroup',
  'GET /groups/{groupId}/persons': 'listPersons',
  'GET /groups/{groupId}/faces': 'listPersonFaces',
  'DELETE /groups/{groupId}/faces/{faceId}': 'deleteFace',
  'GET /groups/{groupId}/closest': 'showClosestPerson',
  'GET /groups/{groupId}/similarities': 'showSimilarities',
  'GET /decisions': 'listDecisions',
  'DELETE /groups/{groupId}/persons': 'deletePerson',
  'POST /groups/{groupId}/persons/rename': 'renamePerson',
  'POST /groups/{groupId}/persons/move': 'movePerson',
  'GET /events': 'listEvents',
  'GET /events/stream': 'streamEvents',
  'GET /events/{sequence}': 'showEvent',
  'GET /status/stream': 'streamStatus',
  'GET /configuration': 'showConfiguration',
  'POST /session': 'openSession',
  'GET /session': 'showSession',
  'DELETE /session': 'endSession',
  'GET /sessions': 'listSessions',
  'DELETE /sessions/{sessionId}': 'endOtherSession',
  'GET /keys': 'listKeys',
  'POST /keys': 'createKey',
  'DELETE /keys/{keyId}': 'revokeKey',
  'GET /privacy': 'showPrivacy',
  'PUT /privacy': 'setPrivacy',
  'GET /unknown-faces': 'listUnknownFaces',
  'DELETE /unknown-faces': 'deleteUnknownFaces',
  'GET /unknown-faces/{faceId}': 'showUnknownFace',
  'DELETE /unknown-faces/{faceId}': 'deleteUnknownFace',
  'POST /unknown-faces/{faceId}/enrol': 'enrolUnknownFace',
  'GET /audit': 'listAudit',
  'GET /audit/check': 'showAuditCheck',
  'POST /audit/check': 'beginAuditCheck',
  'GET /audit/{sequence}': 'showAuditEntry',
  'GET /signing-key': 'showSigningKey',
  'GET /health': 'showHealth',
  'GET /status/history': 'showHistory',
  'GET /doctor': 'runDoctor',
  'POST /configuration/check': 'checkConfiguration',
  'GET /version': 'showVersion',
  'GET /fleet': 'showFleet',
  'POST /fleet/invites': 'inviteDoor',
  'POST /fleet/doors/{door}/approve': 'approveDoor',
  'POST /fleet/doors/{door}/refuse': 'refuseDoor',
  'DELETE /fleet/doors/{door}': 'removeDoor',
  'GET /fleet/proof': 'showFleetProof',
  'POST /fleet/join': 'joinFleet',
  'DELETE /fleet/membership': 'leaveFleet',
};

const EVENT = anEvent();
const { signObject } = new EventSigner(SIGNING_KEY);
const GROUNDS = makeGrounds(aGroundsDraft(), EVENT, hashEvent(EVENT), signObject);

const FLEET = new ScriptedFleet('authority', [aDoor(1), aDoor(2)]);

let device: Device;
let document: Document;
let operations: Map<string, Operation>;
beforeAll(async () => {
  device = await startDevice({ opened: new Map([[1, { event: EVENT, grounds: GROUNDS }]]), fleet: FLEET });
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

  test('names the parameters of each path, and asks for an admin key but for the signing key and to sign in', () => {
    for (const [key, { parameters, security, summary, operationId }] of operations) {
      const ofPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(ofPath.map(({ name }) => `{${name}}`)).toEqual(key.match(/\{\w+\}/g) ?? []);
      const required = parameters.filter((parameter) => parameter.in === 'query' && parameter.required);
      // An externalImageId may be `..`, which a URL cannot hold in its path.
      expect(required.filter(({ name }) => name !== 'externalImageId')).toEqual([]);
      expect(security.length).toBe(['showSigningKey', 'openSession', 'showSession'].includes(operationId) ? 0 : 3);
      expect(summary).not.toBe('');
    }
    for (const name of operations.get('GET /device/v1/version')?.security.flatMap((one) => Object.keys(one)) ?? []) {
      expect(document.components.securitySchemes).toHaveProperty(name);
    }
  });

  test('states the least role of each operation, and the refusal of a lower one', () => {
    for (const { name, method, path, role } of DEVICE_ROUTES) {
      const operation = operations.get(`${method} /device/v1${path.replace(/:(\w+)/g, '{$1}')}`);
      expect([name, operation?.['x-lintel-role']]).toEqual([name, role === 'none' ? undefined : role]);
      expect(operation?.description).toContain(role === 'none' ? 'asks for no key' : `needs the role ${role}`);
      const lower = operation?.responses['403']?.description ?? '';
      expect([name, lower.includes('ROLE_TOO_LOW')]).toEqual([name, role !== 'none']);
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
  ['createGroup', 'POST', '/groups', { groupId: 'annexe' }],
  ['createGroup', 'POST', '/groups', { groupId: 'Annexe' }],
  ['createGroup', 'POST', '/groups', { groupId: 'annexe', modelVersion: 'x' }],
  ['movePerson', 'POST', '/groups/door/persons/move', { externalImageId: 'a', group: 'hall', merge: true }],
  ['movePerson', 'POST', '/groups/door/persons/move', { externalImageId: 'a', group: 'Hall' }],
  ['movePerson', 'POST', '/groups/door/persons/move', { externalImageId: 'a', group: 'hall', more: 1 }],
  ['createKey', 'POST', '/keys', { kind: 'app', name: 'a b' }],
  ['createKey', 'POST', '/keys', { kind: 'none', name: 'a' }],
  ['createKey', 'POST', '/keys', { kind: 'admin', name: 'checked', role: 'viewer' }],
  ['openSession', 'POST', '/session', { key: 1 }],
  ['openSession', 'POST', '/session', { key: 'x', more: 1 }],
  ['openSession', 'POST', '/session', { token: 'x' }],
  ['approveDoor', 'POST', '/fleet/doors/none/approve', {}],
  ['approveDoor', 'POST', '/fleet/doors/none/approve', { groups: ['staff'], fingerprint: '1a2b' }],
  ['approveDoor', 'POST', '/fleet/doors/none/approve', { groups: [] }],
  ['approveDoor', 'POST', '/fleet/doors/none/approve', { groups: ['Staff'] }],
  ['approveDoor', 'POST', '/fleet/doors/none/approve', { more: 1 }],
  ['joinFleet', 'POST', '/fleet/join', { token: 'x' }],
  ['joinFleet', 'POST', '/fleet/join', { token: '' }],
  ['joinFleet', 'POST', '/fleet/join', {}],
])('%s: %s %s %j is accepted by the code where the document accepts it', async (id, method, path, body) => {
  const schema = operation(id).requestBody?.content['application/json']?.schema ?? {};
  const { status } = await device.call(method, path, body);
  expect(status !== 400).toBe(validator(schema).safeParse(body).success);
});

test('every answer is what the document says, to the field, and so is every refusal', async () => {
  const answers = new Map<string, Called[]>();
  const ask = async (
    id: string,
    path: string,
    body?: unknown,
    type = 'text/plain',
    headers: Record<string, string> = { authorization: `Bearer ${device.adminKey}`, 'content-type': type },
  ): Promise<Called> => {
    const [key] = Object.entries(OPERATIONS).find(([, name]) => name === id) ?? [''];
    const answer = await device.call(key.replace(/ .*/, ''), path, body, headers);
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
  device.cameras.seen.set('front', SEEN);
  await ask('showTracks', '/cameras/front/tracks');
  await ask('showTracks', '/cameras/none/tracks');
  await ask('pauseCamera', '/cameras/front/pause');
  await ask('resumeCamera', '/cameras/front/resume');
  await ask('listEvents', '/events');
  await ask('listEvents', '/events?limit=0');
  await ask('listDecisions', '/decisions');
  await ask('listDecisions', '/decisions?limit=0');
  await ask('showEvent', '/events/1');
  await ask('showEvent', '/events/2');
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
  const enrolPicture = (faces: ScriptedFace[]): Promise<Called> =>
    ask('enrolFromPicture', '/groups/door/enrol?externalImageId=p', JSON.stringify({ faces }), 'image/jpeg');
  expect((await enrolPicture([face(100)])).status).toBe(200);
  expect((await enrolPicture([face(10)])).body.error.enrolledAs).toBeDefined();
  await enrolPicture([]);
  await ask('enrolFromPicture', '/groups/door/enrol?externalImageId=p', '{}');
  await device.gallery.createGroup({ owner: device.owner, groupId: 'hall' }, MODEL);
  await ask('listGroups', '/groups?limit=1');
  await ask('listGroups', '/groups?appKey=none');
  await ask('listAppKeys', '/app-keys');
  await ask('createGroup', '/groups', { groupId: 'new' });
  await ask('showGroup', '/groups/new');
  await ask('showGroup', '/groups/none');
  await ask('createGroup', '/groups', { groupId: 'new' });
  await ask('deleteGroup', '/groups/new');
  await ask('deleteGroup', '/groups/new');
  await ask('listPersons', '/groups/door/persons?limit=1');
  await ask('listPersons', '/groups/none/persons');
  const { body: ofPerson } = await ask('listPersonFaces', '/groups/door/faces?externalImageId=a');
  await ask('listPersonFaces', '/groups/door/faces?externalImageId=nobody');
  await ask('showClosestPerson', '/groups/door/closest?externalImageId=a');
  await ask('showSimilarities', '/groups/door/similarities');
  await ask('showSimilarities', '/groups/none/similarities');
  await ask('renamePerson', '/groups/door/persons/rename', { externalImageId: 'a', to: 'c' });
  await ask('renamePerson', '/groups/door/persons/rename', { externalImageId: 'a', to: 'c' });
  await ask('movePerson', '/groups/door/persons/move', { externalImageId: 'c', group: 'hall' });
  await ask('showClosestPerson', '/groups/hall/closest?externalImageId=c');
  const { faceId } = ofPerson.faces[0] as unknown as { faceId: string };
  await ask('deleteFace', `/groups/hall/faces/${faceId}`);
  await ask('deleteFace', `/groups/hall/faces/${faceId}`);
  await ask('deletePerson', '/groups/hall/persons?externalImageId=c');
  await ask('deletePerson', '/groups/hall/persons');
  await ask('deleteUnknownFaces', '/unknown-faces');
  await ask('setPrivacy', '/privacy', { on: true });
  await ask('showFrame', '/cameras/front/frame');
  await ask('showPrivacy', '/privacy');
  await ask('listAudit', '/audit?limit=2');
  await ask('showAuditEntry', '/audit/1');
  await ask('showAuditEntry', '/audit/none');
  await ask('showAuditCheck', '/audit/check');
  await ask('beginAuditCheck', '/audit/check');
  await expect
    .poll(async () => (await ask('showAuditCheck', '/audit/check')).body.state, { timeout: 15_000 })
    .toBe('done');
  await ask('streamEvents', '/events/stream?after=x');
  await ask('streamStatus', '/status/stream?everyMs=1');
  await ask('showConfiguration', '/configuration');
  await ask('listKeys', '/keys');
  await ask('createKey', '/keys', { kind: 'app', name: 'made' });
  const { body: made } = await ask('createKey', '/keys', { kind: 'admin', name: 'made', role: 'viewer' });
  await ask('createKey', '/keys', { kind: 'admin', name: 'made', role: 'viewer' });
  await ask('revokeKey', `/keys/${made.id}`);
  await ask('revokeKey', '/keys/none');
  await ask('openSession', '/session', { key: device.adminKey });
  await ask('openSession', '/session', { key: 'none' });
  const { body: open } = await ask('listSessions', '/sessions');
  await ask('endOtherSession', `/sessions/${open.sessions[0]!.id}`);
  await ask('endOtherSession', '/sessions/none');
  const token = device.signInTokens.create('viewer');
  const { headers } = await device.call('POST', '/session', token);
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
  await ask('showSession', '/session', undefined, undefined, { cookie });
  await ask('endSession', '/session', undefined, undefined, { cookie, origin: device.origin });
  await ask('showSession', '/session', undefined, undefined, { cookie });
  await ask('endSession', '/session', undefined, undefined, { cookie, origin: 'https://evil.example' });
  await ask('showSigningKey', '/signing-key');
  await ask('showHealth', '/health');
  await ask('showHistory', '/status/history?span=day');
  await ask('runDoctor', '/doctor');
  await ask('checkConfiguration', '/configuration/check', { text: 'http: {port: x}' });
  await ask('showVersion', '/version');
  await ask('showFleet', '/fleet');
  await ask('inviteDoor', '/fleet/invites');
  await ask('approveDoor', '/fleet/doors/gate-1/approve', { groups: ['staff'] });
  await ask('approveDoor', '/fleet/doors/none/approve', {});
  await ask('refuseDoor', '/fleet/doors/gate-2/refuse');
  await ask('refuseDoor', '/fleet/doors/gate-2/refuse');
  await ask('showFleetProof', '/fleet/proof');
  await ask('showFleetProof', '/fleet/proof?group=none');
  await ask('removeDoor', '/fleet/doors/gate-1');
  await ask('joinFleet', '/fleet/join', { token: TOKEN });
  FLEET.role = 'door';
  await ask('joinFleet', '/fleet/join', { token: 'none' });
  await ask('joinFleet', '/fleet/join', { token: TOKEN });
  FLEET.joining = { state: 'approved' };
  await ask('showFleet', '/fleet');
  await ask('inviteDoor', '/fleet/invites');
  await ask('leaveFleet', '/fleet/membership');
  await ask('leaveFleet', '/fleet/membership');

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
