// Cases of the order of checks: appKey (keys.ts), body and parameters, group and face, quota (limits.ts), image.
import { randomUUID } from 'node:crypto';
import { askFor, operation, V1, type Dialect } from '../operations.js';
import type { Case } from '../suite.js';
import { toImageBytes } from '../world.js';

const BAD_PICTURE = { bytes: '***' };
const NO_GROUP = 'conformance-no-such-group';

const ILL_FORMED: readonly [string, string][] = [
  ['of capital letters', 'DOOR'],
  ['with a space', 'a%20b'],
  ['with a slash, encoded', 'a%2Fb'],
  ['with dots that lead to another path', '..%2F..%2Fetc'],
  ['of 256 letters', 'x'.repeat(256)],
  ['with letters beyond ASCII', '%E9%96%80'],
  ['with a zero byte', 'a%00b'],
];

export function notFoundCases(dialect: Dialect): Case[] {
  const within = dialect.operations.filter((one) => one.within);
  const ofFace = within.filter((one) => one.within === 'face');
  const bad = (images: readonly string[] | undefined) =>
    Object.fromEntries((images ?? []).map((f) => [f, BAD_PICTURE]));
  return [
    ...within.map((one): Case => ({
      name: `${one.name}: no such group`,
      code: -40030,
      ask: (world) => askFor(dialect, one, world, { place: { groupId: NO_GROUP, faceId: randomUUID() } }),
    })),
    ...within
      .filter((one) => one.images)
      .flatMap((one): Case[] => [
        {
          name: `${one.name}: a missing group comes before a bad picture`,
          code: -40030,
          ask: (world) =>
            askFor(dialect, one, world, {
              place: { groupId: NO_GROUP, faceId: randomUUID() },
              body: bad(one.images),
            }),
        },
        {
          name: `${one.name}: a bad parameter comes before a missing group`,
          code: -40000,
          ask: (world) =>
            askFor(dialect, one, world, {
              place: { groupId: NO_GROUP, faceId: randomUUID() },
              body: { ...bad(one.images), mask: 'no' },
            }),
        },
      ]),
    ...ofFace.flatMap((one): Case[] => [
      {
        name: `${one.name}: no such face`,
        code: -40050,
        ask: (world) => askFor(dialect, one, world, { place: { ...world.place, faceId: randomUUID() } }),
      },
      {
        name: `${one.name}: an ill-formed face id`,
        code: -40050,
        ask: (world) => askFor(dialect, one, world, { place: { ...world.place, faceId: 'not-a-uuid' } }),
      },
      {
        name: `${one.name}: a face of another group`,
        code: -40050,
        ask: (world) => askFor(dialect, one, world, { place: { ...world.place, groupId: world.emptyGroup } }),
      },
    ]),
    ...ofFace
      .filter((one) => one.images)
      .map((one): Case => ({
        name: `${one.name}: a missing face comes before a bad picture`,
        code: -40050,
        ask: (world) =>
          askFor(dialect, one, world, { place: { ...world.place, faceId: randomUUID() }, body: bad(one.images) }),
      })),
  ];
}

export const orderCases: Case[] = [
  ...V1.operations
    .filter((one) => one.within === 'group')
    .flatMap((one) =>
      ILL_FORMED.map(([what, groupId]): Case => ({
        name: `${one.name}: a group id ${what} in the path is not found`,
        code: -40030,
        ask: (world) => askFor(V1, one, world, { place: { groupId, faceId: '' } }),
      })),
    ),
  ...(['list faces', 'search by face'] as const).map((name): Case => ({
    name: `${name}: a bad limit comes before a missing group`,
    code: -40000,
    ask: (world) =>
      askFor(V1, operation(V1, name), world, { place: { groupId: NO_GROUP, faceId: randomUUID() }, query: 'limit=0' }),
  })),
  {
    name: 'search by image: a bad threshold comes before a missing group',
    code: -40000,
    ask: (world) =>
      askFor(V1, operation(V1, 'search by image'), world, {
        place: { groupId: NO_GROUP, faceId: '' },
        query: 'threshold=0',
      }),
  },
  {
    name: 'compare: the source picture is checked first',
    code: -45030,
    side: ':Source',
    ask: (world) => ({
      method: 'POST',
      path: '/compare',
      body: { sourceImage: BAD_PICTURE, targetImage: toImageBytes(world.pictures.formats['plain text']) },
    }),
  },
  {
    name: 'compare: a bad target picture comes before a source picture without a face',
    code: -45040,
    side: ':Target',
    ask: (world) => ({
      method: 'POST',
      path: '/compare',
      body: {
        sourceImage: toImageBytes(world.pictures.empty),
        targetImage: toImageBytes(world.pictures.formats['plain text']),
      },
    }),
  },
  {
    name: 'compare: differing thresholds come before a bad picture',
    code: -40000,
    ask: {
      method: 'POST',
      path: '/compare?threshold=80',
      body: { threshold: 90, sourceImage: BAD_PICTURE, targetImage: BAD_PICTURE },
    },
  },
];
