// The OpenAPI document of the NHN API agrees with the code: the same routes, and schemas that fit its requests and answers.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DIALECTS } from '../../../src/api/nhn/dialects.js';
import { FilePart } from '../../../src/api/core/multipart.js';
import { createNhnDocument } from '../../../src/api/nhn/openapi.js';
import { readVersion } from '../../../src/config/paths.js';
import { face, picture, startHarness, type Answer, type Harness } from '../harness.js';

type Json = Record<string, unknown>;
interface Content {
  content: Record<string, { schema: Json }>;
}
interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security?: Json[];
  parameters: { name: string; in: 'path' | 'query'; required: boolean; schema: Json }[];
  requestBody?: Content & { required: boolean };
  responses: { 200: Content };
}
interface Document {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Record<string, Json> };
}

const V1 = '/nhn-face-reco/v1.0/appkeys/{appKey}';
const V2 = '/v2.0/appkeys/{appKey}';
/** The contract's tables, with the names of the operations. */
const CONTRACT: Record<string, string> = {
  [`POST ${V1}/groups`]: 'v1_createGroup',
  [`GET ${V1}/groups`]: 'v1_listGroups',
  [`GET ${V1}/groups/{groupId}`]: 'v1_showGroup',
  [`DELETE ${V1}/groups/{groupId}`]: 'v1_deleteGroup',
  [`POST ${V1}/detect`]: 'v1_detect',
  [`POST ${V1}/spoofing`]: 'v1_detectSpoofing',
  [`POST ${V1}/groups/{groupId}`]: 'v1_registerFaces',
  [`DELETE ${V1}/groups/{groupId}/faces/{faceId}`]: 'v1_deleteFace',
  [`GET ${V1}/groups/{groupId}/faces`]: 'v1_listFaces',
  [`GET ${V1}/groups/{groupId}/faces/{faceId}`]: 'v1_searchByFace',
  [`POST ${V1}/groups/{groupId}/search`]: 'v1_searchByImage',
  [`POST ${V1}/compare`]: 'v1_compare',
  [`POST ${V1}/verify/groups/{groupId}/faces/{faceId}`]: 'v1_verify',
  [`POST ${V2}/groups`]: 'v2_createGroup',
  [`GET ${V2}/groups`]: 'v2_listGroups',
  [`GET ${V2}/groups/{groupId}`]: 'v2_showGroup',
  [`DELETE ${V2}/groups/{groupId}`]: 'v2_deleteGroup',
  [`POST ${V2}/faces/detect`]: 'v2_detect',
  [`POST ${V2}/groups/{groupId}/faces`]: 'v2_registerFaces',
  [`GET ${V2}/groups/{groupId}/faces`]: 'v2_listFaces',
  [`DELETE ${V2}/groups/{groupId}/faces/{faceId}`]: 'v2_deleteFace',
  [`GET ${V2}/groups/{groupId}/faces/{faceId}/search`]: 'v2_searchByFace',
  [`POST ${V2}/groups/{groupId}/faces/search`]: 'v2_searchByImage',
  [`POST ${V2}/faces/compare`]: 'v2_compare',
  [`POST ${V2}/groups/{groupId}/faces/{faceId}/verify`]: 'v2_verify',
};

let harness: Harness;
let document: Document;
let operations: Map<string, Operation>;
beforeAll(async () => {
  harness = await startHarness({ livenessThresholds: { weak: -1, balanced: 0, strict: 1 } });
  harness.vision.hasLiveness = true;
  const response = await fetch(`${harness.origin}/openapi.json`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('application/json');
  document = (await response.json()) as Document;
  operations = new Map(
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
    ),
  );
});
afterAll(() => harness.close());

