// Cases of the dialect v2.0: secret key, paths, fields, filters. Multipart uploads are in v2-forms.ts.
import { randomUUID } from 'node:crypto';
import { askFor, operation, V2, type OperationName } from '../operations.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';
import { bodyCases } from './frame.js';
import { unknownKeyCases } from './keys.js';
import { notFoundCases } from './order.js';
import { fieldCases, flagCases, pictureParameterCases } from './parameters.js';
import { formCases } from './v2-forms.js';

const { shapes } = V2;
const dialect = V2.name;
const list = { method: 'GET', path: '/groups', dialect };

const secretCases: Case[] = [
  ...V2.operations.map((one): Case => ({
    name: `${one.name}: without a secret key`,
    code: -41005,
    ask: (world) => askFor(V2, one, world, { more: { secretKey: null } }),
  })),
  ...(
    [
      ['that is empty', () => ''],
      ['that is another', () => 'conformance-wrong-secret-key'],
      ['that lacks its last letter', (secret: string) => secret.slice(0, -1)],
      ['with a letter more', (secret: string) => `${secret}x`],
      ['of capital letters', (secret: string) => (/[a-z]/.test(secret) ? secret.toUpperCase() : `${secret}X`)],
      ['of 4,000 letters', () => 'x'.repeat(4_000)],
    ] as const
  ).map(([what, readSecret]): Case => ({
    name: `a secret key ${what} is refused`,
    code: -41005,
    ask: (world) => ({ ...list, secretKey: readSecret(world.options.secretKey ?? '') }),
  })),
  { name: 'the right secret key is accepted', ask: list, shape: shapes.groupList },
  {
    name: "another appKey's secret key is refused",
    needs: 'spawn',
    code: -41005,
    ask: (world) => ({ ...list, secretKey: world.options.otherSecretKey ?? '' }),
  },
  {
    name: 'another appKey with its own secret key is taken, and sees its own groups',
    needs: 'spawn',
    ask: ({ options: { otherAppKey, otherSecretKey } }) => ({
      ...list,
      appKey: otherAppKey,
      secretKey: otherSecretKey,
    }),
    check: (data, world) =>
      must(!data.groups.some(({ groupId }) => groupId.startsWith(world.prefix)), 'no group of the first appKey'),
  },
  {
    name: 'a wrong secret key comes before a bad body and a missing group',
    code: -41005,
    ask: {
      method: 'POST',
      path: '/groups/conformance-no-such-group/faces',
      dialect,
      raw: '{',
      secretKey: 'conformance-wrong-secret-key',
    },
  },
  { name: 'x-nhn-apikey beside the secret key is ignored', ask: { ...list, headers: { 'x-nhn-apikey': 'anything' } } },
];

/** Routes of v1.0 that have another form in v2.0. */
const pathCases = (
  [
    ['POST', '/detect'],
    ['POST', '/compare'],
    ['POST', '/spoofing'],
    ['POST', '/groups/conformance-x'],
    ['POST', '/groups/conformance-x/search'],
    ['GET', '/groups/conformance-x/faces/y'],
    ['POST', '/verify/groups/conformance-x/faces/y'],
    ['GET', '/faces/detect'],
    ['PUT', '/groups'],
  ] as const
).map(([method, path]): Case => ({ name: `${method} ${path} is no route`, ask: { method, path, dialect }, code: 404 }));

const to =
  (name: OperationName, options: Parameters<typeof askFor>[3] = {}) =>
  (world: World) =>
    askFor(V2, operation(V2, name), world, options);

const groupCases: Case[] = [
  {
    name: 'group details: groupId, createTime and faceCount directly in data',
    ask: to('group details'),
    shape: shapes.groupDetails,
    check: (data, world) => same([data.groupId, data.faceCount], [world.people.groupId, 4], 'groupId and faceCount'),
  },
  {
    name: 'a group that is created in v2.0 exists in v1.0, and the reverse',
    run: async (world) => {
      const groupId = await world.newGroup({ dialect });
      await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
      await world.refused({ method: 'POST', path: '/groups', body: { groupId } }, -40020);
      await world.succeed({ method: 'DELETE', path: `/groups/${groupId}` });
      await world.refused({ method: 'GET', path: `/groups/${groupId}`, dialect }, -40030);
    },
  },
  ...(
    [
      ['with a capital letter', 'Conformance-x', -40010],
      ['of 256 characters', 'x'.repeat(256), -40010],
      ['that is a number', 5, -40000],
      ['that is missing', undefined, -40000],
    ] as const
  ).map(([what, groupId, code]): Case => ({
    name: `create group: a groupId ${what}`,
    ask: { method: 'POST', path: '/groups', dialect, body: { groupId } },
    code,
  })),
  {
    name: 'create group: a group that exists already',
    ask: (world) => ({ method: 'POST', path: '/groups', dialect, body: { groupId: world.people.groupId } }),
    code: -40020,
  },
  {
    name: 'delete group: a success without data, and the group is not found any more',
    run: async (world) => {
      const groupId = await world.newGroup({ dialect });
      const ask = { method: 'DELETE', path: `/groups/${groupId}`, dialect };
      const reply = await world.client.ask(ask);
      must(reply.code === 0 && reply.data === undefined, 'a success without data');
      await world.refused(ask, -40030);
    },
  },
];

