// Cases of search by face and by image: the matches, their order, and the threshold.
import type { Data } from '../client.js';
import { V1 } from '../operations.js';
import type { Pictures } from '../pictures.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';

const { shapes } = V1;

const byImage = (
  picture: (pictures: Pictures) => Buffer,
  query = '',
  findGroup = (world: World) => world.people.groupId,
) => {
  return (world: World) => ({
    method: 'POST',
    path: `/groups/${findGroup(world)}/search${query}`,
    body: { image: toImageBytes(picture(world.pictures)) },
  });
};
const byFace =
  (findFace: (world: World) => string, query = '') =>
  (world: World) => ({
    method: 'GET',
    path: `/groups/${world.people.groupId}/faces/${findFace(world)}${query}`,
  });

/** Checks that the matches are sorted, most similar first. @throws Unfit */
function mostSimilarFirst(data: Data): void {
  const { matchFaces } = data;
  must(
    matchFaces.every(({ similarity }, i) => i === 0 || similarity <= matchFaces[i - 1]!.similarity),
    'the most similar match first',
  );
}

const ids = (data: Data): string[] => data.matchFaces.map(({ face }) => face.faceId).sort();
const anns = ({ people }: World): string[] => [people.ann, people.annAgain].sort();

const edge = (name: string, ask: (query: string) => (world: World) => { method: string; path: string }): Case => ({
  name: `${name}: the threshold is inclusive: an equal similarity matches, a smaller one does not`,
  run: async (world) => {
    const best = (await world.succeed(ask('?limit=1&threshold=1')(world))).matchFaces[0]!;
    const { similarity } = best;
    must(similarity > 90 && similarity < 100, 'a similarity between 90 and 100');
    const at = await world.succeed(ask(`?threshold=${similarity}`)(world));
    must(
      at.matchFaces.some(({ face }) => face.faceId === best.face.faceId),
      `a match at threshold ${similarity}`,
    );
    const above = await world.succeed(ask(`?threshold=${(similarity + 0.0001).toFixed(4)}`)(world));
    must(
      !above.matchFaces.some(({ face }) => face.faceId === best.face.faceId),
      'no match at a threshold just above it',
    );
  },
});

