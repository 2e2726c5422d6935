// Cases of a face that cannot be recognised: register leaves it out and says why, and it matches nobody. Models without such a measure add it.
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';

interface Sighting {
  groupId: string;
  /** Enrolled face of Ann in a clear picture. */
  faceId: string;
  /** Whether register left the blurred picture of Ann out. */
  isRefused: boolean;
}

/** Registers Ann's clear picture and then her blurred one. @throws Unfit where the answer about the blurred one contradicts itself */
async function registerBlurred(world: World): Promise<Sighting> {
  const groupId = await world.newGroup();
  const faceId = await world.enrol(groupId, world.pictures.ann);
  const { blurred } = world.pictures;
  const body = { image: toImageBytes(blurred) };
  const reply = await world.client.ask({ method: 'POST', path: `/groups/${groupId}`, body });
  same(reply.code, 0, 'resultCode');
  const { addedFaceCount, notAddedFaceCount } = reply.data!;
  same(addedFaceCount + notAddedFaceCount, 1, 'number of faces');
  const isRefused = notAddedFaceCount === 1;
  same(reply.detail !== undefined, isRefused, 'a detail beside a face that was not added, and only then:');
  if (isRefused) must(/cannot be recognised, because /.test(reply.detail ?? ''), 'a detail that says why');
  const { faces } = await world.succeed({ method: 'GET', path: `/groups/${groupId}/faces` });
  same(faces.length, isRefused ? 1 : 2, 'number of enrolled faces');
  return { groupId, faceId, isRefused };
}

const name = (what: string): string => `a face that cannot be recognised: ${what}`;

export const unrecognisableCases: Case[] = [
  {
    name: name('register leaves it out, and detail says why'),
    run: async (world) => void (await registerBlurred(world)),
  },
  {
    name: name('search by picture finds nobody, and shows the source face'),
    run: async (world) => {
      const { groupId, isRefused } = await registerBlurred(world);
      if (!isRefused) return;
      const body = { image: toImageBytes(world.pictures.blurred) };
      const path = `/groups/${groupId}/search?threshold=1`;
      const { code, data, detail } = await world.client.ask({ method: 'POST', path, body });
      same([code, data?.matchFaceCount], [0, 0], 'resultCode and matchFaceCount');
      must(data?.sourceFace !== undefined && detail !== undefined, 'sourceFace, and a detail that says why');
    },
  },
  {
    name: name('verify answers similarity 0'),
    run: async (world) => {
      const { groupId, faceId, isRefused } = await registerBlurred(world);
      if (!isRefused) return;
      const body = { compareImage: toImageBytes(world.pictures.blurred) };
      const path = `/verify/groups/${groupId}/faces/${faceId}`;
      const { code, data, detail } = await world.client.ask({ method: 'POST', path, body });
      same([code, data?.similarity], [0, 0], 'resultCode and similarity');
      must(detail !== undefined, 'a detail that says why');
    },
  },
  ...(['sourceImage', 'targetImage'] as const).map((side): Case => ({
    name: name(`compare matches nothing where it is in ${side}`),
    run: async (world) => {
      const { isRefused } = await registerBlurred(world);
      if (!isRefused) return;
      const { ann, blurred } = world.pictures;
      const clear = { sourceImage: toImageBytes(ann), targetImage: toImageBytes(ann) };
      const body = { ...clear, threshold: 1, [side]: toImageBytes(blurred) };
      const { code, data, detail } = await world.client.ask({ method: 'POST', path: '/compare', body });
      same([code, data?.matchedFaceDetailCount], [0, 0], 'resultCode and matchedFaceDetailCount');
      same(
        data?.unmatchedFaceDetails.map(({ similarity }) => similarity),
        [0],
        'similarities',
      );
      must(detail?.includes(side) === true, `a detail that names ${side}`);
    },
  })),
];
