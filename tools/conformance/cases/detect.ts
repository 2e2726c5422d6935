// Cases of detect: the faces it finds, and its answer about liveness.
import type { Data, FaceDetail } from '../client.js';
import { V1 } from '../operations.js';
import { THRONG, type Pictures } from '../pictures.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';

const { shapes } = V1;

const detect =
  (picture: (pictures: Pictures) => Buffer, more: object = {}) =>
  (world: World) => ({
    method: 'POST',
    path: '/detect',
    body: { image: toImageBytes(picture(world.pictures)), ...more },
  });

const area = ({ bbox }: FaceDetail): number => (bbox.x1 - bbox.x0) * (bbox.y1 - bbox.y0);

/** Checks that faces are sorted, largest first. @throws Unfit */
export function largestFirst(faces: readonly FaceDetail[]): void {
  must(
    faces.every((face, i) => i === 0 || area(face) <= area(faces[i - 1]!) * 1.0001),
    'the largest face first',
  );
}

const angle = (
  name: string,
  picture: keyof Pictures,
  holds: (turn: { x: number; y: number; z: number }) => boolean,
): Case => ({
  name: `detect: ${name}`,
  ask: detect((pictures) => pictures[picture] as Buffer),
  check: (data) => {
    same(data.faceDetailCount, 1, 'faceDetailCount');
    const { orientation } = data.faceDetails[0]!;
    must(orientation !== undefined && holds(orientation), `${name}, not ${JSON.stringify(orientation)}`);
  },
});

const CONDITIONS = ['weak', 'balanced', 'strict'] as const;

/** Makes a case: a face that a condition calls an attack is an attack under every stricter condition as well. */
const monotone = (name: string, ask: (world: World, spoofingCondition: string) => Promise<Data>): Case => ({
  name: `${name}: a stricter condition calls every face an attack that a weaker one calls so`,
  run: async (world) => {
    const attacks: number[] = [];
    for (const condition of CONDITIONS) {
      const data = await ask(world, condition);
      attacks.push(data.faceDetails.filter(({ spoofing }) => spoofing).length);
    }
    must(
      attacks[0]! <= attacks[1]! && attacks[1]! <= attacks[2]!,
      `numbers of attacks that rise, not ${attacks.join(', ')}`,
    );
  },
});

export const detectCases: Case[] = [
  {
    name: 'detect: nobody in an empty room',
    ask: detect(({ empty }) => empty),
    shape: shapes.detect(),
    check: (data) => same(data.faceDetailCount, 0, 'faceDetailCount'),
  },
  {
    name: 'detect: each of eight people, the largest first',
    ask: detect(({ crowd }) => crowd),
    shape: shapes.detect(),
    check: (data) => {
      same(data.faceDetailCount, 8, 'faceDetailCount');
      largestFirst(data.faceDetails);
    },
  },
  {
    name: `detect: the 20 largest of ${THRONG} people`,
    ask: detect(({ throng }) => throng),
    shape: shapes.detect(),
    check: (data) => {
      same(data.faceDetailCount, 20, 'faceDetailCount');
      largestFirst(data.faceDetails);
      // The faces grow from the first row to the last: at most four of the six faces of the first row may be missing.
      must(data.faceDetails.filter(({ bbox }) => bbox.y0 > 0.25).length === 18, 'all 18 people of the last three rows');
    },
  },
  {
    name: 'detect: no face smaller than 60 px',
    ask: detect(({ small }) => small),
    check: (data) => same(data.faceDetailCount, 0, 'faceDetailCount'),
  },
  {
    name: 'detect: a face turned too far to be recognised is still found',
    ask: detect(({ turned }) => turned),
    check: (data) => same(data.faceDetailCount, 1, 'faceDetailCount'),
  },
  {
    name: 'detect: the same picture gives the same answer',
    run: async (world) => {
      const first = await world.succeed(detect(({ crowd }) => crowd)(world));
      same(await world.succeed(detect(({ crowd }) => crowd)(world)), first, 'data');
    },
  },
  {
    name: 'detect: confidence is between 0 and 100, not between 0 and 1',
    ask: detect(({ ann }) => ann),
    check: (data) => must(data.faceDetails[0]!.confidence > 50, 'a confidence above 50'),
  },
  angle('yaw is positive towards the right of the picture', 'towardsRight', ({ x }) => x > 8 && x < 50),
  angle('yaw is negative towards the left', 'towardsLeft', ({ x }) => x < -8 && x > -50),
  angle('roll is positive clockwise', 'rolled', ({ z }) => z > 8 && z < 22),
  angle('a face straight ahead has small angles', 'ann', ({ x, y, z }) => Math.max(...[x, y, z].map(Math.abs)) < 15),
  {
    name: 'detect: pitch is greater for a face that tilts up than for one that tilts down',
    run: async (world) => {
      const [up, down] = await Promise.all([
        world.succeed(detect((pictures) => pictures.up)(world)),
        world.succeed(detect((pictures) => pictures.down)(world)),
      ]);
      const [upwards, downwards] = [up, down].map((data) => data.faceDetails[0]!.orientation?.y ?? NaN);
      must(upwards! > downwards! + 8, `a pitch well above ${downwards}, not ${upwards}`);
    },
  },
  {
    name: 'detect: an option that is null counts as absent',
    ask: detect(({ ann }) => ann, { orientation: null, mask: null, spoofing: null, spoofingCondition: null }),
    shape: shapes.detect(),
  },
  {
    name: 'detect: an uncovered face wears no mask',
    ask: detect(({ ann }) => ann),
    check: (data) => same(data.faceDetails[0]!.mask, false, 'mask'),
  },
  ...CONDITIONS.flatMap((spoofingCondition): Case[] => [
    {
      name: `detect: spoofing, ${spoofingCondition}`,
      ask: detect(({ annAndSmallBob }) => annAndSmallBob, { spoofing: true, spoofingCondition }),
      shape: shapes.detect({ spoofing: true }),
    },
    {
      name: `detect: ${spoofingCondition} has no effect without spoofing`,
      ask: detect(({ ann }) => ann, { spoofingCondition }),
      shape: shapes.detect(),
    },
  ]),
  monotone('detect', (world, spoofingCondition) =>
    world.succeed(detect(({ annAndSmallBob }) => annAndSmallBob, { spoofing: true, spoofingCondition })(world)),
  ),
];

