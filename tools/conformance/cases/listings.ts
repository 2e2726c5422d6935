// Cases of the two lists: pages, tokens, and walks through all pages while the gallery changes.
import type { Data } from '../client.js';
import { V1 } from '../operations.js';
import { must, same, type Case } from '../suite.js';
import type { World } from '../world.js';

const { shapes } = V1;
/** Limit of the pages of one walk: a device in use may have many groups, but a walk must end. */
const MAX_PAGES = 2_000;

interface Walk {
  pages: Data[];
  ids: string[];
}

/** Reads a list page by page. @param between called after each page @throws Unfit */
async function walk(
  world: World,
  path: string,
  limit: number,
  listIds: (data: Data) => string[],
  between: (page: number) => Promise<void> = async () => undefined,
): Promise<Walk> {
  const pages: Data[] = [];
  let query = `limit=${limit}`;
  for (;;) {
    const data = await world.succeed({ method: 'GET', path: `${path}?${query}` });
    pages.push(data);
    must(listIds(data).length <= limit, `at most ${limit} in a page`);
    if (data.nextToken === undefined) break;
    must(listIds(data).length === limit, `${limit} in a page that is not the last`);
    must(pages.length < MAX_PAGES, `a walk of fewer than ${MAX_PAGES} pages`);
    await between(pages.length);
    query = `next-token=${encodeURIComponent(data.nextToken)}`;
  }
  return { pages, ids: pages.flatMap(listIds) };
}

const faceIds = (data: Data): string[] => data.faces.map(({ faceId }) => faceId);
const groupIds = (data: Data): string[] => data.groups.map(({ groupId }) => groupId);

/** Checks that each of `expected` is listed exactly once. @throws Unfit */
function eachOnce(ids: readonly string[], expected: readonly string[], what: string): void {
  for (const id of expected) same(ids.filter((other) => other === id).length, 1, `how often ${what} is in the walk:`);
  same(new Set(ids).size, ids.length, 'number of different ids:');
}

/** Requests the first page of a list with several pages. @returns its token @throws Unfit */
async function readToken(world: World, path: string): Promise<string> {
  const { nextToken } = await world.succeed({ method: 'GET', path: `${path}?limit=1` });
  must(nextToken !== undefined, 'a nextToken with the first of several pages');
  return nextToken;
}

