// Makes requests from a seed and a number: correct, nearly correct and random paths, queries, headers and bodies.
import { flipped, seedRandom } from './files.js';

export interface FuzzRequest {
  bytes: Buffer;
  /** True where the request has the length that it declares. Only then must the service answer. */
  wellFramed: boolean;
}

export interface FuzzTargets {
  appKey: string;
  /** Secret key of the appKey, for v2.0. */
  secretKey: string;
  groupId: string;
  faceId: string;
  /** A small picture in the form of the request body. */
  picture: Buffer;
}

const V1 = '/nhn-face-reco/v1.0/appkeys/';
const V2 = '/v2.0/appkeys/';
const ROUTES: readonly (readonly [method: string, base: string, path: string])[] = [
  ['POST', V1, '/groups'],
  ['GET', V1, '/groups'],
  ['GET', V1, '/groups/:group'],
  ['POST', V1, '/groups/:group'],
  ['POST', V1, '/detect'],
  ['GET', V1, '/groups/:group/faces'],
  ['DELETE', V1, '/groups/:group/faces/:face'],
  ['GET', V1, '/groups/:group/faces/:face'],
  ['POST', V1, '/groups/:group/search'],
  ['POST', V1, '/compare'],
  ['POST', V1, '/verify/groups/:group/faces/:face'],
  ['POST', V1, '/spoofing'],
  ['POST', V2, '/faces/detect'],
  ['POST', V2, '/groups/:group/faces'],
  ['POST', V2, '/groups/:group/faces/search'],
  ['POST', V2, '/faces/compare'],
  ['GET', V2, '/groups/:group/faces/:face/search'],
];
const METHODS = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS'];
const QUERIES = [
  'limit',
  'threshold',
  'next-token',
  'face-id',
  'image-id',
  'external-image-id',
  'orientation',
  '__proto__',
];
const TEXTS = [
  '',
  '0',
  '1',
  '-1',
  '99999999999999999999',
  '1e309',
  'NaN',
  'true',
  'null',
  '%00',
  '%ff%fe',
  '%',
  '%2e%2e%2f',
  '..',
  '%F0%9F%98%80',
  'constructor',
  'a'.repeat(300),
  "' or 1=1--",
];
const FIELDS = [
  'image',
  'groupId',
  'externalImageId',
  'limit',
  'threshold',
  'orientation',
  'mask',
  'sourceImage',
  'targetImage',
  'compareImage',
  'spoofing',
  'spoofingCondition',
  'aligned',
  '__proto__',
];
const CONTENT_TYPES = [
  'application/json',
  'application/json',
  'application/json; charset=utf-16',
  'text/plain',
  'multipart/form-data; boundary=b',
  'multipart/form-data',
  'application/x-www-form-urlencoded',
  '',
  '/',
];
const HEADERS = [
  'x-nhn-apikey: 1',
  'authorization: secret',
  'authorization: Bearer ' + 'x'.repeat(3_000),
  'expect: 100-continue',
  'expect: nothing',
  'content-encoding: gzip',
  'accept: nothing/at-all',
  'x-forwarded-for: 127.0.0.1',
  'range: bytes=0-0',
  'cookie: ' + 'a=b; '.repeat(500),
  'if-none-match: *',
  'upgrade: websocket',
  'te: trailers',
];