const spoofing =
  (picture: (pictures: Pictures) => Buffer, more: object = {}) =>
  (world: World) => ({
    ...detect(picture, more)(world),
    path: '/spoofing',
  });

export const spoofingCases: Case[] = [
  {
    name: 'spoofing: answers as detect does, with spoofing in every face',
    ask: spoofing(({ crowd }) => crowd),
    shape: shapes.detect({ spoofing: true }),
    check: (data) => same(data.faceDetailCount, 8, 'faceDetailCount'),
  },
  {
    name: 'spoofing: nobody in an empty room',
    ask: spoofing(({ empty }) => empty),
    check: (data) => same(data.faceDetailCount, 0, 'faceDetailCount'),
  },
  ...CONDITIONS.map((spoofingCondition): Case => ({
    name: `spoofing: ${spoofingCondition}, as detect says with the same condition`,
    run: async (world) => {
      const asked = await world.succeed(spoofing(({ annAndSmallBob }) => annAndSmallBob, { spoofingCondition })(world));
      const options = { spoofing: true, spoofingCondition };
      const detected = await world.succeed(detect(({ annAndSmallBob }) => annAndSmallBob, options)(world));
      const attacks = (data: Data) => data.faceDetails.map((face) => face.spoofing);
      same(attacks(asked), attacks(detected), 'spoofing of each face');
    },
  })),
  {
    name: 'spoofing: the default condition is balanced',
    run: async (world) => {
      const byDefault = await world.succeed(spoofing(({ annAndSmallBob }) => annAndSmallBob)(world));
      const balanced = await world.succeed(
        spoofing(({ annAndSmallBob }) => annAndSmallBob, { spoofingCondition: 'balanced' })(world),
      );
      same(byDefault.faceDetails, balanced.faceDetails, 'faceDetails');
    },
  },
  {
    name: 'spoofing: aligned false is the default',
    ask: spoofing(({ ann }) => ann, { aligned: false }),
    shape: shapes.detect({ spoofing: true }),
  },
  {
    name: 'spoofing: aligned takes the whole picture as one face',
    ask: spoofing(({ ann }) => ann, { aligned: true }),
    check: (data) => {
      same(data.faceDetailCount, 1, 'faceDetailCount');
      must(typeof data.faceDetails[0]!.spoofing === 'boolean', 'spoofing in the face');
    },
  },
  monotone('spoofing', (world, spoofingCondition) =>
    world.succeed(spoofing(({ annAndSmallBob }) => annAndSmallBob, { spoofingCondition })(world)),
  ),
];