/** Read as a client's validator reads it. @param strict whether an object may have nothing that the schema does not name */
function validator(schema: Json, { strict = false } = {}): z.ZodType {
  const whole = { ...schema, $defs: document.components.schemas };
  const text = JSON.stringify(whole).replaceAll('"#/components/schemas/', '"#/$defs/');
  const close = (_key: string, value: unknown): unknown =>
    strict && isRecord(value) && isRecord(value.properties) ? { ...value, additionalProperties: false } : value;
  return z.fromJSONSchema(JSON.parse(text, close) as Json);
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function operation(id: string): Operation {
  const found = [...operations.values()].find(({ operationId }) => operationId === id);
  if (!found) throw new TypeError(`no operation ${id}`);
  return found;
}

describe('the document', () => {
  test('is OpenAPI 3.1, of this version, served as it is made', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.info.version).toBe(readVersion());
    expect(document).toEqual(JSON.parse(JSON.stringify(createNhnDocument(DIALECTS, readVersion()))));
  });

  test('has every operation of the contract under its name, which is unique, and no other', () => {
    const named = Object.fromEntries([...operations].map(([key, { operationId }]) => [key, operationId]));
    expect(named).toEqual(CONTRACT);
    expect(new Set(Object.values(named)).size).toBe(operations.size);
  });

  test('has every route of the code', () => {
    const routes = DIALECTS.flatMap(({ base, routes }) =>
      routes.map(({ method, path }) => `${method} ${(base + path).replace(/:(\w+)/g, '{$1}')}`),
    );
    expect([...operations.keys()].sort()).toEqual(routes.sort());
  });

  test('names in each operation the parameters of its path, and asks for the secretKey in v2.0 alone', () => {
    for (const [key, { parameters, security, tags, summary }] of operations) {
      const ofPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(ofPath.map(({ name }) => `{${name}}`)).toEqual(key.match(/\{\w+\}/g));
      expect(ofPath.every(({ required }) => required)).toBe(true);
      expect(parameters.filter((parameter) => parameter.in === 'query' && parameter.required)).toEqual([]);
      expect(security).toEqual(key.includes('/v2.0/') ? [{ secretKey: [] }] : undefined);
      expect(tags).toEqual([key.includes('/v2.0/') ? 'v2.0' : 'v1.0']);
      expect(summary).not.toBe('');
    }
    expect(document.components.securitySchemes).toMatchObject({ secretKey: { in: 'header', name: 'Authorization' } });
  });

  test('has valid schemas only, none of them empty, and refers to nothing that is not there', () => {
    const schemas = [...operations.values()].flatMap(({ parameters, requestBody, responses }) => [
      ...parameters.map(({ schema }) => schema),
      ...Object.values(requestBody?.content ?? {}).map(({ schema }) => schema),
      ...Object.values(responses[200].content).map(({ schema }) => schema),
    ]);
    schemas.push(...Object.values(document.components.schemas));
    expect(schemas.length).toBeGreaterThan(100);
    for (const schema of schemas) expect(() => validator(schema)).not.toThrow();

    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference);
    const known = Object.keys(document.components.schemas).map((id) => `#/components/schemas/${id}`);
    expect(new Set(references)).toEqual(new Set(known));
    expect(text).not.toContain('$defs');
    // A schema that says nothing is one that could not be written down.
    const properties = [...text.matchAll(/"(\w+)":\{\}/g)].map(([, name]) => name);
    expect(properties).toEqual([]);
  });

  test('has the bounds and the defaults of the contract', () => {
    const bounds = (id: string, name: string) => operation(id).parameters.find((one) => one.name === name)?.schema;
    expect(bounds('v1_listGroups', 'limit')).toEqual({ type: 'integer', minimum: 1, maximum: 200, default: 100 });
    expect(bounds('v1_searchByFace', 'limit')).toMatchObject({ maximum: 4096, default: 100 });
    expect(bounds('v2_searchByFace', 'limit')).toMatchObject({ maximum: 100, default: 100 });
    expect(bounds('v1_searchByImage', 'threshold')).toMatchObject({ minimum: 1, maximum: 100, default: 90 });
    const filters = ['limit', 'next-token', 'face-id', 'image-id', 'external-image-id'];
    const named = (id: string) => operation(id).parameters.filter((one) => one.in === 'query');
    expect(named('v2_listFaces').map(({ name }) => name)).toEqual(filters);
    expect(named('v1_listFaces').map(({ name }) => name)).toEqual(filters.slice(0, 2));
    expect(named('v2_searchByImage')).toEqual([]);
  });

  test('offers a form beside JSON for every picture of v2.0, and for nothing else', () => {
    for (const [key, { operationId, requestBody }] of operations) {
      const json = JSON.stringify(requestBody ?? '').includes('#/components/schemas/Image');
      const types = Object.keys(requestBody?.content ?? {});
      const isForm = operationId.startsWith('v2_') && json;
      expect([key, types]).toEqual([
        key,
        requestBody ? ['application/json', ...(isForm ? ['multipart/form-data'] : [])] : [],
      ]);
    }
    const form = operation('v2_detect').requestBody?.content['multipart/form-data']?.schema;
    expect(form).toMatchObject({ required: ['imageFile'], properties: { imageFile: { format: 'binary' } } });
  });
});

