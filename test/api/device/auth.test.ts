// Authentication of the device API, refused parameters, access log and metrics.
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ATTEMPTS, AttemptLimit, MS_PER_ATTEMPT } from '../../../src/api/core/attempt-limit.js';
import { DEVICE_ROUTES } from '../../../src/api/device/routes.js';
import { STATUSES } from '../../../src/api/device/statuses.js';
import { mayAct, ROLES, type Role } from '../../../src/domain/role.js';
import { ManualTimers } from '../../camera/manual-timers.js';
import { expectSentence } from '../details.js';
import { startDevice, type Device } from './harness.js';
import { recordingLog } from '../harness.js';

const log = recordingLog();
const observed: [string, number][] = [];
const timers = new ManualTimers();
let device: Device;
beforeAll(async () => {
  device = await startDevice({ log, observed, clock: timers.clock });
});
afterAll(() => device.close());

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

describe('a request without a valid admin key', () => {
  const closed = DEVICE_ROUTES.filter(({ role }) => role !== 'none').map(({ method, path }) => [method, path] as const);

  test.each(closed)('is refused with 401 by %s %s, and nothing is done', async (method, path) => {
    const before = await device.audited();
    const { status, headers, body } = await device.call(method, path.replace(/:\w+/, 'front'), undefined, {});
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(body).toEqual({ error: { code: 'UNAUTHORIZED_ADMIN_KEY', message: expect.any(String) as string } });
    expect(await device.audited()).toEqual(before);
  });

  test.each(['', 'Bearer', 'Bearer ', 'Basic KEY', 'KEY', 'Bearer KEYx', 'Bearer a b'])('%j', async (text) => {
    timers.nowMs += ATTEMPTS * MS_PER_ATTEMPT;
    const authorization = text.replace('KEY', device.adminKey);
    expect((await device.call('GET', '/version', undefined, { authorization })).status).toBe(401);
  });

  test('as an appKey is', async () => {
    timers.nowMs += ATTEMPTS * MS_PER_ATTEMPT;
    expect((await device.call('GET', '/version', undefined, bearer(device.appKey))).status).toBe(401);
    const path = `${device.origin}/nhn-face-reco/v1.0/appkeys/${device.adminKey}/groups`;
    const answer = (await (await fetch(path)).json()) as { header: { resultCode: number } };
    expect(answer.header.resultCode).toBe(-41000);
  });

  test('as a revoked one is from then on', async () => {
    const { key } = await device.adminKeys.create('short');
    expect((await device.call('GET', '/version', undefined, bearer(key))).status).toBe(200);
    await device.adminKeys.revoke('short');
    expect((await device.call('GET', '/version', undefined, bearer(key))).status).toBe(401);
  });
});

describe('a role', () => {
  const roleKeys = new Map<Role, string>();
  beforeAll(async () => {
    for (const role of ROLES) roleKeys.set(role, (await device.adminKeys.create(`as-${role}`, { role })).key);
  });
  const closed = DEVICE_ROUTES.flatMap(({ method, path, role }) => (role === 'none' ? [] : [{ method, path, role }]));

  // An operation that is allowed must not be run here: a parameter that no route knows is refused after the role is checked.
  test.each(closed)('$role is the least for $method $path', async ({ method, path, role: least }) => {
    for (const role of ROLES) {
      const headers = bearer(roleKeys.get(role) ?? '');
      const answer = await device.call(
        method,
        `${path.replace(/:\w+/, 'none')}?no-such-parameter=1`,
        undefined,
        headers,
      );
      const { code, message } = answer.body.error;
      if (mayAct(role, least)) expect([answer.status, code]).toEqual([400, 'INVALID_PARAM']);
      else {
        expect([answer.status, code]).toEqual([403, 'ROLE_TOO_LOW']);
        expect(message).toContain(`the role ${least}`);
        expect(message).toContain(`the role of this key is ${role}`);
        expectSentence(message);
      }
    }
  });

  test('admin is that of a key that was made without one', () => {
    expect(device.adminKeys.list()[0]).toMatchObject({ name: 'front-desk', role: 'admin' });
    expect(mayAct(undefined, 'viewer')).toBe(false);
  });
});

