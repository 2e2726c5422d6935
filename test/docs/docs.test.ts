// README and docs say what the code does: every command, path, key, topic, route, metric and link in them exists.
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_RESULTS, SUCCESS_RESULTS } from '../../src/api/nhn/envelope.js';
import { PICTURE_FAULTS } from '../../src/camera/picture-faults.js';
import { ENROLMENT_REASONS } from '../../src/enrolment/enrolment-refused.js';
import { EVENT_TYPES, REASONS, recognitionEventSchema } from '../../src/events/event.js';
import { decisionGroundsSchema, SHOT_RESULTS } from '../../src/events/grounds.js';
import { checkCommands } from './command-rules.js';
import { listMetrics, listSourceWords, readText } from './facts.js';
import {
  checkConfigKeys,
  checkEnvironment,
  checkIdentifiers,
  checkKeyTables,
  checkMetrics,
  checkPaths,
  checkTopics,
  checkYaml,
  RouteBook,
} from './name-rules.js';
import { checkJson, checkLengths, checkLinks, listFirstColumn } from './page-rules.js';
import { readPage, readPages, readRoomPages } from './pages.js';

const allPages = readPages();
/** A changelog also speaks of what was: its names need not exist any more. */
const pages = allPages.filter(({ path }) => path !== 'CHANGELOG.md');
const everyPage = [...pages, ...readRoomPages()];
const routes = new RouteBook();
const words = listSourceWords();
const API_PAGE = 'docs/api.md';

describe('the pages', () => {
  it('have lines of at most 120 characters, and the README at most 130 lines', () => {
    expect(allPages.flatMap(checkLengths)).toEqual([]);
  });

  it('have links and anchors that lead somewhere', () => {
    expect([...allPages, ...readRoomPages()].flatMap(checkLinks)).toEqual([]);
  });

  it('are all in the table of contents of the README', () => {
    const listed = readPage('README.md').links.map(({ target }) => target);
    const present = readdirSync(new URL('../../docs', import.meta.url)).filter((name) => name.endsWith('.md'));
    expect(listed).toEqual(expect.arrayContaining(present.map((name) => `docs/${name}`)));
  });

  it('hold commands that exist, with options that exist', () => {
    expect(everyPage.flatMap((page) => checkCommands(page, routes))).toEqual([]);
  });

  it('hold paths that exist', () => {
    expect(pages.flatMap((page) => checkPaths(page, words))).toEqual([]);
  });

  it('hold YAML that is a valid configuration, and JSON', () => {
    expect(pages.flatMap(checkYaml)).toEqual([]);
    expect(pages.flatMap(checkJson)).toEqual([]);
  });

  it('name keys of the configuration and environment variables that exist', () => {
    expect(everyPage.flatMap(checkConfigKeys)).toEqual([]);
    expect(pages.flatMap(checkKeyTables)).toEqual([]);
    expect(everyPage.flatMap(checkEnvironment)).toEqual([]);
  });

  it('name topics that the service publishes or reads', () => {
    expect(everyPage.flatMap(checkTopics)).toEqual([]);
  });

  it('name identifiers that the sources have', () => {
    expect(pages.flatMap((page) => checkIdentifiers(page, words))).toEqual([]);
  });
});

describe(API_PAGE, () => {
  it('has every route of the three APIs, and the other pages name none that does not exist', () => {
    expect(everyPage.flatMap((page) => routes.check(page, page.path === API_PAGE))).toEqual([]);
  });

  it('has every metric', async () => {
    const metrics = await listMetrics();
    expect(everyPage.flatMap((page) => checkMetrics(page, metrics, page.path === API_PAGE))).toEqual([]);
  });

  it('has every result code with its name', () => {
    const rows = readPage(API_PAGE).rows.filter(({ tableName }) => tableName === 'code');
    const listed = rows.map(({ cells: [code, name] }) => `${code} ${name}`).sort();
    const results = [...SUCCESS_RESULTS, ...ERROR_RESULTS];
    expect(listed).toEqual(results.map(({ code, name }) => `\`${code}\` \`${name}\``).sort());
  });
});

