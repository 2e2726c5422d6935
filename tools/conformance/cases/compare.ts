// Compare and verify: two pictures, or a picture and an enrolled face.
import type { Data } from '../client.js';
import { V1 } from '../operations.js';
import type { Pictures } from '../pictures.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';

const { shapes } = V1;
type PictureOf = (pictures: Pictures) => Buffer;

const compare =
  (source: PictureOf, target: PictureOf, query = '', more: object = {}) =>
  (world: World) => ({
    method: 'POST',
    path: `/compare${query}`,
    body: {
      sourceImage: toImageBytes(source(world.pictures)),
      targetImage: toImageBytes(target(world.pictures)),
      ...more,
    },
  });

const counts = (data: Data): number[] => [data.matchedFaceDetailCount, data.unmatchedFaceDetailCount];

/** Checks that faces are sorted, most similar first. @throws Unfit */
function sorted(faces: readonly { similarity: number }[]): void {
  must(
    faces.every(({ similarity }, i) => i === 0 || similarity <= faces[i - 1]!.similarity),
    'the most similar face first',
  );
}

export const compareCases: Case[] = [
  {
    name: 'compare: two pictures of one person',
    ask: compare(
      ({ ann }) => ann,
      ({ annThird }) => annThird,
    ),
    shape: shapes.compare(),
    check: (data) => same(counts(data), [1, 0], 'the counts'),
  },
  {
    name: 'compare: two people',
    ask: compare(
      ({ ann }) => ann,
      ({ bob }) => bob,
    ),
    shape: shapes.compare(),
    check: (data) => same(counts(data), [0, 1], 'the counts'),
  },
  {
    name: 'compare: a picture and itself have a similarity above 99',
    ask: compare(
      ({ ann }) => ann,
      ({ ann }) => ann,
    ),
    check: (data) => must((data.matchedFaceDetails[0]?.similarity ?? 0) > 99, 'a similarity above 99'),
  },
  {
    name: 'compare: source and target can be swapped without another similarity',
    run: async (world) => {
      const there = await world.succeed(
        compare(
          ({ ann }) => ann,
          ({ annThird }) => annThird,
        )(world),
      );
      const back = await world.succeed(
        compare(
          ({ annThird }) => annThird,
          ({ ann }) => ann,
        )(world),
      );
      const difference = Math.abs(there.matchedFaceDetails[0]!.similarity - back.matchedFaceDetails[0]!.similarity);
      must(difference <= 0.001, `the same similarity in both directions, not a difference of ${difference}`);
    },
  },
  {
    name: 'compare: every face of the target is reported, as matched or unmatched',
    ask: compare(
      ({ ann }) => ann,
      ({ crowd }) => crowd,
    ),
    shape: shapes.compare(),
    check: (data) => {
      same(counts(data), [1, 7], 'the counts');
      sorted([...data.matchedFaceDetails, ...data.unmatchedFaceDetails]);
    },
  },
  {
    name: 'compare: the largest face of the source counts',
    ask: compare(
      ({ bobAndSmallAnn }) => bobAndSmallAnn,
      ({ bobAgain }) => bobAgain,
    ),
    check: (data) => {
      same(counts(data), [1, 0], 'the counts');
      must((data.sourceFace?.bbox.x0 ?? 0) > 0.5, 'the larger face, on the right, as sourceFace');
    },
  },
  {
    name: 'compare: a target face turned too far is not compared',
    ask: compare(
      ({ ann }) => ann,
      ({ annAndTurned }) => annAndTurned,
    ),
    check: (data) => same(counts(data), [1, 0], 'the counts'),
  },
  {
    name: 'compare: nobody in the target is a success with two empty lists',
    ask: compare(
      ({ ann }) => ann,
      ({ empty }) => empty,
    ),
    shape: shapes.compare(),
    check: (data) => same(counts(data), [0, 0], 'the counts'),
  },
  ...(
    [
      ['nobody in the source', ({ empty }: Pictures) => empty],
      ['a source face turned too far', ({ turned }: Pictures) => turned],
      ['a source face that is too small', ({ small }: Pictures) => small],
    ] as const
  ).map(([what, source]): Case => ({
    name: `compare: ${what} is explained in the detail`,
    ask: compare(source, ({ ann }) => ann),
    code: -40000,
    check: (_data, _world, reply) => must(reply.detail !== undefined, 'a detail'),
  })),
  {
    name: 'compare: threshold=1 in the query matches every face with a similarity of at least 1',
    ask: compare(
      ({ ann }) => ann,
      ({ annThird }) => annThird,
      '?threshold=1',
    ),
    check: (data) => same(counts(data), [1, 0], 'the counts'),
  },
  ...(['the query', 'the body'] as const).map((where): Case => ({
    name: `compare: the threshold in ${where} is inclusive: an equal similarity matches, a smaller one does not`,
    run: async (world) => {
      const at = (threshold?: number) =>
        where === 'the query'
          ? compare(
              ({ ann }) => ann,
              ({ annThird }) => annThird,
              threshold === undefined ? '' : `?threshold=${threshold}`,
            )
          : compare(
              ({ ann }) => ann,
              ({ annThird }) => annThird,
              '',
              { threshold },
            );
      const { similarity } = (await world.succeed(at()(world))).matchedFaceDetails[0]!;
      must(similarity < 100, 'a similarity below 100');
      same(counts(await world.succeed(at(similarity)(world))), [1, 0], 'the counts at the similarity');
      const above = Number((similarity + 0.0001).toFixed(4));
      same(counts(await world.succeed(at(above)(world))), [0, 1], 'the counts just above it');
    },
  })),
];

