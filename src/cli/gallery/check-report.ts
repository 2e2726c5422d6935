// The report of `lintel gallery check`: its JSON form, and the text for a terminal.
import type { IdentityFindings, NamedFace } from '../../gallery/identity-findings.js';

/** One checked group, as --json prints it. */
export interface ComparedGroup {
  groupId: string;
  /** Name of the appKey that owns the group; its id where the registry does not have it. */
  appKey: string;
  /** Why the group could not be checked; the fields below are absent then. */
  problem?: string;
  /** Similarity from which a door opens. */
  threshold?: number;
  /** Similarity from which people are listed as alike. */
  alikeSimilarity?: number;
  findings?: IdentityFindings;
}

export interface GalleryCheck {
  groups: ComparedGroup[];
  /** Number of groups and faces that could not be read. */
  damaged: number;
  /** True where the exit code is 1. */
  isSuspicious: boolean;
}

/** Entries of each list that the terminal shows. */
const SHOWN = 20;

/** Formats one group for the terminal. */
export function formatComparedGroup({ groupId, appKey, problem, alikeSimilarity, findings }: ComparedGroup): string {
  const head = `${groupId} (appKey ${appKey})`;
  if (!findings) return `${head}: not checked: ${problem ?? 'it has no findings'}\n`;
  const { severalPeople, samePerson, lookAlikes, possibleMorphs, doubtfulFaces } = findings;
  const lines = [
    `${head}: ${count(findings.faces, 'face')} of ${count(findings.people, 'person', 'people')}`,
    ...(findings.unrecognisable > 0
      ? [`  ${count(findings.unrecognisable, 'face')} cannot be recognised, and match nobody`]
      : []),
    ...list(
      `${count(severalPeople.length, 'id')} with several people`,
      severalPeople.map(
        ({ externalImageId, people, similarity }) =>
          `${externalImageId}: ${people.map((faces) => faces.length).join(' + ')} faces, similarity ${format(similarity)}`,
      ),
    ),
    ...list(
      `${count(samePerson.length, 'pair')} of ids with one person`,
      samePerson.map(
        ({ people: [one, other], similarity }) => `${name(one)} and ${name(other)}: ${format(similarity)}`,
      ),
    ),
    ...list(
      `${count(possibleMorphs.length, 'face')} near two people who are unlike each other (possible morphs)`,
      possibleMorphs.map(
        ({ near: [one, other], similarity, ...face }) =>
          `${name(face)}, face ${face.faceId}: near ${name(one)} (${format(one.similarity)}) and ` +
          `${name(other)} (${format(other.similarity)}), whose similarity is ${format(similarity)}`,
      ),
    ),
    ...list(
      `${count(lookAlikes.length, 'pair')} of people who are alike (similarity from ${format(alikeSimilarity ?? 0)})`,
      lookAlikes.map(
        ({ people: [one, other], similarity }) => `${name(one)} and ${name(other)}: ${format(similarity)}`,
      ),
    ),
    ...list(
      `${count(doubtfulFaces.length, 'face')} little like the other faces of the id`,
      doubtfulFaces.map(
        ({ externalImageId, faceId, similarity }) => `${externalImageId}, face ${faceId}: ${format(similarity)}`,
      ),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** Returns the last line of the report. */
export function summariseCheck({ groups, damaged, isSuspicious }: GalleryCheck): string {
  const unread = damaged > 0 ? ` ${count(damaged, 'record')} could not be read: see "lintel gallery verify".` : '';
  const result = isSuspicious ? 'something needs a look' : 'nothing suspicious was found';
  return `Checked ${count(groups.length, 'group')}: ${result}.${unread}\n`;
}

function list(title: string, entries: readonly string[]): string[] {
  if (entries.length === 0) return [];
  const more = entries.length - SHOWN;
  return [
    `  ${title}:`,
    ...entries.slice(0, SHOWN).map((entry) => `    ${entry}`),
    ...(more > 0 ? [`    and ${more.toLocaleString('en')} more: --json prints all`] : []),
  ];
}

function name({ externalImageId, faceId }: NamedFace): string {
  return externalImageId ?? `the face ${faceId} without an id`;
}

function format(similarity: number): string {
  return similarity.toFixed(1);
}

function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`;
}