const faces = (query: string | ((world: World) => string)) => (world: World) =>
  askFor(V2, operation(V2, 'list faces'), world, { query: typeof query === 'string' ? query : query(world) });

const faceListCases: Case[] = [
  {
    name: 'list faces: all, newest first, without modelVersion',
    ask: to('list faces'),
    shape: shapes.faceList,
    check: (data, { people }) => {
      const { ann, annAgain, bob, carol } = people;
      same(
        data.faces.map(({ faceId }) => faceId),
        [carol, bob, annAgain, ann],
        'faces',
      );
    },
  },
  {
    name: 'list faces: by face-id',
    ask: faces(({ people }) => `face-id=${people.bob}`),
    shape: shapes.faceList,
    check: (data, { people }) =>
      same(
        data.faces.map(({ faceId }) => faceId),
        [people.bob],
        'faces',
      ),
  },
  {
    name: 'list faces: by external-image-id',
    ask: faces('external-image-id=ann-2'),
    shape: shapes.faceList,
    check: (data, { people }) =>
      same(
        data.faces.map(({ faceId }) => faceId),
        [people.annAgain],
        'faces',
      ),
  },
  {
    name: 'list faces: by image-id, all faces of one picture',
    run: async (world) => {
      const groupId = await world.newGroup({ dialect });
      const place = { groupId, faceId: '' };
      const register = (picture: Buffer) =>
        to('register', { place, body: { image: toImageBytes(picture), limit: 20 } })(world);
      const { addedFaces } = await world.succeed(register(world.pictures.annAndSmallBob));
      await world.succeed(register(world.pictures.ann));
      const query = `image-id=${addedFaces[0]!.imageId}`;
      const data = await world.succeed(to('list faces', { place, query })(world));
      const listIds = (all: readonly { faceId: string }[]): string[] => all.map(({ faceId }) => faceId).sort();
      same(listIds(data.faces), listIds(addedFaces), 'faces');
      same(data.faceCount, 2, 'faceCount');
    },
  },
  {
    name: 'list faces: filtered, page by page',
    run: async (world) => {
      const groupId = await world.newGroup({ dialect });
      const place = { groupId, faceId: '' };
      for (const externalImageId of ['x', 'y', 'x', 'y', 'x']) {
        await world.succeed(to('register', { place, body: { externalImageId, limit: 1 } })(world));
      }
      const seen: string[] = [];
      let query: string | undefined = 'external-image-id=x&limit=2';
      for (let page = 0; query !== undefined && page < 5; page++) {
        const { faces: found, nextToken } = await world.succeed(to('list faces', { place, query })(world));
        must(
          found.every(({ externalImageId }) => externalImageId === 'x'),
          'only faces of the filter',
        );
        seen.push(...found.map(({ faceId }) => faceId));
        query = nextToken && `external-image-id=x&next-token=${encodeURIComponent(nextToken)}`;
      }
      same([seen.length, new Set(seen).size], [3, 3], 'number of faces, and of different faces:');
    },
  },
  ...[
    ['a face-id of nobody', `face-id=${randomUUID()}`],
    ['an image-id of nothing', `image-id=${randomUUID()}`],
    ['an external-image-id of nobody', 'external-image-id=conformance-nobody'],
  ].map(([what, query]): Case => ({
    name: `list faces: ${what} gives an empty list`,
    ask: faces(query!),
    shape: shapes.faceList,
    check: (data) => same(data.faceCount, 0, 'faceCount'),
  })),
  ...['limit=0', 'limit=201', 'limit=ten'].map((query): Case => ({
    name: `list faces: ${query}`,
    ask: faces(query),
    code: -40000,
  })),
  { name: 'list faces: a made-up next-token', ask: faces('next-token=bm90LWEtdG9rZW4'), code: -40040 },
  { name: 'list groups: a made-up next-token', ask: to('list groups', { query: 'next-token=AAAA' }), code: -40040 },
  { name: 'list groups: limit=201', ask: to('list groups', { query: 'limit=201' }), code: -40000 },
];