const verify = (findFace: (world: World) => string, picture: PictureOf) => (world: World) => ({
  method: 'POST',
  path: `/verify/groups/${world.people.groupId}/faces/${findFace(world)}`,
  body: { compareImage: toImageBytes(picture(world.pictures)) },
});

export const verifyCases: Case[] = [
  {
    name: 'verify: the same person has a similarity of at least 90, and the fields are as documented',
    ask: verify(
      ({ people }) => people.ann,
      ({ annThird }) => annThird,
    ),
    shape: shapes.verify(),
    check: (data, world) => {
      must(data.similarity >= 90, 'a similarity of at least 90');
      same([data.face.faceId, data.face.externalImageId], [world.people.ann, 'ann-1'], 'the face');
    },
  },
  {
    name: 'verify: the enrolled picture itself has a similarity above 99',
    ask: verify(
      ({ people }) => people.ann,
      ({ ann }) => ann,
    ),
    check: (data) => must(data.similarity > 99, 'a similarity above 99'),
  },
  {
    name: 'verify: another person is a success with a similarity below 70',
    ask: verify(
      ({ people }) => people.ann,
      ({ bob }) => bob,
    ),
    shape: shapes.verify(),
    check: (data) => must(data.similarity < 70, 'a similarity below 70'),
  },
  {
    name: 'verify: the largest face of the picture counts',
    ask: verify(
      ({ people }) => people.ann,
      ({ annAndSmallBob }) => annAndSmallBob,
    ),
    check: (data) => must(data.similarity >= 90, 'a similarity of at least 90'),
  },
  {
    name: 'verify: a smaller face of the picture does not count',
    ask: verify(
      ({ people }) => people.ann,
      ({ bobAndSmallAnn }) => bobAndSmallAnn,
    ),
    check: (data) => must(data.similarity < 70, 'a similarity below 70'),
  },
  {
    name: 'verify: agrees with search by image',
    run: async (world) => {
      const verified = await world.succeed(
        verify(
          ({ people }) => people.ann,
          ({ annThird }) => annThird,
        )(world),
      );
      const search = { method: 'POST', path: `/groups/${world.people.groupId}/search` };
      const { matchFaces } = await world.succeed({ ...search, body: { image: toImageBytes(world.pictures.annThird) } });
      const match = matchFaces.find(({ face }) => face.faceId === world.people.ann);
      must(Math.abs((match?.similarity ?? NaN) - verified.similarity) <= 0.001, 'one similarity in both answers');
    },
  },
  ...(
    [
      ['nobody in the picture', ({ empty }: Pictures) => empty],
      ['a face turned too far', ({ turned }: Pictures) => turned],
      ['a face that is too small', ({ small }: Pictures) => small],
    ] as const
  ).map(([what, picture]): Case => ({
    name: `verify: ${what} is explained in the detail`,
    ask: verify(({ people }) => people.ann, picture),
    code: -40000,
    check: (_data, _world, reply) => must(reply.detail !== undefined, 'a detail'),
  })),
];
