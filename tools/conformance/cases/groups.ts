// Cases of groups: create, list, details, delete.
import { V1 } from '../operations.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes } from '../world.js';

const { shapes } = V1;
const create = (groupId: unknown) => ({ method: 'POST', path: '/groups', body: { groupId } });

export const groupCases: Case[] = [
  ...(
    [
      ['digits and dashes', (prefix: string) => `${prefix}0-9--`],
      ['a dash at its end', (prefix: string) => `${prefix}-`],
      ['255 characters', (prefix: string) => prefix.padEnd(255, 'x')],
    ] as const
  ).map(([what, makeId]): Case => ({
    name: `create group: a groupId with ${what}`,
    run: async (world) => {
      const groupId = makeId(world.prefix);
      const reply = await world.client.ask(create(groupId));
      must(reply.code === 0 && reply.data === undefined, 'a success without data');
      const data = await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
      same(data.groups[0]!.groupId, groupId, 'groupId');
    },
  })),
  ...[
    ['empty', ''],
    ['of 256 characters', 'x'.repeat(256)],
    ['with a capital letter', 'Conformance-x'],
    ['with an underscore', 'conformance_x'],
    ['with a dot', 'conformance.x'],
    ['with a slash', 'conformance/x'],
    ['with a space', 'conformance x'],
    ['with a newline at its end', 'conformance-x\n'],
    ['with letters beyond ASCII', '門'],
    ['with full-width digits', 'conformance-１'],
  ].map(([what, groupId]): Case => ({ name: `create group: a groupId ${what}`, ask: create(groupId), code: -40010 })),
  ...(
    [
      ['missing', undefined],
      ['null', null],
      ['a number', 5],
      ['an array', ['conformance-x']],
      ['an object', {}],
      ['true', true],
    ] as const
  ).map(([what, groupId]): Case => ({
    name: `create group: groupId is ${what}`,
    ask: create(groupId),
    code: -40000,
  })),
  {
    name: 'create group: a group that exists already',
    ask: (world) => create(world.people.groupId),
    code: -40020,
  },
  {
    name: 'create group: of twelve requests at the same moment, one succeeds',
    run: async (world) => {
      const groupId = world.newGroupId();
      const codes = await Promise.all(
        Array.from({ length: 12 }, async () => (await world.client.ask(create(groupId))).code),
      );
      same(codes.filter((code) => code === 0).length, 1, 'number of requests that succeed:');
      must(
        codes.every((code) => code === 0 || code === -40020),
        'resultCode -40020 for all others',
      );
    },
  },
  {
    name: 'group details: the documented fields',
    ask: (world) => ({ method: 'GET', path: `/groups/${world.people.groupId}` }),
    shape: shapes.groupDetails,
    check: (data, world) => {
      same(data.groups[0]!.groupId, world.people.groupId, 'groupId');
      same(data.groups[0]!.faceCount, 4, 'faceCount');
    },
  },
  {
    name: 'group details: createTime is the current time in UTC',
    needs: 'spawn',
    ask: (world) => ({ method: 'GET', path: `/groups/${world.people.groupId}` }),
    check: (data) => {
      const agoMs = Date.now() - Date.parse(`${data.groups[0]!.createTime}Z`);
      must(agoMs > -2_000 && agoMs < 600_000, 'a createTime of the last ten minutes');
    },
  },
  {
    name: 'group details: faceCount follows registrations and deletions',
    run: async (world) => {
      const groupId = await world.newGroup();
      const counted = async (expected: number): Promise<void> => {
        const data = await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
        same(data.groups[0]!.faceCount, expected, 'faceCount');
      };
      await counted(0);
      const faceId = await world.enrol(groupId, world.pictures.bob);
      await world.enrol(groupId, world.pictures.ann);
      await counted(2);
      await world.succeed({ method: 'DELETE', path: `/groups/${groupId}/faces/${faceId}` });
      await counted(1);
    },
  },
  {
    name: 'list groups: the documented fields',
    ask: { method: 'GET', path: '/groups' },
    shape: shapes.groupList,
  },
  {
    name: 'delete group: no operation finds it or its faces any more',
    run: async (world) => {
      const groupId = await world.newGroup();
      const faceId = await world.enrol(groupId, world.pictures.bob);
      const path = `/groups/${groupId}`;
      const image = toImageBytes(world.pictures.bob);
      const reply = await world.client.ask({ method: 'DELETE', path });
      must(reply.code === 0 && reply.data === undefined, 'a success without data');
      for (const ask of [
        { method: 'GET', path },
        { method: 'DELETE', path },
        { method: 'GET', path: `${path}/faces` },
        { method: 'GET', path: `${path}/faces/${faceId}` },
        { method: 'DELETE', path: `${path}/faces/${faceId}` },
        { method: 'POST', path, body: { image } },
        { method: 'POST', path: `${path}/search`, body: { image } },
        { method: 'POST', path: `/verify${path}/faces/${faceId}`, body: { compareImage: image } },
      ]) {
        await world.refused(ask, -40030);
      }
    },
  },
  {
    name: 'delete group: a new group of the same name is empty',
    run: async (world) => {
      const groupId = await world.newGroup();
      await world.enrol(groupId, world.pictures.bob);
      await world.succeed({ method: 'DELETE', path: `/groups/${groupId}` });
      await world.succeed(create(groupId));
      const details = await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
      same(details.groups[0]!.faceCount, 0, 'faceCount');
      same((await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces` })).faceCount, 0, 'faceCount');
      const body = { image: toImageBytes(world.pictures.bob) };
      const found = await world.succeed({ method: 'POST', path: `/groups/${groupId}/search`, body });
      same(found.matchFaceCount, 0, 'matchFaceCount');
    },
  },
];