/** Changes a character in the middle of the first or the last third. */
function altered(token: string, where: number): string {
  const at = Math.floor(token.length * where);
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

const FORGERIES: readonly [string, (token: string) => string][] = [
  ['that is empty', () => ''],
  ['that was not issued by the service', () => 'bm90LWEtdG9rZW4'],
  ['of 4,000 letters', () => 'A'.repeat(4_000)],
  ['with a character changed near its beginning', (token) => altered(token, 0.1)],
  ['with a character changed in its middle', (token) => altered(token, 0.5)],
  ['with a character changed near its end', (token) => altered(token, 0.9)],
  ['that lacks its end', (token) => token.slice(0, -4)],
  ['with further characters at its end', (token) => `${token}AAAA`],
  ['with a space in it', (token) => `${token.slice(0, 4)} ${token.slice(4)}`],
];

const LISTS: readonly [string, (world: World) => string][] = [
  ['list groups', () => '/groups'],
  ['list faces', (world) => `/groups/${world.people.groupId}/faces`],
];

const tokenCases = LISTS.flatMap(([name, makePath]): Case[] => [
  ...FORGERIES.map(([what, forge]): Case => ({
    name: `${name}: a next-token ${what}`,
    code: -40040,
    ask: async (world) => {
      const token = forge(await readToken(world, makePath(world)));
      return { method: 'GET', path: `${makePath(world)}?next-token=${encodeURIComponent(token)}` };
    },
  })),
  {
    name: `${name}: a token keeps its limit, and a limit beside it is ignored`,
    run: async (world) => {
      const token = encodeURIComponent(await readToken(world, makePath(world)));
      for (const limit of ['100', '0', 'many']) {
        const data = await world.succeed({
          method: 'GET',
          path: `${makePath(world)}?limit=${limit}&next-token=${token}`,
        });
        same(data.groupCount ?? data.faceCount, 1, 'number of entries in the page:');
      }
    },
  },
  {
    name: `${name}: one token may be used twice`,
    run: async (world) => {
      const path = `${makePath(world)}?next-token=${encodeURIComponent(await readToken(world, makePath(world)))}`;
      const first = await world.succeed({ method: 'GET', path });
      const second = await world.succeed({ method: 'GET', path });
      same(second.faces ?? second.groups, first.faces ?? first.groups, 'the page');
    },
  },
  {
    name: `${name}: a next-token of the other list`,
    code: -40040,
    ask: async (world) => {
      const [other] = LISTS.filter(([otherName]) => otherName !== name);
      const token = await readToken(world, other![1](world));
      return { method: 'GET', path: `${makePath(world)}?next-token=${encodeURIComponent(token)}` };
    },
  },
]);

export const listingCases: Case[] = [
  ...tokenCases,
  {
    name: "list faces: another group's next-token",
    code: -40040,
    ask: async (world) => {
      const token = await readToken(world, `/groups/${world.people.groupId}/faces`);
      return { method: 'GET', path: `/groups/${world.emptyGroup}/faces?next-token=${encodeURIComponent(token)}` };
    },
  },
  {
    name: "list groups: another appKey's next-token",
    needs: 'otherAppKey',
    code: -40040,
    ask: async (world) => {
      const token = encodeURIComponent(await readToken(world, '/groups'));
      return { method: 'GET', path: `/groups?next-token=${token}`, appKey: world.options.otherAppKey };
    },
  },
  {
    name: 'list faces: the documented fields, newest first',
    ask: (world) => ({ method: 'GET', path: `/groups/${world.people.groupId}/faces` }),
    shape: shapes.faceList,
    check: (data, world) => {
      const { ann, annAgain, bob, carol } = world.people;
      same(faceIds(data), [carol, bob, annAgain, ann], 'faces');
      same(
        data.faces.map(({ externalImageId }) => externalImageId),
        ['carol', 'bob', 'ann-2', 'ann-1'],
        'their labels',
      );
      same(data.nextToken, undefined, 'nextToken');
    },
  },
  {
    name: 'list faces: an empty group has no faces',
    ask: (world) => ({ method: 'GET', path: `/groups/${world.emptyGroup}/faces` }),
    shape: shapes.faceList,
    check: (data) => same([data.faceCount, data.nextToken], [0, undefined], 'faceCount and nextToken'),
  },
  ...[1, 2, 3].map((limit): Case => ({
    name: `list faces: a walk of four in pages of ${limit}`,
    run: async (world) => {
      const { groupId, ann, annAgain, bob, carol } = world.people;
      const { ids, pages } = await walk(world, `/groups/${groupId}/faces`, limit, faceIds);
      same(ids, [carol, bob, annAgain, ann], 'faces');
      must(pages.length <= Math.ceil(4 / limit) + 1, 'no needless pages');
    },
  })),
  {
    name: 'list groups: a walk in small pages sees each group once',
    run: async (world) => {
      const made = [world.people.groupId, world.emptyGroup];
      for (let i = 0; i < 3; i++) made.push(await world.newGroup());
      const { ids } = await walk(world, '/groups', 2, groupIds);
      eachOnce(ids, made, 'a group');
    },
  },
  {
    name: 'list groups: a walk sees every group that existed throughout, while others come and go',
    run: async (world) => {
      const stay: string[] = [];
      const go: string[] = [];
      for (let i = 0; i < 4; i++) {
        stay.push(await world.newGroup());
        go.push(await world.newGroup());
      }
      const { ids } = await walk(world, '/groups', 2, groupIds, async (page) => {
        const leaving = page % 2 === 0 ? go.pop() : go.shift();
        if (leaving !== undefined) await world.succeed({ method: 'DELETE', path: `/groups/${leaving}` });
        if (page <= 3) await world.newGroup();
      });
      eachOnce(ids, stay, 'a group that stays');
    },
  },
  {
    name: 'list faces: a walk sees every face that existed throughout, while others come and go',
    run: async (world) => {
      const groupId = await world.newGroup();
      const enrolled: string[] = [];
      const { ann, bob, carol } = world.pictures;
      for (const picture of [ann, bob, carol, ann, bob, carol, ann, bob]) {
        enrolled.push(await world.enrol(groupId, picture));
      }
      const go = [enrolled[7], enrolled[5], enrolled[2], enrolled[0]];
      const stay = enrolled.filter((id) => !go.includes(id));
      const { ids } = await walk(world, `/groups/${groupId}/faces`, 2, faceIds, async () => {
        const leaving = go.shift();
        if (leaving === undefined) return;
        await world.succeed({ method: 'DELETE', path: `/groups/${groupId}/faces/${leaving}` });
        await world.enrol(groupId, bob);
      });
      eachOnce(ids, stay, 'a face that stays');
    },
  },
];
