// Cases of pictures as multipart/form-data, in every operation of v2.0 that takes a picture.
import { askFor, operation, V2, type OperationName } from '../operations.js';
import type { Pictures } from '../pictures.js';
import { must, same, type Case } from '../suite.js';
import { padJpeg } from '../image-files.js';
import type { World } from '../world.js';

const { shapes } = V2;
type Part = string | ((pictures: Pictures, world: World) => Uint8Array);

/** @param parts texts, and pictures as files */
const form =
  (name: OperationName, parts: Record<string, Part>, findGroup = (world: World) => world.people.groupId) =>
  (world: World) => {
    const data = new FormData();
    for (const [field, part] of Object.entries(parts)) {
      if (typeof part === 'string') data.set(field, part);
      else
        data.set(
          field,
          new Blob([Uint8Array.from(part(world.pictures, world))], { type: 'image/jpeg' }),
          `${field}.jpg`,
        );
    }
    const place = { groupId: findGroup(world), faceId: world.people.ann };
    return askFor(V2, operation(V2, name), world, { place, more: { body: undefined, form: data } });
  };

const ann = (pictures: Pictures): Buffer => pictures.ann;
const annThird = (pictures: Pictures): Buffer => pictures.annThird;

const refused = (name: OperationName, what: string, code: number, parts: Record<string, Part>): Case => ({
  name: `${name} by form: ${what}`,
  ask: form(name, parts),
  code,
});

const takenCases: Case[] = [
  {
    name: 'detect by form',
    ask: form('detect', { imageFile: ann }),
    shape: shapes.detect(),
    check: (data) => same(data.faceDetailCount, 1, 'faceDetailCount'),
  },
  {
    name: 'detect by form: flags are texts',
    ask: form('detect', { imageFile: ann, orientation: 'false', mask: 'false', spoofing: 'true' }),
    shape: shapes.detect({ orientation: false, mask: false, spoofing: true }),
  },
  {
    name: 'detect by form: flags in any case, and as digits',
    ask: form('detect', { imageFile: ann, orientation: 'False', mask: '0', spoofing: 'TRUE' }),
    shape: shapes.detect({ orientation: false, mask: false, spoofing: true }),
  },
  {
    name: 'detect by form: the answer is that of a JSON request',
    run: async (world) => {
      const byForm = await world.succeed(form('detect', { imageFile: ann })(world));
      same(await world.succeed(askFor(V2, operation(V2, 'detect'), world)), byForm, 'data');
    },
  },
  {
    name: 'register by form: limit and externalImageId are texts',
    run: async (world) => {
      const groupId = await world.newGroup({ dialect: V2.name });
      const parts: Record<string, Part> = { imageFile: ({ crowd }) => crowd, limit: '2', externalImageId: 'form-1' };
      const data = await world.succeed(form('register', parts, () => groupId)(world));
      same([data.addedFaceCount, data.notAddedFaceCount], [2, 6], 'both counts');
      same(data.addedFaces[0]!.externalImageId, 'form-1', 'externalImageId');
    },
  },
  {
    name: 'search by image by form',
    ask: form('search by image', { imageFile: annThird }),
    shape: shapes.searchByImage(),
    check: (data) => same(data.matchFaceCount, 2, 'matchFaceCount'),
  },
  {
    name: 'search by image by form: limit and threshold are texts',
    ask: form('search by image', { imageFile: ann, limit: '1', threshold: '99.5' }),
    check: (data, { people }) =>
      same(
        data.matchFaces.map(({ face }) => face.faceId),
        [people.ann],
        'the matches',
      ),
  },
  {
    name: 'compare by form: two files',
    ask: form('compare', { sourceImageFile: ann, targetImageFile: annThird }),
    shape: shapes.compare(),
    check: (data) => same(data.matchedFaceDetailCount, 1, 'matchedFaceDetailCount'),
  },
  {
    name: 'compare by form: threshold is a text',
    ask: form('compare', { sourceImageFile: ann, targetImageFile: annThird, threshold: '100' }),
    check: (data) => same(data.unmatchedFaceDetailCount, 1, 'unmatchedFaceDetailCount'),
  },
  ...(['sourceImage', 'targetImage'] as const).map((byUrl): Case => ({
    name: `compare by form: a file, and ${byUrl} by url`,
    needs: 'spawn',
    ask: (world) => {
      const byFile = byUrl === 'sourceImage' ? 'targetImage' : 'sourceImage';
      const parts = { [`${byUrl}Url`]: world.spawned.server.url('/face.jpg'), [`${byFile}File`]: annThird };
      return form('compare', parts)(world);
    },
    shape: shapes.compare(),
    check: (data) => same(data.matchedFaceDetailCount, 1, 'matchedFaceDetailCount'),
  })),
  {
    name: 'verify by form',
    run: async (world) => {
      // The field is imageFile in every operation with one picture.
      const data = await world.succeed(form('verify', { imageFile: annThird })(world));
      must(data.similarity >= 90, 'a similarity of at least 90');
      same(data.face.faceId, world.people.ann, 'the face');
    },
  },
];

