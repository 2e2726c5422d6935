// The sentences of `detail` about faces of a registration that may not be the person that their externalImageId names.
import type { FaceOutcome, IdentityConcern } from '../../gallery/gallery.types.js';

/** Returns the sentences about what the policy of the group refused, and about doubts on what was added; undefined where there are none. */
export function explainConcerns(outcomes: readonly FaceOutcome[]): string | undefined {
  const refused = outcomes.filter(({ isRefused }) => isRefused);
  const added = outcomes.filter(({ isRefused, enrolled }) => !isRefused && enrolled !== undefined);
  const sentences = [...explainRefused(listConcerns(refused)), ...explainAdded(listConcerns(added))];
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

function explainRefused(concerns: readonly IdentityConcern[]): string[] {
  const [first] = concerns;
  if (!first) return [];
  if (first.reason === 'several-faces') {
    return ['No face was added: the picture shows several faces, and this group takes pictures of one face only.'];
  }
  const mates = concerns.filter(({ reason }) => reason === 'several-people');
  const others = concerns.filter(({ reason }) => reason === 'another-person');
  return [
    ...explain(mates, (were, they) => `${were} not added: ${they} unlike the face of this picture that was added.`),
    ...explain(
      others,
      (were, they) =>
        `${were} not added: ${they} unlike the faces that are enrolled under this externalImageId ` +
        `(${formatSimilarity(others)}).`,
    ),
    'In this group an externalImageId holds one person only.',
  ];
}

function explainAdded(concerns: readonly IdentityConcern[]): string[] {
  const mates = concerns.filter(({ reason }) => reason === 'several-people');
  const others = concerns.filter(({ reason }) => reason === 'another-person');
  const doubled = concerns.filter(({ reason }) => reason === 'another-id');
  return [
    ...(mates.length === 0
      ? []
      : [
          'The picture shows several people, who were added under one externalImageId: cameras take them for one person.',
        ]),
    ...explain(
      others,
      (were, they) =>
        `${were} added although ${they} unlike the faces that were enrolled under this externalImageId before ` +
        `(${formatSimilarity(others)}): cameras take both people for one person.`,
    ),
    ...doubled.map(
      ({ faceId, similarity }) =>
        `The person is also enrolled under another externalImageId, with the face ${faceId} ` +
        `(similarity ${similarity?.toFixed(1)}).`,
    ),
  ];
}

function listConcerns(outcomes: readonly FaceOutcome[]): IdentityConcern[] {
  return outcomes.flatMap(({ concern }) => (concern ? [concern] : []));
}

/** Makes a sentence about these faces; none where there are none. */
function explain(concerns: readonly IdentityConcern[], make: (were: string, they: string) => string): string[] {
  if (concerns.length === 0) return [];
  return [concerns.length === 1 ? make('1 face was', 'it is') : make(`${concerns.length} faces were`, 'they are')];
}

/** Returns the greatest similarity in words. */
function formatSimilarity(concerns: readonly IdentityConcern[]): string {
  const greatest = Math.max(...concerns.map(({ similarity = 0 }) => similarity));
  return `similarity ${concerns.length === 1 ? '' : 'up to '}${greatest.toFixed(1)}`;
}