describe('a body is accepted by the code exactly when the document accepts it', () => {
  const image = picture(face(0));
  test.each<[string, string, unknown, boolean]>([
    ['v1_createGroup', '/groups', { groupId: 'as-documented' }, true],
    ['v1_createGroup', '/groups', { groupId: 1 }, false],
    ['v1_createGroup', '/groups', {}, false],
    ['v1_createGroup', '/groups', [], false],
    ['v1_detect', '/detect', { image }, true],
    ['v1_detect', '/detect', { image: { ...image, url: null }, mask: null, orientation: true, other: 1 }, true],
    ['v1_detect', '/detect', { image: { ...image, url: 'http://a/' } }, false],
    ['v1_detect', '/detect', { image: {} }, false],
    ['v1_detect', '/detect', { image: { bytes: null } }, false],
    ['v1_detect', '/detect', { image: image.bytes }, false],
    ['v1_detect', '/detect', {}, false],
    ['v1_detect', '/detect', { image, mask: 'true' }, false],
    ['v1_detect', '/detect', { image, spoofing: true, spoofingCondition: 'weak' }, true],
    ['v1_detect', '/detect', { image, spoofingCondition: 'harsh' }, false],
    ['v1_registerFaces', '/groups/as-documented', { image, limit: 20, externalImageId: 'a.b' }, true],
    ['v1_registerFaces', '/groups/as-documented', { image, limit: 21 }, false],
    ['v1_registerFaces', '/groups/as-documented', { image, limit: 1.5 }, false],
    ['v1_registerFaces', '/groups/as-documented', { image, externalImageId: 'a b' }, false],
    ['v1_compare', '/compare', { sourceImage: image, targetImage: image, threshold: 1 }, true],
    ['v1_compare', '/compare', { sourceImage: image, targetImage: image, threshold: 0.5 }, false],
    ['v1_compare', '/compare', { sourceImage: image }, false],
  ])('%s %s %j: %s', async (id, path, body, accepted) => {
    const schema = operation(id).requestBody?.content['application/json']?.schema ?? {};
    expect(validator(schema).safeParse(body).success).toBe(accepted);
    const answer = await harness.call('POST', path, body);
    expect(answer.header.resultCode).toBe(accepted ? 0 : -40000);
  });
});

test.each<[string, Json, boolean]>([
  ['v2_compare', { sourceImageFile: 'x', targetImageUrl: 'http://a/', threshold: 90, mask: true }, true],
  ['v2_compare', { sourceImageFile: 'x', sourceImageUrl: 'http://a/', targetImageFile: 'x' }, false],
  ['v2_compare', { sourceImageFile: 'x' }, false],
  ['v2_searchByImage', { imageFile: 'x', limit: 100, threshold: 1.5 }, true],
  ['v2_searchByImage', { imageFile: 'x', limit: 101 }, false],
  ['v2_searchByImage', { limit: 1 }, false],
  ['v2_registerFaces', { imageFile: 'x', externalImageId: 'a', spoofingCondition: 'strict' }, true],
  ['v2_registerFaces', { imageFile: 'x', externalImageId: 'a b' }, false],
  ['v2_verify', { imageFile: 'x', orientation: false }, true],
])('the form of %s with %j is documented as it is checked: %s', (id, fields, accepted) => {
  const schema = operation(id).requestBody?.content['multipart/form-data']?.schema ?? {};
  expect(validator(schema).safeParse(fields).success).toBe(accepted);
  const [, name] = id.split('_');
  const form = DIALECTS[1]?.routes.find((one) => one.name === name)?.form;
  const parts = Object.entries(fields).map(([field, value]) => [
    field,
    field.endsWith('File') ? new FilePart(new Uint8Array(1)) : String(value),
  ]);
  expect(form?.safeParse(Object.fromEntries(parts)).success).toBe(accepted);
});