/** Makes the request of one number. The same seed and number give the same request. */
export function makeFuzzRequest(seed: number, number: number, targets: FuzzTargets): FuzzRequest {
  // Neighbouring seeds of the generator begin alike: the numbers are spread, and the first results left out.
  const next = seedRandom(((seed * 7_919 + number * 104_729) % 2_147_483_629) + 1);
  for (let i = 0; i < 3; i++) next();
  const chance = (share: number): boolean => next() < share;
  const pick = <T>(values: readonly T[]): T => values[Math.min(values.length - 1, Math.floor(next() * values.length))]!;
  const noise = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, () => next() * 256));

  const value = (depth: number): unknown => {
    switch (Math.floor(next() * 9)) {
      case 0:
        return null;
      case 1:
        return chance(0.5);
      case 2:
        return pick([0, -1, 1, 3, 90, 1e308, -0.5, 4096, 2 ** 53]);
      case 3:
        return pick(TEXTS);
      case 4:
        return noise(20).toString('latin1');
      case 5:
        return depth > 3 ? [] : Array.from({ length: Math.floor(next() * 4) }, () => value(depth + 1));
      case 6:
        return depth > 3 ? {} : { [pick(FIELDS)]: value(depth + 1) };
      default:
        return picture();
    }
  };
  const picture = (): unknown => {
    const bytes = chance(0.5)
      ? targets.picture
      : flipped(targets.picture, 1 + Math.floor(next() * 1e6), { from: 0, count: 1 + Math.floor(next() * 20) });
    return pick<() => unknown>([
      () => ({ bytes: bytes.toString('base64') }),
      () => ({ bytes: bytes.toString('base64') }),
      () => ({ bytes: bytes.toString('base64url') }),
      () => ({ bytes: pick(TEXTS) }),
      () => ({
        url: pick(['http://127.0.0.1/', 'file:///etc/passwd', 'http://[::1]:80/', 'https://0x7f.1/', ...TEXTS]),
      }),
      () => ({ bytes: bytes.toString('base64'), url: 'http://127.0.0.1/' }),
    ])();
  };
  const likely = (field: string): unknown => {
    if (/image$/i.test(field)) return picture();
    if (field === 'groupId') return chance(0.5) ? targets.groupId : `g-${Math.floor(next() * 5)}`;
    if (field === 'externalImageId') return 'someone';
    if (field === 'limit') return 1 + Math.floor(next() * 20);
    if (field === 'threshold') return 1 + Math.floor(next() * 100);
    if (field === 'spoofingCondition') return pick(['weak', 'balanced', 'strict']);
    return chance(0.5);
  };
  const json = (): Buffer => {
    const body: Record<string, unknown> = {};
    for (const field of FIELDS) {
      if (chance(0.5))
        Object.defineProperty(body, field, { value: chance(0.9) ? likely(field) : value(0), enumerable: true });
    }
    const text = JSON.stringify(chance(0.95) ? body : value(0));
    return Buffer.from(chance(0.05) ? '['.repeat(50_000) + text : text);
  };
  const multipart = (): Buffer => {
    const parts = Array.from({ length: 1 + Math.floor(next() * 4) }, () => {
      const name = pick(['imageFile', 'sourceImageFile', 'targetImageUrl', 'limit', ...FIELDS]);
      const head = `--b\r\ncontent-disposition: form-data; name="${name}"${chance(0.5) ? '; filename="a.jpg"' : ''}\r\n`;
      return Buffer.concat([
        Buffer.from(`${head}\r\n`),
        chance(0.5) ? targets.picture : noise(30),
        Buffer.from('\r\n'),
      ]);
    });
    return Buffer.concat([...parts, Buffer.from(chance(0.8) ? '--b--\r\n' : '--b')]);
  };
  const body = (): Buffer => {
    const whole = chance(0.75) ? json() : chance(0.6) ? multipart() : noise(Math.floor(next() * 400));
    if (whole.length === 0 || chance(0.8)) return whole;
    return chance(0.5)
      ? flipped(whole, 1 + Math.floor(next() * 1e6), { from: 0, count: 1 + Math.floor(next() * 5) })
      : whole.subarray(0, Math.floor(next() * whole.length));
  };
  const path = (base: string, pattern: string): string => {
    const key = chance(0.95) ? targets.appKey : pick(TEXTS);
    let text = (base + key + pattern)
      .replace(':group', chance(0.8) ? targets.groupId : pick(TEXTS))
      .replace(':face', chance(0.8) ? targets.faceId : pick(TEXTS));
    if (chance(0.03)) text += pick(TEXTS);
    const query = QUERIES.filter(() => chance(0.08)).map((name) => `${name}=${chance(0.4) ? '5' : pick(TEXTS)}`);
    return (query.length > 0 ? `${text}?${query.join('&')}` : text).replaceAll(' ', '+');
  };

  const make = (): FuzzRequest => {
    const [usual, base, pattern] = pick(ROUTES);
    const method = chance(0.9) ? usual : pick(METHODS);
    const content = method === 'GET' || method === 'HEAD' ? (chance(0.9) ? Buffer.alloc(0) : body()) : body();
    const lines = [`${method} ${path(base, pattern)} HTTP/1.1`, 'host: 127.0.0.1', 'connection: close'];
    if (base === V2 && chance(0.9)) lines.push(`authorization: ${targets.secretKey}`);
    const type = pick(CONTENT_TYPES);
    if (type) lines.push(`content-type: ${type}`);
    for (const header of HEADERS) if (chance(0.03)) lines.push(header);
    const wellFramed = chance(0.9);
    let sent = content;
    if (wellFramed && chance(0.2)) {
      lines.push('transfer-encoding: chunked');
      const half = content.length >> 1;
      const chunks = [content.subarray(0, half), content.subarray(half)].filter(({ length }) => length > 0);
      const framed = chunks.flatMap((chunk) => [
        Buffer.from(`${chunk.length.toString(16)}\r\n`),
        chunk,
        Buffer.from('\r\n'),
      ]);
      sent = Buffer.concat([...framed, Buffer.from('0\r\n\r\n')]);
    } else {
      const length = content.length + (wellFramed ? 0 : pick([-1, 1, 100, 1e12, -1e6]));
      lines.push(`content-length: ${length}`);
      if (!wellFramed)
        lines.push(pick(['transfer-encoding: chunked', 'content-length: 5', 'a b: c', 'x: \u0001', ':', '']));
    }
    return { bytes: Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), sent]), wellFramed };
  };
  return make();
}
