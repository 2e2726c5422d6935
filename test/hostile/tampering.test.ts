// A stopped data directory that somebody has tampered with: each tampering is refused or told, and nothing is served that must not be.
import { mkdtempSync, rmSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withRaw } from '../store/support.js';
import { masterKey } from '../store/values.js';
import {
  copyHome,
  judge,
  listFolders,
  makeDevice,
  type Outcome,
  type Secrets,
  type Served,
} from './tampering-device.js';
import {
  FILE_TAMPERINGS,
  findRecords,
  listFiles,
  MIXED,
  PUT_BACK_DEPTHS,
  PUT_BACK_SPACES,
  putSpaceBack,
  readCopy,
  RECORD_KINDS,
  RECORD_TAMPERINGS,
  type Copy,
} from './tamperings.js';

const base = mkdtempSync(join(tmpdir(), 'lintel-tampering-'));
const [ours, earlier, twin, foreign, victim] = ['ours', 'earlier', 'twin', 'foreign', 'victim'].map((name) =>
  join(base, name),
);
const homes = { ours: ours!, earlier: earlier!, twin: twin!, foreign: foreign!, victim: victim! };
const db = (home: string): string => listFolders(home).db;
const copies = {} as Record<'ours' | 'earlier' | 'twin' | 'foreign', Copy>;
let secrets: Secrets;
let truth: Served;
const counts = { refused: 0, told: 0, 'without effect': 0 };

beforeAll(async () => {
  secrets = await makeDevice(homes.ours, () => copyHome(homes.ours, homes.earlier));
  await makeDevice(homes.twin, async () => undefined);
  const foreignKey = randomBytes(32);
  await makeDevice(homes.foreign, async () => undefined, foreignKey);
  for (const name of ['ours', 'earlier', 'twin', 'foreign'] as const) {
    const copy = join(base, 'copy');
    await copyHome(homes[name], copy);
    copies[name] = await readCopy(db(copy), name === 'foreign' ? foreignKey : masterKey);
  }
  await copyHome(homes.ours, homes.victim);
  const untouched = await judge(homes.victim, secrets);
  expect(untouched).toEqual({ told: [], served: expect.anything() as Served });
  truth = untouched.served!;
}, 120_000);

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
  const total = counts.refused + counts.told + counts['without effect'];
  console.log(`${total} tamperings: ${JSON.stringify(counts)}`);
});

/** Tampers with a copy of the device, and judges it. @returns what is wrong with the outcome; undefined when it is right */
async function attempt(
  tamper: (home: string) => Promise<boolean | void>,
  { mayHaveNoEffect = false, isNew = false } = {},
): Promise<string | undefined> {
  await copyHome(homes.ours, homes.victim);
  if ((await tamper(homes.victim)) === false) return undefined;
  const outcome = await judge(homes.victim, secrets);
  const isLoud = outcome.refused !== undefined || outcome.told.length > 0;
  counts[outcome.refused !== undefined ? 'refused' : isLoud ? 'told' : 'without effect']++;
  const wrong = findWrong(outcome, isNew);
  if (wrong !== undefined) return wrong;
  if (isLoud || mayHaveNoEffect) return undefined;
  return 'nobody said that something is wrong';
}

/** Compares what was served with what may be served. @param isNew true for a device that was emptied, which knows nothing of before */
function findWrong({ served, told }: Outcome, isNew: boolean): string | undefined {
  if (!served) return undefined;
  const extra = (found: readonly string[], allowed: readonly string[]): string[] =>
    found.filter((one) => !allowed.includes(one));
  const wrong = [
    ...Object.entries(served.faces).flatMap(([group, faces]) =>
      extra(faces, truth.faces[group] ?? []).map((face) => `${face} in ${group}`),
    ),
    ...extra(Object.keys(served.faces), Object.keys(truth.faces)),
    ...extra(served.recognised, truth.recognised),
    ...extra(served.keys, truth.keys),
    ...extra(served.events, truth.events),
    ...extra(served.strangers, truth.strangers),
    ...(served.trustsEarlierTime && !isNew ? ['an earlier time'] : []),
    ...(served.isPrivate || isNew ? [] : ['privacy off']),
  ];
  if (wrong.length > 0) return `served: ${wrong.join(', ')}`;
  const isWhole = JSON.stringify(served) === JSON.stringify(truth);
  return isWhole || told.length > 0 ? undefined : 'something is missing, and nobody said so';
}

