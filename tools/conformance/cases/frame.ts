// Cases of paths that are no route, and of bodies that are not a JSON object.
import { gzipSync } from 'node:zlib';
import { askFor, type Dialect } from '../operations.js';
import type { Case } from '../suite.js';

export const pathCases: Case[] = [
  ...['/nhn-face-reco', '/nhn-face-reco/v1.0', '/nhn-face-reco/v1.0/appkeys', '/v2.0', '/conformance-no-such-page'].map(
    (path): Case => ({ name: `${path} is no route`, ask: { method: 'GET', path, fromRoot: true }, code: 404 }),
  ),
  ...(
    [
      ['GET', ''],
      ['GET', '/faces'],
      ['GET', '/unknown'],
      ['GET', '/detect'],
      ['GET', '/compare'],
      ['GET', '/spoofing'],
      ['PUT', '/groups'],
      ['DELETE', '/groups'],
      ['PATCH', '/groups/conformance-x'],
      ['POST', '/Groups'],
      ['POST', '/DETECT'],
      ['POST', '/groups/conformance-x/unknown'],
      ['GET', '/groups/conformance-x/search'],
      ['POST', '/groups/conformance-x/faces/y/z'],
      ['POST', '/verify'],
      ['POST', '/verify/groups/conformance-x'],
      ['GET', '/verify/groups/conformance-x/faces/y'],
    ] as const
  ).map(([method, path]): Case => ({
    name: `${method} ${path || 'the base'} is no route`,
    ask: { method, path },
    code: 404,
  })),
  { name: 'a path with encoded letters is the path itself', ask: { method: 'GET', path: '/%67roups?limit=1' } },
  {
    name: 'an encoded dash in a group id is a dash',
    ask: { method: 'GET', path: '/groups/conformance%2Dno%2Dsuch%2Dgroup' },
    code: -40030,
  },
  { name: 'an encoded slash is no separator', ask: { method: 'POST', path: '/groups%2Fx' }, code: 404 },
  {
    name: 'an unknown version is no route',
    ask: { method: 'GET', path: '/nhn-face-reco/v9.9/appkeys/x/groups', fromRoot: true },
    code: 404,
  },
];

const BODIES: readonly [string, string | Uint8Array<ArrayBuffer>][] = [
  ['an empty body', ''],
  ['a body that is not JSON', 'groupId=door'],
  ['a body that ends early', '{"image":{"bytes":"AAAA"'],
  ['a body of an array', '[{}]'],
  ['a body of a text', '"door"'],
  ['a body of a number', '1'],
  ['a body of null', 'null'],
  ['a body that is not UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ['a body of gzip', Uint8Array.from(gzipSync('{"groupId":"conformance-x"}'))],
  ['a body that is a JPEG', Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, 0x4a, 0x46, 0x49, 0x46])],
  ['a body that is a PNG', Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
  ['a body of a form', '--x\r\ncontent-disposition: form-data; name="groupId"\r\n\r\nconformance-x\r\n--x--\r\n'],
];

/** Makes the cases of bad bodies for all operations with a body. @param bodies number of bad bodies to use */
export function bodyCases(dialect: Dialect, bodies = BODIES.length): Case[] {
  return dialect.operations
    .filter((one) => one.method === 'POST')
    .flatMap((one) =>
      BODIES.slice(0, bodies).map(([what, raw]): Case => ({
        name: `${one.name}: ${what}`,
        code: -40000,
        ask: (world) => askFor(dialect, one, world, { more: { body: undefined, raw } }),
      })),
    );
}