test('every operation answers what the document says and nothing more, its errors included', async () => {
  const image = picture(face(0), face(30, { box: [600, 100, 780, 300] }), face(60, { box: [0, 0, 80, 80], yaw: 80 }));
  const spoofing = true;
  const v1 = (method: string, path: string, body?: unknown) => harness.call(method, path, body);
  const v2 = (method: string, path: string, body?: unknown) => harness.callV2(method, path, body);
  const answers = new Map<string, Answer[]>();
  const ask = async (id: string, answer: Promise<Answer>): Promise<Answer> => {
    answers.set(id, [...(answers.get(id) ?? []), await answer]);
    return answer;
  };
  const [a, b] = ['answers-1', 'answers-2'];
  await ask('v1_createGroup', v1('POST', '/groups', { groupId: a }));
  await ask('v2_createGroup', v2('POST', '/groups', { groupId: b }));
  const added = await ask('v1_registerFaces', v1('POST', `/groups/${a}`, { image, externalImageId: 'x', spoofing }));
  await ask('v2_registerFaces', v2('POST', `/groups/${b}/faces`, { image, limit: 1 }));
  const [faceId, other] = (added.data as { addedFaces: { faceId: string }[] }).addedFaces.map((one) => one.faceId);
  for (const query of ['', '?limit=1']) {
    await ask('v1_listGroups', v1('GET', `/groups${query}`));
    await ask('v2_listGroups', v2('GET', `/groups${query}`));
    await ask('v1_listFaces', v1('GET', `/groups/${a}/faces${query}`));
    await ask('v2_listFaces', v2('GET', `/groups/${a}/faces${query}`));
  }
  await ask('v1_showGroup', v1('GET', `/groups/${a}`));
  await ask('v2_showGroup', v2('GET', `/groups/${a}`));
  await ask('v1_detect', v1('POST', '/detect', { image }));
  await ask('v2_detect', v2('POST', '/faces/detect', { image, orientation: false, mask: false, spoofing }));
  await ask('v1_detectSpoofing', v1('POST', '/spoofing', { image }));
  await ask('v1_searchByFace', v1('GET', `/groups/${a}/faces/${faceId}?threshold=50`));
  await ask('v2_searchByFace', v2('GET', `/groups/${a}/faces/${faceId}/search?threshold=50`));
  for (const probe of [image, picture()]) {
    await ask('v1_searchByImage', v1('POST', `/groups/${a}/search`, { image: probe }));
    await ask('v2_searchByImage', v2('POST', `/groups/${a}/faces/search`, { image: probe }));
  }
  const two = { sourceImage: image, targetImage: image, threshold: 90 };
  await ask('v1_compare', v1('POST', '/compare', two));
  await ask('v2_compare', v2('POST', '/faces/compare', two));
  await ask('v1_verify', v1('POST', `/verify/groups/${a}/faces/${faceId}`, { compareImage: image }));
  await ask('v2_verify', v2('POST', `/groups/${a}/faces/${faceId}/verify`, { compareImage: image }));
  await ask('v1_deleteFace', v1('DELETE', `/groups/${a}/faces/${faceId}`));
  await ask('v2_deleteFace', v2('DELETE', `/groups/${a}/faces/${other}`));
  await ask('v1_deleteGroup', v1('DELETE', `/groups/${a}`));
  await ask('v2_deleteGroup', v2('DELETE', `/groups/${b}`));

  expect([...answers.keys()].sort()).toEqual(Object.values(CONTRACT).sort());
  const refused = { v1_: await v1('POST', '/compare', '{'), v2_: await v2('GET', '/groups/none') };
  for (const [id, given] of answers) {
    const schema = validator(operation(id).responses[200].content['application/json']?.schema ?? {}, { strict: true });
    for (const answer of given) {
      expect([id, answer.header.resultCode]).toEqual([id, 0]);
      expect([id, schema.safeParse(answer).error?.issues]).toEqual([id, undefined]);
      expect([id, schema.safeParse({ ...answer, more: 1 }).success]).toEqual([id, false]);
      if (answer.data) expect([id, schema.safeParse({ header: answer.header }).success]).toEqual([id, false]);
    }
    for (const refusal of Object.values(refused)) expect(schema.safeParse(refusal).success).toBe(true);
    expect(schema.safeParse({ header: { ...refused.v2_.header, resultCode: -1 } }).success).toBe(false);
  }
});