test('the truth is what the history left', () => {
  expect(truth.faces.staff).toHaveLength(4);
  expect(Object.keys(truth.faces)).toEqual(['guests', 'staff']);
  expect(truth.recognised).toContain('staff-late in staff');
  expect(truth.recognised).not.toContain('staff-1 in staff');
  expect(truth).toMatchObject({ keys: ['door', 'admin'], isPrivate: true });
  expect(truth.events).toHaveLength(5);
  expect(truth.strangers).toHaveLength(3);
});

describe('one record', () => {
  test.each(RECORD_KINDS)(
    '%s',
    async (kind) => {
      const found = findRecords(copies.ours, kind);
      const [place, value] = found.at(-1)!;
      const target = {
        place,
        value,
        earlier: copies.earlier.records.find(([other, old]) => other.equals(place) && !old.equals(value))?.[1],
        other: found.length > 1 ? found[0] : undefined,
        twin: findRecords(copies.twin, kind).at(-1)?.[1],
        foreign: findRecords(copies.foreign, kind).at(-1)?.[1],
      };
      const wrong: Record<string, string> = {};
      for (const [name, tamper] of RECORD_TAMPERINGS) {
        // A copy of the check record elsewhere is a record that nobody reads.
        const mayHaveNoEffect = kind === 'the check record' && name === 'copied to another place';
        const problem = await attempt((home) => withRaw(db(home), (level) => tamper(level, target)), {
          mayHaveNoEffect,
        });
        if (problem !== undefined) wrong[name] = problem;
      }
      expect(wrong).toEqual({});
    },
    120_000,
  );
});

describe('several records', () => {
  test.each(PUT_BACK_SPACES)(
    '%s is put back',
    async (space) => {
      const wrong: Record<string, string> = {};
      const { ours: now, earlier: before } = copies;
      for (const [depth, name] of PUT_BACK_DEPTHS.entries()) {
        const problem = await attempt(
          (home) => withRaw(db(home), (level) => putSpaceBack(level, { ours: now, earlier: before }, space, depth)),
          // Records of a deleted group without its key are removed.
          { mayHaveNoEffect: space === 'group:old' && depth === 0 },
        );
        if (problem !== undefined) wrong[name] = problem;
      }
      expect(wrong).toEqual({});
    },
    60_000,
  );

  test.each(MIXED)('%s', async (name, tamper) => {
    const problem = await attempt(
      (home) => withRaw(db(home), (level) => tamper(level, { ours: copies.ours, earlier: copies.earlier })),
      { mayHaveNoEffect: name === 'the records of a deleted group are put back' },
    );
    expect(problem).toBeUndefined();
  });
});

describe('files', () => {
  test.each(FILE_TAMPERINGS)(
    'each file of the database, %s',
    async (_, tamper) => {
      const wrong: Record<string, string> = {};
      for (const path of await listFiles(db(homes.ours))) {
        const name = basename(path);
        const problem = await attempt(
          (home) => tamper(join(db(home), name), join(db(homes.earlier), name), join(db(homes.twin), name)),
          // Parts of some files are never read, such as what lies behind the end of a table.
          { mayHaveNoEffect: true },
        );
        if (problem !== undefined) wrong[name] = problem;
      }
      expect(wrong).toEqual({});
    },
    60_000,
  );

  test.each(['earlier', 'twin', 'foreign'] as const)('the whole database: %s', async (from) => {
    expect(
      await attempt(async (home) => {
        await rm(db(home), { recursive: true });
        await cp(db(homes[from]), db(home), { recursive: true });
      }),
    ).toBeUndefined();
  });

  test('the whole database removed, or empty', async () => {
    expect(await attempt((home) => rm(db(home), { recursive: true }), { isNew: true })).toBeUndefined();
    const empty = async (home: string): Promise<void> => {
      await rm(db(home), { recursive: true });
      await mkdir(db(home));
    };
    expect(await attempt(empty, { isNew: true })).toBeUndefined();
  });

  test.each(['app-keys.json', 'admin-keys.json'])('a plain registry %s beside the database', async (name) => {
    expect(await attempt((home) => writeFile(join(listFolders(home).data, name), '{"keys":[]}'))).toBeUndefined();
  });

  test('the whole data directory of earlier', async () => {
    expect(
      await attempt(async (home) => {
        await rm(listFolders(home).data, { recursive: true });
        await cp(listFolders(homes.earlier).data, listFolders(home).data, { recursive: true });
      }),
    ).toBeUndefined();
  });
});

test('these are more than 300', () => {
  expect(counts.refused + counts.told).toBeGreaterThanOrEqual(300);
});