describe('an admin key', () => {
  test.each(['Bearer KEY', 'bearer KEY', 'Bearer   KEY'])('is taken as Authorization: %s', async (text) => {
    const authorization = text.replace('KEY', device.adminKey);
    expect((await device.call('GET', '/version', undefined, { authorization })).status).toBe(200);
  });

  test('is taken from the header of its own', async () => {
    const headers = { 'X-Lintel-Admin-Key': device.adminKey };
    expect((await device.call('GET', '/version', undefined, headers)).status).toBe(200);
  });

  test('is in no line of the log, nor is a path or a parameter', () => {
    const text = JSON.stringify(log.lines);
    expect(text).not.toContain(device.adminKey);
    expect(log.lines.filter(({ message }) => message === 'request').length).toBeGreaterThan(10);
    expect(observed).toContainEqual(['GET /device/v1/version', 200]);
    expect(observed).toContainEqual(['GET /device/v1/cameras/:cameraId', 401]);
  });
});

describe('wrong keys', () => {
  test('of one address block it for further wrong keys for a while, never for valid ones', async () => {
    timers.nowMs += ATTEMPTS * MS_PER_ATTEMPT;
    const statuses: number[] = [];
    for (let i = 0; i <= ATTEMPTS; i++) {
      statuses.push((await device.call('GET', '/version', undefined, bearer(`wrong${i}`))).status);
    }
    expect(statuses).toEqual([...Array<number>(ATTEMPTS).fill(401), 429]);
    expect((await device.call('GET', '/version')).status).toBe(200);
    const refused = await device.call('GET', '/version', undefined, bearer('wrong'));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe(String(MS_PER_ATTEMPT / 1000));
    expect(refused.body.error.code).toBe('TOO_MANY_ATTEMPTS');
    timers.nowMs += MS_PER_ATTEMPT;
    expect((await device.call('GET', '/version', undefined, bearer('wrong'))).status).toBe(401);
    timers.nowMs += ATTEMPTS * MS_PER_ATTEMPT;
  });

  test('of one address do not affect the others', () => {
    const limit = new AttemptLimit(timers.clock);
    for (let i = 0; i < 100; i++) limit.countWrong('192.0.2.1');
    expect(limit.waitMs('192.0.2.1')).toBe(MS_PER_ATTEMPT);
    expect(limit.waitMs('192.0.2.2')).toBe(0);
  });

  test.each([
    ['192.0.2.1', '::ffff:192.0.2.1', true],
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', true],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['2001:db8::', '2001:db8:0:0:5::', true],
    ['fe80::1%eth0', 'fe80::2', true],
    ['::1', '::2', true],
    ['', '192.0.2.1', false],
  ])('of %s and of %s are counted together: %s', (one, other, together) => {
    const limit = new AttemptLimit(timers.clock);
    for (let i = 0; i < ATTEMPTS; i++) limit.countWrong(one);
    expect(limit.waitMs(other) > 0).toBe(together);
  });

  test('of very many addresses are forgotten, the oldest first', () => {
    const limit = new AttemptLimit(timers.clock);
    for (let i = 0; i < ATTEMPTS; i++) limit.countWrong('first');
    for (let i = 0; i < 2_000; i++) limit.countWrong(`address ${i}`);
    expect(limit.size).toBe(1_000);
    expect(limit.waitMs('first')).toBe(0);
  });

  test('are forgotten in time, whatever the clock does', () => {
    let nowMs = 1e9;
    const limit = new AttemptLimit(() => nowMs);
    for (let i = 0; i < ATTEMPTS; i++) limit.countWrong('a');
    nowMs = 0;
    expect(limit.waitMs('a')).toBe(MS_PER_ATTEMPT);
    nowMs = 1e9 + ATTEMPTS * MS_PER_ATTEMPT;
    expect(limit.waitMs('a')).toBe(0);
    expect(limit.size).toBe(0);
  });
});