const SINGLE: readonly OperationName[] = ['detect', 'register', 'search by image', 'verify'];

const refusedCases: Case[] = [
  ...SINGLE.flatMap((name) => [
    refused(name, 'no file', -40000, { orientation: 'true' }),
    refused(name, 'a flag that is neither true nor false', -40000, { imageFile: ann, mask: 'perhaps' }),
    refused(name, 'a file of plain text', -45040, { imageFile: ({ formats }) => formats['plain text'] }),
    refused(name, 'half a picture', -45080, { imageFile: ({ broken }) => broken['a JPEG cut in the middle']! }),
    refused(name, 'a picture of one byte more than allowed', -45020, {
      imageFile: (pictures, { options }) => padJpeg(pictures.ann, options.maxImageBytes + 1),
    }),
  ]),
  refused('register', 'a limit beyond its range', -40000, { imageFile: ann, limit: '21' }),
  refused('register', 'a limit that is not a number', -40000, { imageFile: ann, limit: 'three' }),
  refused('register', 'a bad externalImageId', -40000, { imageFile: ann, externalImageId: 'a b' }),
  refused('search by image', 'a limit beyond its range', -40000, { imageFile: ann, limit: '101' }),
  refused('search by image', 'a threshold of 0', -40000, { imageFile: ann, threshold: '0' }),
  refused('compare', 'no source', -40000, { targetImageFile: ann }),
  refused('compare', 'no target', -40000, { sourceImageFile: ann }),
  refused('compare', 'a source by file and by url', -40000, {
    sourceImageFile: ann,
    sourceImageUrl: 'http://example.com/face.jpg',
    targetImageFile: ann,
  }),
  refused('compare', 'a refused url', -45050, { sourceImageFile: ann, targetImageUrl: 'http://127.0.0.1/face.jpg' }),
  {
    name: 'compare by form: a bad target is reported with its side',
    ask: form('compare', { sourceImageFile: ann, targetImageFile: ({ formats }) => formats['plain text'] }),
    code: -45040,
    side: ':Target',
  },
  {
    name: 'register by form: a missing group comes before a bad picture',
    ask: form('register', { imageFile: ({ formats }) => formats['plain text'] }, () => 'conformance-no-such-group'),
    code: -40030,
  },
  {
    name: 'register by form: a missing file comes before a missing group',
    ask: form('register', { mask: 'true' }, () => 'conformance-no-such-group'),
    code: -40000,
  },
  {
    name: 'detect by form: a wrong secret key comes before all other errors',
    ask: (world) => ({ ...form('detect', {})(world), secretKey: 'conformance-wrong-secret-key' }),
    code: -41005,
  },
  ...(
    [
      ['no boundary', 'multipart/form-data', '--x\r\n\r\n--x--\r\n'],
      ['a body without the boundary', 'multipart/form-data; boundary=x', 'nothing of it'],
      [
        'a body that ends early',
        'multipart/form-data; boundary=x',
        '--x\r\ncontent-disposition: form-data; name="mask"\r\n\r\ntr',
      ],
      ['an empty body', 'multipart/form-data; boundary=x', ''],
    ] as const
  ).map(([what, type, raw]): Case => ({
    name: `detect by form: ${what}`,
    ask: { method: 'POST', path: '/faces/detect', dialect: V2.name, raw, headers: { 'content-type': type } },
    code: -40000,
  })),
];

export const formCases: Case[] = [...takenCases, ...refusedCases];
