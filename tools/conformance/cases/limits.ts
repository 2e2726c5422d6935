// Cases of the quotas and of the queue, on a spawned service whose limits are small.
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';

const register = (groupId: string, picture: Buffer, limit = 20) => ({
  method: 'POST',
  path: `/groups/${groupId}`,
  body: { image: toImageBytes(picture), limit },
});

/** Makes a group that is full. */
async function fullGroup(world: World): Promise<string> {
  const groupId = await world.newGroup();
  for (let faces = 0; faces < world.spawned.maxFacesPerGroup; faces += 8) {
    await world.client.ask(register(groupId, world.pictures.crowd));
  }
  return groupId;
}

export const quotaCases: Case[] = [
  {
    name: 'quota: of eight people with four places left, the four largest are added, and the others are reported',
    needs: 'spawn',
    run: async (world) => {
      const groupId = await world.newGroup();
      for (let faces = 0; faces < world.spawned.maxFacesPerGroup - 4; faces += 8) {
        await world.succeed(register(groupId, world.pictures.crowd));
      }
      const reply = await world.client.ask(register(groupId, world.pictures.crowd));
      must(reply.code === 40070 && reply.data !== undefined, 'resultCode 40070 with data');
      same([reply.data.addedFaceCount, reply.data.notAddedFaceCount], [4, 4], 'both counts');
      const details = await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
      same(details.groups[0]!.faceCount, world.spawned.maxFacesPerGroup, 'faceCount');
    },
  },
  {
    name: 'quota: a full group accepts no face',
    needs: 'spawn',
    code: -40070,
    ask: async (world) => register(await fullGroup(world), world.pictures.ann),
  },
  {
    name: 'quota: a full group comes before a bad picture',
    needs: 'spawn',
    code: -40070,
    ask: async (world) => ({
      method: 'POST',
      path: `/groups/${await fullGroup(world)}`,
      body: { image: { bytes: '***' } },
    }),
  },
  {
    name: 'quota: a deletion makes room for one',
    needs: 'spawn',
    run: async (world) => {
      const groupId = await fullGroup(world);
      const { faces } = await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces?limit=1` });
      await world.succeed({ method: 'DELETE', path: `/groups/${groupId}/faces/${faces[0]!.faceId}` });
      same((await world.succeed(register(groupId, world.pictures.ann))).addedFaceCount, 1, 'addedFaceCount');
      await world.refused(register(groupId, world.pictures.ann), -40070);
    },
  },
  {
    name: 'quota: concurrent registrations never exceed the quota',
    needs: 'spawn',
    run: async (world) => {
      const groupId = await world.newGroup();
      const pictures = [
        world.pictures.crowd,
        world.pictures.crowd,
        world.pictures.annAndSmallBob,
        world.pictures.crowd,
      ];
      const replies = await Promise.all(pictures.map((picture) => world.client.ask(register(groupId, picture))));
      must(
        replies.every(({ code }) => [0, 40070, -40070].includes(code ?? NaN)),
        'resultCodes 0, 40070 and -40070',
      );
      const added = replies.reduce((sum, { data }) => sum + (data?.addedFaceCount ?? 0), 0);
      same(added, world.spawned.maxFacesPerGroup, 'number of added faces:');
      const details = await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
      same(details.groups[0]!.faceCount, added, 'faceCount');
    },
  },
  {
    name: 'quota: no group is created beyond the limit, and a deletion makes room for one',
    needs: 'spawn',
    run: async (world) => {
      const { maxGroups } = world.spawned;
      const more = { appKey: world.options.otherAppKey };
      const made: string[] = [];
      const create = (groupId: string) => ({ method: 'POST', path: '/groups', body: { groupId }, ...more });
      for (let i = 0; i <= maxGroups; i++) {
        const groupId = world.newGroupId();
        const reply = await world.client.ask(create(groupId));
        if (reply.code === -40070) break;
        same(reply.code, 0, 'resultCode');
        made.push(groupId);
      }
      same(made.length, maxGroups, 'number of groups that could be created:');
      await world.refused(create('Not A Group'), -40010);
      await world.refused(create(made[0]!), -40020);
      const left = made.pop();
      await world.succeed({ method: 'DELETE', path: `/groups/${left}`, ...more });
      made.push(await world.newGroup(more));
      for (const groupId of made) await world.succeed({ method: 'DELETE', path: `/groups/${groupId}`, ...more });
    },
  },
];

const FLOOD = 48;

export const overloadCases: Case[] = [
  {
    name: `overload: of ${FLOOD} pictures at once some are refused with Retry-After, and the others are answered correctly`,
    needs: 'spawn',
    run: async (world) => {
      const ask = { method: 'POST', path: '/detect', body: { image: toImageBytes(world.pictures.throng) } };
      const replies = await Promise.all(Array.from({ length: FLOOD }, () => world.client.ask(ask)));
      must(
        replies.every(({ code }) => code === 0 || code === -50300),
        'resultCodes 0 and -50300',
      );
      const busy = replies.filter(({ code }) => code === -50300);
      const answered = replies.filter(({ code }) => code === 0);
      must(busy.length > 0 && answered.length > 0, 'at least one answer of each code');
      must(
        busy.every(({ headers }) => /^\d+$/.test(headers.get('retry-after') ?? '')),
        'Retry-After in seconds',
      );
      must(
        answered.every(({ data }) => data?.faceDetailCount === 20),
        '20 faces in every answer',
      );
      await world.succeed(ask);
    },
  },
];