describe('what is not there', () => {
  test.each(['', '/', '/none', '/cameras/front/none', '/Cameras'])('%j is 404', async (path) => {
    const { status, body } = await device.call('GET', path);
    expect([status, body.error.code]).toEqual([404, 'NOT_FOUND']);
  });

  test.each([
    ['DELETE', '/cameras', 'GET'],
    ['GET', '/cameras/front/pause', 'POST'],
    ['POST', '/privacy', 'GET, PUT'],
    ['DELETE', '/cameras/front/live', 'GET'],
    ['PUT', '/openapi.json', 'GET'],
  ])('%s %s is 405, and says what is', async (method, path, allow) => {
    const { status, headers, body } = await device.call(method, path);
    expect([status, headers.get('allow'), body.error.code]).toEqual([405, allow, 'METHOD_NOT_ALLOWED']);
  });

  test('a body in an unknown Content-Encoding is 415, and one in gzip is read', async () => {
    const put = (encoding: string, body: Buffer) => {
      const headers = { 'content-encoding': encoding, 'content-type': 'application/json' };
      return device.fetch('/privacy', { method: 'PUT', headers, body: Uint8Array.from(body) });
    };
    const body = Buffer.from('{"on":false}');
    const refused = await put('br', brotliCompressSync(body));
    expect(refused.status).toBe(415);
    expect(await refused.json()).toEqual({
      error: {
        code: 'UNSUPPORTED_ENCODING',
        message:
          'The body has a Content-Encoding that is not read here; send it in gzip or deflate, or as it is without a Content-Encoding.',
      },
    });
    const damaged = await put('gzip', body);
    expect([damaged.status, await damaged.json()]).toMatchObject([400, { error: { code: 'INVALID_PARAM' } }]);
    const bomb = await put('gzip', gzipSync(Buffer.alloc(1_000_000, ' ')));
    expect([bomb.status, await bomb.json()]).toMatchObject([400, { error: { code: 'INVALID_PARAM' } }]);
    const taken = await put('gzip', gzipSync(body));
    expect([taken.status, await taken.json()]).toMatchObject([200, { on: false }]);
  });

  test('HEAD is 405, so that no picture is made for nobody', async () => {
    const response = await device.fetch('/cameras/front/live', { method: 'HEAD' });
    expect(response.status).toBe(405);
    expect(device.cameras.asked).toEqual([]);
  });

  test('leaves the paths beside it to others', async () => {
    expect((await fetch(`${device.origin}/device/v10/version`)).status).toBe(404);
    expect((await fetch(`${device.origin}/openapi.json`)).status).toBe(200);
  });
});