const searchCases: Case[] = [
  {
    name: 'search by face: the other picture of the same person',
    ask: to('search by face'),
    shape: shapes.searchByFace,
    check: (data, { people }) =>
      same(
        data.matchFaces.map(({ face }) => face.faceId),
        [people.annAgain],
        'the matches',
      ),
  },
  ...['limit=0', 'limit=101', 'limit=4096', 'limit=ten', 'threshold=0', 'threshold=100.01'].map((query): Case => ({
    name: `search by face: ${query}`,
    ask: to('search by face', { query }),
    code: -40000,
  })),
  ...['limit=1', 'limit=100', 'threshold=1', 'threshold=100'].map((query): Case => ({
    name: `search by face: ${query} is accepted`,
    ask: to('search by face', { query }),
    shape: shapes.searchByFace,
  })),
  {
    name: 'search by image: both pictures of a person are found',
    ask: (world) => to('search by image', { body: { image: toImageBytes(world.pictures.annThird) } })(world),
    shape: shapes.searchByImage(),
    check: (data) => same(data.matchFaceCount, 2, 'matchFaceCount'),
  },
  ...[
    { limit: 0 },
    { limit: 101 },
    { limit: 4096 },
    { limit: 1.5 },
    { limit: '5' },
    { threshold: 0 },
    { threshold: 100.01 },
    { threshold: '90' },
  ].map((body): Case => ({
    name: `search by image: ${JSON.stringify(body)} in the body`,
    ask: to('search by image', { body }),
    code: -40000,
  })),
  {
    name: 'search by image: the limit in the body applies',
    ask: to('search by image', { body: { limit: 1 } }),
    check: (data, { people }) =>
      same(
        data.matchFaces.map(({ face }) => face.faceId),
        [people.ann],
        'the matches',
      ),
  },
  {
    name: 'search by image: the threshold in the body applies',
    ask: (world) =>
      to('search by image', { body: { image: toImageBytes(world.pictures.annThird), threshold: 100 } })(world),
    check: (data) => same(data.matchFaceCount, 0, 'matchFaceCount'),
  },
  {
    name: 'search by image: no face is a success without sourceFace',
    ask: (world) => to('search by image', { body: { image: toImageBytes(world.pictures.empty) } })(world),
    shape: shapes.searchByImage({}, false),
  },
];

const otherCases: Case[] = [
  ...[0, 21, '3'].map((limit): Case => ({
    name: `register: limit ${JSON.stringify(limit)}`,
    ask: to('register', { body: { limit } }),
    code: -40000,
  })),
  {
    name: 'register, search by face and delete face work on the same gallery',
    run: async (world) => {
      const groupId = await world.newGroup({ dialect });
      const { addedFaces } = await world.succeed(to('register', { place: { groupId, faceId: '' } })(world));
      const place = { groupId, faceId: addedFaces[0]!.faceId };
      same((await world.succeed(to('search by face', { place })(world))).matchFaceCount, 0, 'matchFaceCount');
      const reply = await world.client.ask(to('delete face', { place })(world));
      must(reply.code === 0 && reply.data === undefined, 'a success without data');
      await world.refused(to('search by face', { place })(world), -40050);
    },
  },
  ...[0, 100.01, '90'].map((threshold): Case => ({
    name: `compare: threshold ${JSON.stringify(threshold)}`,
    ask: to('compare', { body: { threshold } }),
    code: -40000,
  })),
  {
    name: 'compare: the threshold in the body applies',
    ask: (world) =>
      to('compare', { body: { targetImage: toImageBytes(world.pictures.annThird), threshold: 100 } })(world),
    shape: shapes.compare(),
    check: (data) => same([data.matchedFaceDetailCount, data.unmatchedFaceDetailCount], [0, 1], 'the counts'),
  },
  {
    name: 'compare: a bad source picture is reported with its side',
    ask: to('compare', { body: { sourceImage: { bytes: '***' } } }),
    code: -45030,
    side: ':Source',
  },
  {
    name: 'compare: a bad target picture is reported with its side',
    ask: to('compare', { body: { targetImage: { bytes: '***' } } }),
    code: -45030,
    side: ':Target',
  },
  {
    name: 'verify: the same person has a similarity of at least 90',
    ask: (world) => to('verify', { body: { compareImage: toImageBytes(world.pictures.annThird) } })(world),
    shape: shapes.verify(),
    check: (data) => must(data.similarity >= 90, 'a similarity of at least 90'),
  },
  {
    name: 'v1.0 asks for no secret key',
    ask: { method: 'GET', path: '/groups', secretKey: null },
  },
];

export const v2Cases: Case[] = [
  ...pathCases,
  ...unknownKeyCases(V2),
  ...secretCases,
  ...bodyCases(V2, 3),
  ...pictureParameterCases(V2, 6),
  ...flagCases(V2, 3),
  ...fieldCases(V2),
  ...notFoundCases(V2),
  ...groupCases,
  ...faceListCases,
  ...searchCases,
  ...otherCases,
  ...formCases,
];