describe('docs/events.md', () => {
  const page = readPage('docs/events.md');

  it('has every type and every reason of an event', () => {
    expect(listFirstColumn(page, '`type`')).toEqual([...EVENT_TYPES]);
    expect(listFirstColumn(page, '`reason`').sort()).toEqual(Object.keys(REASONS).sort());
  });

  it('has every field of the grounds of a decision and of their shots', () => {
    const { version, deviceId, ...fields } = decisionGroundsSchema.shape;
    expect([version, deviceId]).not.toContain(undefined);
    expect(listFirstColumn(page, 'of the grounds').sort()).toEqual(Object.keys(fields).sort());
    const shot = fields.shots.element.shape;
    expect(listFirstColumn(page, 'of a shot').sort()).toEqual(Object.keys(shot).sort());
    expect(page.inlineCodes.map(({ text }) => text)).toEqual(expect.arrayContaining(Object.keys(SHOT_RESULTS)));
  });

  it('has every field of an event', () => {
    expect(listFirstColumn(page, 'field').sort()).toEqual(Object.keys(recognitionEventSchema.shape).sort());
  });
});

it('docs/api.md has every reason of an enrolment', () => {
  expect(listFirstColumn(readPage(API_PAGE), '`reason`').sort()).toEqual([...ENROLMENT_REASONS].sort());
});

it('docs/cameras.md has every fault of a picture', () => {
  expect(listFirstColumn(readPage('docs/cameras.md'), 'fault').sort()).toEqual([...PICTURE_FAULTS].sort());
});

describe('docs/architecture.md', () => {
  const page = readPage('docs/architecture.md');

  it('has every dependency of package.json', () => {
    const { dependencies, devDependencies } = JSON.parse(readText('package.json')) as {
      dependencies: Record<string, string>;
      devDependencies: Record<string, string>;
    };
    const known = [...Object.keys(dependencies), ...Object.keys(devDependencies)];
    expect(listFirstColumn(page, 'package').sort()).toEqual(known.sort());
  });

  it('has every room of src with the rooms that it may import', async () => {
    const listed = new Map<string, string[]>();
    for (const { tableName, cells } of page.rows) {
      if (tableName !== 'room') continue;
      const [room = '', , imports = ''] = cells;
      // A row without a name goes on with the room before it.
      const name = room.replaceAll('`', '') || ([...listed.keys()].at(-1) ?? '');
      listed.set(name, [...(listed.get(name) ?? []), ...imports.split(', ').filter((one) => one !== '')]);
    }
    const present = readdirSync(new URL('../../src', import.meta.url), { withFileTypes: true });
    const rooms = present.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect([...listed.keys()].sort()).toEqual(rooms.sort());
    const directions = await readImportDirections();
    for (const [room, imports] of listed)
      expect([room, imports.sort()]).toEqual([room, directions.get(room) ?? ['every room']]);
  });
});

/** Returns the rooms that the lint rule lets each room import, sorted, without those that every room may import. */
async function readImportDirections(): Promise<Map<string, string[]>> {
  const file: string = '../../eslint.config.js';
  const { default: config } = (await import(file)) as { default: { files?: string[]; rules?: object }[] };
  return new Map(
    config.flatMap(({ files, rules }): [string, string[]][] => {
      const room = /^src\/(\w+)\/\*\*\/\*\.ts$/.exec(files?.[0] ?? '')?.[1];
      const message = /src\/\w+ may import only: ([\w, /]+)/.exec(JSON.stringify(rules ?? {}))?.[1];
      if (room === undefined || message === undefined) return [];
      return [
        [
          room,
          message
            .split(', ')
            .filter((one) => one !== 'domain' && one !== 'errors')
            .sort(),
        ],
      ];
    }),
  );
}