describe('parameters', () => {
  test.each<[string, string, unknown, string]>([
    ['GET', '/version?x=1', undefined, 'The parameter x is not known here.'],
    ['GET', '/cameras?a=1&b=2', undefined, 'The parameters a, b are not known here.'],
    ['POST', '/cameras/front/pause', { forMs: 1 }, 'The field forMs is not known here.'],
    ['POST', '/cameras/front/pause', '[]', 'The body must be a JSON object.'],
    ['PUT', '/privacy', undefined, 'The body is empty; it must be a JSON object.'],
    ['PUT', '/privacy', '{', 'The body is not valid JSON.'],
    ['PUT', '/privacy', {}, 'on is missing.'],
    ['PUT', '/privacy', { on: 'true' }, 'on must be a boolean.'],
    ['PUT', '/privacy', { on: true, more: 1 }, 'The field more is not known here.'],
    ['GET', '/cameras/front/frame?quality=0', undefined, 'quality must be at least 1.'],
    ['GET', '/cameras/front/frame?quality=101', undefined, 'quality must be at most 100.'],
    ['GET', '/cameras/front/frame?quality=80.5', undefined, 'quality must be a whole number.'],
    ['GET', '/cameras/front/frame?maxWidth=-1', undefined, 'maxWidth must be at least 0.'],
    ['GET', '/cameras/front/frame?maxWidth=1&maxWidth=2', undefined, 'The parameter maxWidth must be given once.'],
    ['GET', '/cameras/front/frame?boxes=yes', undefined, 'boxes must be one of: true, false.'],
    ['GET', '/cameras/front/frame?boxes=2', undefined, 'boxes must be one of: true, false.'],
    ['GET', '/cameras/front/frame?fps=1', undefined, 'The parameter fps is not known here.'],
    ['GET', '/cameras/front/live?fps=0', undefined, 'fps must be at least 0.1.'],
    ['GET', '/cameras/front/live?fps=16', undefined, 'fps must be at most 15.'],
    ['GET', '/events?limit=0', undefined, 'limit must be at least 1.'],
    ['GET', '/events?limit=1001', undefined, 'limit must be at most 1000.'],
    ['GET', '/events?before=0', undefined, 'before must be at least 1.'],
    [
      'GET',
      '/events?type=knock',
      undefined,
      'type must be one or more of match, unknown, spoof, uncertain, separated by commas.',
    ],
    ['GET', '/events?type=match,', undefined, 'type must be one or more of'],
    ['GET', '/events?camera=a/b', undefined, 'camera must be the id of a camera.'],
    ['GET', '/events?externalImageId=a%20b', undefined, 'externalImageId must be an externalImageId.'],
    ['GET', '/events?from=yesterday', undefined, 'from must be a time such as 2026-01-31T12:00:00Z.'],
    ['GET', '/events?to=2026-01-31', undefined, 'to must be a time such as'],
    ['GET', '/audit?action=nap', undefined, 'action must be one of: service.started,'],
    ['GET', '/audit?limit=ten', undefined, 'limit must be a number.'],
    ['GET', '/unknown-faces?before=x', undefined, 'before must be the id of a face.'],
    ['POST', '/cameras/front/enrol', { group: 'door' }, 'externalImageId is missing.'],
    ['POST', '/cameras/front/enrol', { externalImageId: 'a' }, 'group is missing.'],
    ['POST', '/cameras/front/enrol', { group: 'A', externalImageId: 'a' }, 'group must have 1 to 255 of: a to z'],
    ['POST', '/cameras/front/enrol', { group: 'a', externalImageId: 'a b' }, 'externalImageId must have 1 to 255'],
    ['POST', '/cameras/front/enrol', { group: 'a', externalImageId: 'a', frames: 31 }, 'frames must be at most 30.'],
    ['POST', '/cameras/front/enrol', { group: 'a', externalImageId: 'a', timeoutMs: 999 }, 'timeoutMs must be at le'],
    ['POST', '/cameras/front/enrol', { group: 'a', externalImageId: 'a', minQuality: 2 }, 'minQuality must be at mo'],
    ['POST', '/cameras/front/enrol', { group: 'a', externalImageId: 'a', faces: 2 }, 'faces must be one of: 1, 3.'],
    ['POST', '/cameras/front/enrol', { group: 'a', externalImageId: 'a', duplicateThreshold: 0 }, 'duplicateThresh'],
  ])('%s %s %j is 400: %s', async (method, path, body, message) => {
    const answer = await device.call(method, path, body);
    expect([answer.status, answer.body.error.code]).toEqual([400, 'INVALID_PARAM']);
    expect(answer.body.error.message).toContain(message);
    expectSentence(answer.body.error.message);
    expect(device.cameras.privacy).toBe(false);
  });

  test('of a body that is too long are not looked at', async () => {
    const { status, body } = await device.call('PUT', '/privacy', { on: true, filler: 'x'.repeat(20_000) });
    expect([status, body.error.message]).toEqual([400, 'The body is longer than 16384 bytes.']);
  });

  test('a client that leaves in the middle of its body is no failure', async () => {
    const { port } = device.server.address;
    const socket = connect(port, '127.0.0.1');
    const head = `PUT /device/v1/privacy HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${device.adminKey}\r\n`;
    await new Promise((resolve) => socket.write(`${head}Content-Length: 100\r\n\r\n{`, resolve));
    socket.destroy();
    await expect
      .poll(() =>
        log.lines.some(({ message }) => message === 'the client closed the connection before it was answered'),
      )
      .toBe(true);
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

test('every status of the table is a refusal', () => {
  for (const refusal of Object.values(STATUSES)) expect(refusal.status).toBeGreaterThanOrEqual(400);
});
