// Cases of the appKey: it is checked first, and one key sees nothing of another's groups.
import { randomUUID } from 'node:crypto';
import { askFor, operation, V1, type Dialect } from '../operations.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes } from '../world.js';

const NOWHERE = { groupId: 'conformance-no-such-group', faceId: randomUUID() };

/** Every operation refuses an unknown appKey, whatever else is wrong with the request. */
export function unknownKeyCases(dialect: Dialect): Case[] {
  return dialect.operations.flatMap((one): Case[] => {
    const more = { appKey: 'conformance-unknown-key' };
    const code = dialect.unauthorised;
    const cases: Case[] = [
      { name: `${one.name}: an unknown appKey`, code, ask: (world) => askFor(dialect, one, world, { more }) },
    ];
    if (one.method === 'POST') {
      cases.push({
        name: `${one.name}: an unknown appKey comes before a bad body and a missing group`,
        code,
        ask: (world) => askFor(dialect, one, world, { place: NOWHERE, more: { ...more, body: undefined, raw: '{' } }),
      });
    } else if (one.within) {
      cases.push({
        name: `${one.name}: an unknown appKey comes before a missing group`,
        code,
        ask: (world) => askFor(dialect, one, world, { place: NOWHERE, more }),
      });
    }
    return cases;
  });
}

const list = { method: 'GET', path: '/groups' };

export const keyCases: Case[] = [
  ...[
    ['of one letter', 'x'],
    ['of 300 letters', 'x'.repeat(300)],
    ['of 43 letters, as Lintel makes them', 'A'.repeat(43)],
    ['with a space', '%20'],
    ['with a slash, encoded', 'a%2Fb'],
    ['with a zero byte, encoded', '%00'],
    ['with letters beyond ASCII', '%E9%8D%B5'],
    ['of quotes', '%27%20or%20%271%27=%271'],
  ].map(([what, appKey]): Case => ({ name: `an appKey ${what} is unknown`, ask: { ...list, appKey }, code: -41000 })),
  {
    name: 'a revoked appKey is refused',
    needs: 'spawn',
    ask: (world) => ({ ...list, appKey: world.spawned.revokedAppKey }),
    code: -41000,
  },
  { name: 'x-nhn-apikey is accepted and ignored', ask: { ...list, headers: { 'x-nhn-apikey': 'anything' } } },
  {
    name: 'x-nhn-apikey does not stand in for an appKey',
    ask: (world) => ({ ...list, appKey: 'conformance-unknown-key', headers: { 'x-nhn-apikey': world.prefix } }),
    code: -41000,
  },
];

/** Cases that the groups of one key do not exist for another one. */
export const isolationCases: Case[] = [
  ...V1.operations
    .filter((one) => one.within)
    .map((one): Case => ({
      name: `${one.name}: another appKey's group is not found`,
      needs: 'otherAppKey',
      code: -40030,
      ask: (world) => askFor(V1, one, world, { more: { appKey: world.options.otherAppKey } }),
    })),
  {
    name: "the list of groups holds none of another appKey's",
    needs: 'otherAppKey',
    ask: (world) => ({ method: 'GET', path: '/groups?limit=200', appKey: world.options.otherAppKey }),
    check: (data, world) =>
      must(!data.groups.some(({ groupId }) => groupId.startsWith(world.prefix)), "none of the first appKey's groups"),
  },
  {
    name: 'two appKeys may have a group of one name each, and deleting one leaves the other',
    needs: 'otherAppKey',
    run: async (world) => {
      const appKey = world.options.otherAppKey;
      const groupId = await world.newGroup();
      const register = askFor(V1, operation(V1, 'register'), world, { place: { groupId, faceId: '' } });
      await world.succeed(register);
      await world.succeed({ method: 'POST', path: '/groups', body: { groupId }, appKey });
      const theirs = await world.succeed({ method: 'GET', path: `/groups/${groupId}`, appKey });
      same(theirs.groups[0]!.faceCount, 0, "the other appKey's faceCount");
      const search = {
        method: 'POST',
        path: `/groups/${groupId}/search`,
        body: { image: toImageBytes(world.pictures.ann) },
      };
      same((await world.succeed({ ...search, appKey })).matchFaceCount, 0, "the other appKey's matchFaceCount");
      await world.succeed({ method: 'DELETE', path: `/groups/${groupId}`, appKey });
      const mine = await world.succeed({ method: 'GET', path: `/groups/${groupId}` });
      same(mine.groups[0]!.faceCount, 1, 'faceCount');
    },
  },
];
