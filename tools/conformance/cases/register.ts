// Cases of register (faces it adds and leaves out) and of deleting faces.
import { V1 } from '../operations.js';
import type { Pictures } from '../pictures.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';
import { largestFirst } from './detect.js';

const { shapes } = V1;

const register = (groupId: string, picture: Buffer, more: object = {}) => ({
  method: 'POST',
  path: `/groups/${groupId}`,
  body: { image: toImageBytes(picture), ...more },
});
const intoNewGroup =
  (picture: (pictures: Pictures) => Buffer, more: object = {}) =>
  async (world: World) =>
    register(await world.newGroup(), picture(world.pictures), more);

export const registerCases: Case[] = [
  {
    name: 'register: one face, with the documented fields',
    ask: intoNewGroup(({ ann }) => ann, { externalImageId: 'image01.jpg' }),
    shape: shapes.register(),
    check: (data) => {
      same([data.addedFaceCount, data.notAddedFaceCount], [1, 0], 'addedFaceCount and notAddedFaceCount');
      same(data.addedFaces[0]!.externalImageId, 'image01.jpg', 'externalImageId');
      same(data.addedFaces[0]!.bbox, data.addedFaceDetails[0]!.bbox, 'bbox');
      same(data.addedFaces[0]!.confidence, data.addedFaceDetails[0]!.confidence, 'confidence');
    },
  },
  {
    name: 'register: no externalImageId where none was given',
    ask: intoNewGroup(({ ann }) => ann),
    check: (data) => must(!('externalImageId' in data.addedFaces[0]!), 'no externalImageId'),
  },
  ...(
    [
      ['one character', 'x'],
      ['255 characters', 'x'.repeat(255)],
      ['every kind of character', 'aZ09_.:-'],
    ] as const
  ).map(([what, externalImageId]): Case => ({
    name: `register: an externalImageId of ${what} is kept`,
    run: async (world) => {
      const groupId = await world.newGroup();
      const data = await world.succeed(register(groupId, world.pictures.ann, { externalImageId }));
      same(data.addedFaces[0]!.externalImageId, externalImageId, 'externalImageId');
      const { faces } = await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces` });
      same(faces[0]!.externalImageId, externalImageId, 'externalImageId in the list');
    },
  })),
  ...(
    [
      [undefined, 3],
      [1, 1],
      [5, 5],
      [8, 8],
      [20, 8],
    ] as const
  ).map(([limit, added]): Case => ({
    name: `register: eight people with ${limit === undefined ? 'no limit' : `limit ${limit}`} add the ${added} largest`,
    ask: intoNewGroup(({ crowd }) => crowd, { limit }),
    shape: shapes.register(),
    check: (data) => {
      same([data.addedFaceCount, data.notAddedFaceCount], [added, 8 - added], 'addedFaceCount and notAddedFaceCount');
      largestFirst([...data.addedFaceDetails, ...data.notAddedFaces]);
      same(new Set(data.addedFaces.map(({ imageId }) => imageId)).size, 1, 'number of imageIds:');
      same(new Set(data.addedFaces.map(({ faceId }) => faceId)).size, added, 'number of faceIds:');
    },
  })),
  {
    name: 'register: two pictures have two imageIds',
    run: async (world) => {
      const groupId = await world.newGroup();
      const first = await world.succeed(register(groupId, world.pictures.ann));
      const second = await world.succeed(register(groupId, world.pictures.ann));
      must(first.addedFaces[0]!.imageId !== second.addedFaces[0]!.imageId, 'another imageId');
      must(first.addedFaces[0]!.faceId !== second.addedFaces[0]!.faceId, 'another faceId');
    },
  },
  {
    name: 'register: no face is a success that adds nothing',
    ask: intoNewGroup(({ empty }) => empty),
    shape: shapes.register(),
    check: (data) => same([data.addedFaceCount, data.notAddedFaceCount], [0, 0], 'both counts'),
  },
  {
    name: 'register: a face turned too far is not added, and is reported',
    ask: intoNewGroup(({ turned }) => turned),
    shape: shapes.register(),
    check: (data) => same([data.addedFaceCount, data.notAddedFaceCount], [0, 1], 'both counts'),
  },
  {
    name: 'register: an eligible face beside one turned too far is added',
    ask: intoNewGroup(({ annAndTurned }) => annAndTurned),
    shape: shapes.register(),
    check: (data) => same([data.addedFaceCount, data.notAddedFaceCount], [1, 1], 'both counts'),
  },
  {
    name: "register: modelVersion is the group's",
    run: async (world) => {
      const groupId = await world.newGroup();
      const { modelVersion } = await world.succeed(register(groupId, world.pictures.ann));
      const details = await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
      same(modelVersion, details.groups[0]!.modelVersion, 'modelVersion');
    },
  },
  {
    name: 'register: all faces of a picture are listed, with the same boxes',
    run: async (world) => {
      const groupId = await world.newGroup();
      const { addedFaces } = await world.succeed(register(groupId, world.pictures.crowd, { limit: 20 }));
      const { faces } = await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces` });
      const byId = (a: { faceId: string }, b: { faceId: string }): number => (a.faceId < b.faceId ? -1 : 1);
      same([...faces].sort(byId), [...addedFaces].sort(byId), 'the faces');
    },
  },
  {
    name: 'delete face: no operation finds it any more, and the other faces stay',
    run: async (world) => {
      const groupId = await world.newGroup();
      const gone = await world.enrol(groupId, world.pictures.ann);
      const stays = await world.enrol(groupId, world.pictures.annAgain);
      const face = `/groups/${groupId}/faces/${gone}`;
      const image = toImageBytes(world.pictures.ann);
      const reply = await world.client.ask({ method: 'DELETE', path: face });
      must(reply.code === 0 && reply.data === undefined, 'a success without data');
      await world.refused({ method: 'GET', path: face }, -40050);
      await world.refused({ method: 'DELETE', path: face }, -40050);
      await world.refused({ method: 'POST', path: `/verify${face}`, body: { compareImage: image } }, -40050);
      const listed = await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces` });
      same(
        listed.faces.map(({ faceId }) => faceId),
        [stays],
        'the faces',
      );
      const search = { method: 'POST', path: `/groups/${groupId}/search?threshold=1`, body: { image } };
      same(
        (await world.succeed(search)).matchFaces.map(({ face: { faceId } }) => faceId),
        [stays],
        'the matches',
      );
      const byFace = await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces/${stays}?threshold=1` });
      same(byFace.matchFaceCount, 0, 'matchFaceCount');
    },
  },
];