export const searchCases: Case[] = [
  {
    name: 'search by image: both pictures of a person are found, and nobody else',
    ask: byImage(({ annThird }) => annThird),
    shape: shapes.searchByImage(),
    check: (data, world) => {
      same(ids(data), anns(world), 'the matches');
      mostSimilarFirst(data);
    },
  },
  {
    name: 'search by image: the enrolled picture itself is the best match, above 99',
    ask: byImage(({ ann }) => ann),
    check: (data, world) => {
      same(data.matchFaces[0]?.face.faceId, world.people.ann, 'the best match');
      must(data.matchFaces[0]!.similarity > 99, 'a similarity above 99');
    },
  },
  {
    name: 'search by image: a match carries the face as it was enrolled',
    run: async (world) => {
      const { matchFaces } = await world.succeed(byImage(({ bobAgain }) => bobAgain)(world));
      const { faces } = await world.succeed({ method: 'GET', path: `/groups/${world.people.groupId}/faces` });
      same(
        matchFaces.map(({ face }) => face),
        faces.filter(({ faceId }) => faceId === world.people.bob),
        'the match',
      );
    },
  },
  {
    name: 'search by image: a stranger matches nobody',
    ask: async (world) => {
      const groupId = await world.newGroup();
      await world.enrol(groupId, world.pictures.bob);
      return byImage(
        ({ ann }) => ann,
        '',
        () => groupId,
      )(world);
    },
    shape: shapes.searchByImage(),
    check: (data) => same(data.matchFaceCount, 0, 'matchFaceCount'),
  },
  {
    name: 'search by image: the largest face of the picture counts',
    ask: byImage(({ bobAndSmallAnn }) => bobAndSmallAnn),
    check: (data, world) => {
      same(ids(data), [world.people.bob], 'the matches');
      must((data.sourceFace?.bbox.x0 ?? 0) > 0.5, 'the larger face, on the right, as sourceFace');
    },
  },
  {
    name: 'search by image: limit=1 gives the best match alone',
    ask: byImage(({ ann }) => ann, '?limit=1'),
    check: (data, world) => same(ids(data), [world.people.ann], 'the matches'),
  },
  {
    name: 'search by image: a low threshold gives more matches, a higher one fewer',
    run: async (world) => {
      const counts: number[] = [];
      for (const threshold of [1, 50, 90, 100]) {
        const data = await world.succeed(byImage(({ annThird }) => annThird, `?threshold=${threshold}`)(world));
        must(
          data.matchFaces.every(({ similarity }) => similarity >= threshold),
          `similarities from ${threshold} on`,
        );
        mostSimilarFirst(data);
        counts.push(data.matchFaceCount);
      }
      must(
        counts.every((count, i) => i === 0 || count <= counts[i - 1]!),
        `falling counts, not ${counts.join(', ')}`,
      );
      same([counts[2], counts[3]], [2, 0], 'matchFaceCount at 90 and at 100');
    },
  },
  {
    name: 'search by image: the default threshold is 90',
    run: async (world) => {
      const byDefault = await world.succeed(byImage(({ annThird }) => annThird)(world));
      same(await world.succeed(byImage(({ annThird }) => annThird, '?threshold=90')(world)), byDefault, 'data');
    },
  },
  {
    name: 'search by image: no face is a success without sourceFace',
    ask: byImage(({ empty }) => empty),
    shape: shapes.searchByImage({}, false),
    check: (data) => same(data.matchFaceCount, 0, 'matchFaceCount'),
  },
  {
    name: 'search by image: a face turned too far is no source face',
    ask: byImage(({ turned }) => turned),
    shape: shapes.searchByImage({}, false),
    check: (data) => same(data.matchFaceCount, 0, 'matchFaceCount'),
  },
  {
    name: 'search by image: an empty group matches nobody and reports the source face',
    ask: byImage(
      ({ ann }) => ann,
      '?threshold=1',
      (world) => world.emptyGroup,
    ),
    shape: shapes.searchByImage(),
    check: (data) => same(data.matchFaceCount, 0, 'matchFaceCount'),
  },
  edge('search by image', (query) => byImage(({ annThird }) => annThird, query)),
  {
    name: 'search by face: the other picture of the same person, and not the face itself',
    ask: byFace(({ people }) => people.ann),
    shape: shapes.searchByFace,
    check: (data, world) => same(ids(data), [world.people.annAgain], 'the matches'),
  },
  {
    name: 'search by face: the face does not match itself, even at the lowest threshold',
    ask: byFace(({ people }) => people.bob, '?threshold=1'),
    check: (data, world) => must(!ids(data).includes(world.people.bob), 'matches without the face itself'),
  },
  {
    name: 'search by face: bob has no match',
    ask: byFace(({ people }) => people.bob),
    shape: shapes.searchByFace,
    check: (data) => same(data.matchFaceCount, 0, 'matchFaceCount'),
  },
  {
    name: 'search by face: limit counts the matches, without the face itself',
    ask: byFace(({ people }) => people.ann, '?limit=1&threshold=1'),
    check: (data, world) => same(ids(data), [world.people.annAgain], 'the matches'),
  },
  {
    name: 'search by face: two faces find each other with one similarity',
    run: async (world) => {
      const there = await world.succeed(byFace(({ people }) => people.ann)(world));
      const back = await world.succeed(byFace(({ people }) => people.annAgain)(world));
      const difference = Math.abs(there.matchFaces[0]!.similarity - back.matchFaces[0]!.similarity);
      must(difference <= 0.001, `one similarity both ways, not ${difference} apart`);
    },
  },
  {
    name: 'search by face: the same picture enrolled twice is a match above 99',
    run: async (world) => {
      const groupId = await world.newGroup();
      const first = await world.enrol(groupId, world.pictures.carol);
      const second = await world.enrol(groupId, world.pictures.carol);
      const data = await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces/${first}` });
      same(ids(data), [second], 'the matches');
      must(data.matchFaces[0]!.similarity > 99, 'a similarity above 99');
    },
  },
  edge('search by face', (query) => byFace(({ people }) => people.ann, query)),
];
