// `lintel gallery enrol` with a running service and pictures of rendered people.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerEnrol } from '../../../src/cli/enrol/enrol.js';
import type { PictureResult } from '../../../src/cli/enrol/picture-result.js';
import { CLI, toImage, startService, type Service } from '../../support/service.js';
import { bestModels, standardModels } from '../../support/model-sets.js';
import { masksDir, missing } from '../../support/shared.js';
import { tempDir } from '../../support/temp-dir.js';
import { People, writeFiles } from './pictures.js';
import { startProxy } from './proxy.js';
import { closedPort } from '../ports.js';
import { lintel, type Run } from '../terminal.js';

/** A person whose face is clearly unlike that of person 0. */
const STRANGER = 1;

describe('lintel gallery enrol', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-enrol-'));
  const people = new People();
  let service: Service;
  let groups = 0;

  beforeAll(async () => {
    service = await startService({ folder, ...bestModels, config: { vision: { workers: 2 } } });
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  const config = (): string[] => ['--config', join(folder, 'lintel.yaml')];
  const buildArgs = (source: string, group: string, url = service.url): string[] => [
    ...config(),
    'gallery',
    'enrol',
    source,
    '--group',
    group,
    '--url',
    url,
  ];
  const run = (args: readonly string[]): Promise<Run> => lintel(args, { gallery: registerEnrol });

  /** Creates a group for one test. */
  async function newGroup(): Promise<string> {
    const groupId = `group-${++groups}`;
    await service.call('POST', '/groups', { groupId });
    return groupId;
  }

  async function listFaces(group: string): Promise<{ faceId: string; externalImageId: string }[]> {
    const answer = await service.call('GET', `/groups/${group}/faces?limit=200`);
    return (answer.data as { faces: { faceId: string; externalImageId: string }[] }).faces;
  }

  /** The externalImageIds of the enrolled faces, sorted. */
  async function enrolled(group: string): Promise<string[]> {
    return (await listFaces(group)).map(({ externalImageId }) => externalImageId).sort();
  }

  /** Creates a folder `in` inside a new folder, so that each test has its own journal beside it. */
  function makeFolder(files: Readonly<Record<string, Uint8Array | string>>): string {
    const source = join(tempDir(), 'in');
    mkdirSync(source);
    writeFiles(source, files);
    return source;
  }

  const threePeople = (): Record<string, Uint8Array> => ({
    'alice/1.jpg': people.portrait(0),
    'alice/2.jpg': people.again(0),
    'bob/1.jpg': people.portrait(1),
    'carol/1.jpg': people.portrait(2),
  });

  function readReport(file: string): PictureResult[] {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PictureResult);
  }

  const listReasons = (outcomes: readonly PictureResult[]) =>
    Object.fromEntries(
      outcomes.map(({ path, outcome, reasons }) => [path, [outcome, ...reasons.map((r) => r.reason)]]),
    );

  describe('with ordinary pictures', () => {
    it('enrols each picture once, also when the command is repeated and when the journal is lost', async () => {
      const source = makeFolder({ ...threePeople(), 'bob/notes.txt': 'x' });
      const args = [...buildArgs(source, 'ordinary'), '--create'];
      const proxy = await startProxy(service.url);
      const first = await run([...args, '--url', proxy.url]);
      expect(first.stdout).toBe('4 enrolled, 0 enrolled before, 0 refused, 1 other files ignored\n');
      expect(first).toMatchObject({ code: 0, stderr: 'enrolling: 4, done\n' });
      expect(proxy.mostAtOnce).toBeLessThanOrEqual(2);
      expect(await enrolled('ordinary')).toEqual(['alice', 'alice', 'bob', 'carol']);

      const asked = proxy.seen.length;
      const second = await run([...args, '--url', proxy.url]);
      expect(second.code).toBe(0);
      expect(second.stdout).toContain('0 enrolled, 4 enrolled before');
      expect(proxy.seen.slice(asked)).toEqual(['GET /groups/ordinary']);

      rmSync(join(source, '../.lintel-enrol.jsonl'));
      expect((await run(args)).stdout).toContain('0 enrolled, 4 enrolled before');
      expect(await enrolled('ordinary')).toHaveLength(4);
    });

    it('enrols a picture again when its group was deleted and created again', async () => {
      const source = makeFolder({ 'alice/1.jpg': people.portrait(0) });
      const group = await newGroup();
      const state = join(tempDir(), 'state');
      expect((await run([...buildArgs(source, group), '--state', state])).code).toBe(0);
      expect(existsSync(join(source, '../.lintel-enrol.jsonl'))).toBe(false);
      // Only the time of creation, in seconds, tells the new group from the old one: the journal gets another time here.
      const line = readFileSync(state, 'utf8');
      writeFileSync(state, line.replace(/"groupCreated":"[^"]*"/, '"groupCreated":"2020-01-01T00:00:00"'));
      const [face] = await listFaces(group);
      await service.call('DELETE', `/groups/${group}/faces/${face?.faceId}`);
      expect((await run([...buildArgs(source, group), '--state', state])).stdout).toContain(
        '1 enrolled, 0 enrolled before',
      );
    });

    it('reads pictures and externalImageIds from a table', async () => {
      const source = makeFolder({
        'x/1.jpg': people.portrait(3),
        'y.jpg': people.portrait(4),
        'list.csv': 'path,externalImageId\r\nx/1.jpg,"dora"\r\ny.jpg,eve\r\n',
      });
      const group = await newGroup();
      expect(await run(buildArgs(join(source, 'list.csv'), group))).toMatchObject({ code: 0 });
      expect(await enrolled(group)).toEqual(['dora', 'eve']);
      expect(readdirSync(source)).toContain('.lintel-enrol.jsonl');
    });

    it('reads the externalImageIds of the folders from a table', async () => {
      const source = makeFolder({ 'Dora D./1.jpg': people.portrait(3), '../map.csv': 'Dora D.,badge:7' });
      const group = await newGroup();
      expect(await run([...buildArgs(source, group), '--map', join(source, '../map.csv')])).toMatchObject({ code: 0 });
      expect(await enrolled(group)).toEqual(['badge:7']);
    });

    it('refuses a table with mistakes before it sends a request', async () => {
      const source = makeFolder({ 'y.jpg': people.portrait(4), 'list.csv': 'y.jpg,eve\nz.jpg,e v e\n' });
      const proxy = await startProxy(service.url);
      const { code, stdout, stderr } = await run(buildArgs(join(source, 'list.csv'), 'nowhere', proxy.url));
      expect(code).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^lintel: the table .*\n {2}line 2: an externalImageId has/);
      expect(proxy.seen).toEqual([]);
    });
  });

  describe('with doubtful pictures', () => {
    // The built-in detector was trained on faces that look ahead: it does not measure how far a face is turned.
    const tellsTurns = bestModels === standardModels;
    const doubtful = (): Record<string, Uint8Array | string> => ({
      'a/none.jpg': people.scene(),
      'a/two.jpg': people.scene(0, 1),
      'b/small.jpg': people.portrait(1, { facePx: 76 }),
      'c/blurred.jpg': people.portrait(2, { camera: { blurPx: 3.5 } }),
      ...(tellsTurns && {
        'd/turned.jpg': people.portrait(3, { pose: { yaw: 38 } }),
        'e/profile.jpg': people.portrait(4, { pose: { yaw: 62 } }),
      }),
      'f/cut.jpg': people.portrait(5).subarray(0, 3000),
      'f/fine.jpg': people.portrait(5),
      'f/huge.jpg': new Uint8Array(3_000_001),
      'f/text.png': 'this is no picture',
      'no name/1.jpg': 'x',
    });
    const always = {
      'a/none.jpg': ['refused', 'no-face'],
      'a/two.jpg': ['refused', 'several-faces'],
      'f/cut.jpg': ['refused', 'unreadable'],
      'f/huge.jpg': ['refused', 'too-large'],
      ...(tellsTurns && { 'e/profile.jpg': ['refused', 'not-accepted', 'turned-away'] }),
      'f/text.png': ['refused', 'unreadable'],
      'no name/1.jpg': ['refused', 'bad-id'],
      a: ['not-enrolled', 'all-refused'],
      ...(tellsTurns && { e: ['not-enrolled', 'all-refused'] }),
      'no name': ['not-enrolled', 'bad-id'],
    };

    it('names every doubt, refuses unfit pictures and enrols the others with a warning', async () => {
      const group = await newGroup();
      const report = join(tempDir(), 'report.jsonl');
      const { code, stdout } = await run([...buildArgs(makeFolder(doubtful()), group), '--report', report]);
      expect(code).toBe(1);
      const outcomes = readReport(report);
      expect(listReasons(outcomes)).toEqual({
        ...always,
        'b/small.jpg': ['doubtful', 'small'],
        'c/blurred.jpg': ['doubtful', 'blurred'],
        ...(tellsTurns && { 'd/turned.jpg': ['doubtful', 'turned-away'] }),
      });
      expect(await enrolled(group)).toEqual(['b', 'c', ...(tellsTurns ? ['d'] : []), 'f']);
      expect(stdout).toMatch(/^refused {3}no name\/1\.jpg: bad-id: the name of the folder is not an externalImageId/m);
      expect(stdout).toMatch(
        /^doubtful {2}b\/small\.jpg: small: the face has \d+ x \d+ px; it should have at least 100$/m,
      );
      const [count, refused, people] = tellsTurns
        ? ['4 enrolled (3 of them doubtful)', 7, 3]
        : ['3 enrolled (2 of them doubtful)', 6, 2];
      const missing = `${people} people without an enrolled face`;
      expect(stdout.split('\n').at(-2)).toBe(`${count}, 0 enrolled before, ${refused} refused, ${missing}`);
      expect(outcomes.find(({ path }) => path === 'b/small.jpg')?.faceId).toMatch(/^[0-9a-f-]{36}$/);
      const turned = outcomes.find(({ path }) => path === 'd/turned.jpg')?.reasons[0];
      if (tellsTurns) expect(turned?.detail).toMatch(/^yaw [34]\d, pitch -?\d+ degrees; each should be at most 30$/);
    });

    it('refuses all of them with --strict', async () => {
      const group = await newGroup();
      const report = join(tempDir(), 'report.jsonl');
      const { code } = await run([...buildArgs(makeFolder(doubtful()), group), '--strict', '--report', report]);
      expect(code).toBe(1);
      expect(listReasons(readReport(report))).toMatchObject({
        ...always,
        'b/small.jpg': ['refused', 'small'],
        'c/blurred.jpg': ['refused', 'blurred'],
        ...(tellsTurns && { 'd/turned.jpg': ['refused', 'turned-away'] }),
      });
      expect(await enrolled(group)).toEqual(['f']);
    });

    it.skipIf(missing('the picture of a masked face', masksDir))('names a mask', async () => {
      const withMask = join(masksDir ?? '', 'with_mask');
      const files = readdirSync(withMask).filter((file) => /\.(jpg|png)$/.test(file));
      const masked: string[] = [];
      for (const file of files) {
        const bytes = readFileSync(join(withMask, file));
        const answer = await service.call('POST', '/detect', { image: toImage(bytes) });
        const { faceDetails = [] } = (answer.data ?? {}) as { faceDetails?: { mask: boolean }[] };
        if (faceDetails.length !== 1 || !faceDetails[0]?.mask) continue;
        masked.push(file);
        break;
      }
      const source = makeFolder(
        Object.fromEntries(masked.map((file) => [`m/${file}`, readFileSync(join(withMask, file))])),
      );
      const report = join(tempDir(), 'report.jsonl');
      await run([...buildArgs(source, await newGroup()), '--report', report]);
      expect(readReport(report)[0]?.reasons.map(({ reason }) => reason)).toContain('masked');
    });
  });

  describe('with a face that is enrolled under another externalImageId', () => {
    it('refuses the same picture and another picture, and reports the other externalImageId and the similarity', async () => {
      const group = await newGroup();
      const source = makeFolder({
        'alice/1.jpg': people.portrait(0),
        'mallory/another.jpg': people.again(0),
        'mallory/same.jpg': people.portrait(0),
      });
      const report = join(tempDir(), 'report.jsonl');
      const { code, stdout } = await run([...buildArgs(source, group), '--report', report]);
      expect(code).toBe(1);
      const outcomes = readReport(report);
      expect(listReasons(outcomes)).toEqual({
        'mallory/another.jpg': ['refused', 'lookalike'],
        'mallory/same.jpg': ['refused', 'duplicate'],
        mallory: ['not-enrolled', 'all-refused'],
      });
      const [lookalike, duplicate] = outcomes.map(({ reasons }) => reasons[0]);
      expect(lookalike).toMatchObject({ belongsTo: 'alice' });
      expect(lookalike?.similarity).toBeGreaterThan(80);
      expect(lookalike?.similarity).toBeLessThan(99.9);
      expect(duplicate?.similarity).toBeCloseTo(100, 1);
      expect(stdout).toMatch(
        /^refused {3}mallory\/another\.jpg: lookalike: the face is similar to alice, similarity 9\d\.\d$/m,
      );
      expect(await enrolled(group)).toEqual(['alice']);
    });

    it('uses the given threshold, and counts a face without externalImageId as another person', async () => {
      const group = await newGroup();
      await service.call('POST', `/groups/${group}`, { image: toImage(people.portrait(0)) });
      const source = makeFolder({ 'bob/1.jpg': people.again(0) });
      const refusedRun = await run(buildArgs(source, group));
      expect(refusedRun.stdout).toContain('similar to a face without externalImageId');
      const taken = await run([...buildArgs(source, group), '--duplicate-threshold', '99.9']);
      expect(taken).toMatchObject({ code: 0 });
    });
  });

  describe('with a face that is unlike the enrolled faces of its externalImageId', () => {
    const switched = (): Record<string, Uint8Array> => ({
      'alice/1.jpg': people.portrait(0),
      'alice/2.jpg': people.again(0),
      'alice/3.jpg': people.portrait(STRANGER),
    });

    it('refuses it, and says what the service says', async () => {
      const group = await newGroup();
      const { code, stdout } = await run(buildArgs(makeFolder(switched()), group));
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /^refused {3}alice\/3\.jpg: not-accepted: 1 face was not added: it is unlike the faces that are enrolled under this externalImageId/m,
      );
      expect(await enrolled(group)).toEqual(['alice', 'alice']);
    });

    it('enrols it with --enrolment open, and names it as doubtful', async () => {
      const group = await newGroup();
      const { code, stdout } = await run([...buildArgs(makeFolder(switched()), group), '--enrolment', 'open']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^doubtful {2}alice\/3\.jpg: identity: 1 face was added although it is unlike/m);
      expect(await enrolled(group)).toEqual(['alice', 'alice', 'alice']);
    });

    it('refuses a policy that there is not', async () => {
      const { code, stderr } = await run([...buildArgs(makeFolder(switched()), 'x'), '--enrolment', 'lax']);
      expect(code).toBe(2);
      expect(stderr).toContain('one-face-per-picture, open');
    });
  });

  describe('when it is interrupted', () => {
    const many = (): Record<string, Uint8Array> => ({
      ...threePeople(),
      'dora/1.jpg': people.portrait(3),
      'eve/1.jpg': people.portrait(4),
      'fred/1.jpg': people.portrait(5),
    });
    const everybody = ['alice', 'alice', 'bob', 'carol', 'dora', 'eve', 'fred'];

    it('by SIGKILL between a registration and the journal, continues and enrols nothing twice', async () => {
      const source = makeFolder(many());
      const group = await newGroup();
      let kill = (): void => undefined;
      const proxy = await startProxy(service.url, ({ call, count }) => {
        if (call !== `POST /groups/${group}` || count < 3) return 'pass';
        kill();
        return 'cut-answer';
      });
      const child = spawn(process.execPath, [CLI, ...buildArgs(source, group, proxy.url)], { stdio: 'ignore' });
      const exited = once(child, 'exit');
      kill = () => void child.kill('SIGKILL');
      expect((await exited)[1]).toBe('SIGKILL');
      await expect.poll(() => enrolled(group)).toHaveLength(3);
      const journal = readFileSync(join(source, '../.lintel-enrol.jsonl'), 'utf8');
      expect(journal.trimEnd().split('\n')).toHaveLength(2);

      const again = await run(buildArgs(source, group));
      expect(again.stdout).toBe('4 enrolled, 3 enrolled before, 0 refused\n');
      expect(await enrolled(group)).toEqual(everybody);
    });

    it('by SIGINT, finishes the current pictures, reports the progress, and continues later', async () => {
      const source = makeFolder(many());
      const group = await newGroup();
      let interrupt = (): void => undefined;
      const proxy = await startProxy(service.url, ({ call }) => {
        if (call === `POST /groups/${group}`) interrupt();
        return 'pass';
      });
      const child = spawn(process.execPath, [CLI, ...buildArgs(source, group, proxy.url)]);
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const closed = once(child, 'close');
      interrupt = () => void child.kill('SIGINT');
      expect((await closed)[0]).toBe(1);
      expect(stdout).toMatch(/^\d enrolled, 0 enrolled before, 0 refused, \d not processed\n$/);
      expect(stderr).toContain('lintel: stopped; run the same command again to continue\n');
      const done = Number(stdout[0]);
      expect(done).toBeGreaterThan(0);
      expect(await enrolled(group)).toHaveLength(done);
      expect((await run(buildArgs(source, group))).stdout).toContain(`${7 - done} enrolled, ${done} enrolled before`);
      expect(await enrolled(group)).toEqual(everybody);
    });

    it('by a lost connection, keeps the finished pictures and reports the reason', async () => {
      const source = makeFolder(many());
      const group = await newGroup();
      const proxy = await startProxy(service.url, ({ call, count }) =>
        call === `POST /groups/${group}/search` && count >= 3 ? 'cut' : 'pass',
      );
      const { code, stdout, stderr } = await run(buildArgs(source, group, proxy.url));
      expect(code).toBe(1);
      expect(stdout).toBe('2 enrolled, 0 enrolled before, 0 refused, 5 not processed\n');
      expect(stderr).toContain('enrolling: stopped at 2 of 7\n');
      expect(stderr).toContain(`lintel: the service at ${proxy.url} does not answer: `);
      expect(stderr).not.toContain(service.appKey);
      expect((await run(buildArgs(source, group))).stdout).toContain('5 enrolled, 2 enrolled before');
    });

    it('by a busy service, waits and continues', async () => {
      const source = makeFolder({ 'alice/1.jpg': people.portrait(0) });
      const group = await newGroup();
      const proxy = await startProxy(service.url, ({ call, count }) =>
        call === `POST /groups/${group}` && count === 1 ? 'busy' : 'pass',
      );
      expect(await run(buildArgs(source, group, proxy.url))).toMatchObject({ code: 0 });
      expect(proxy.seen.slice(-2)).toEqual([`POST /groups/${group}`, `POST /groups/${group}`]);
    });
  });

  describe('when the service fails', () => {
    const internalError = {
      header: { isSuccessful: false, resultCode: -50000, resultMessage: 'InternalServerError', detail: 'request id 7' },
    };
    const nothingAdded = {
      header: { isSuccessful: true, resultCode: 0, resultMessage: 'Success' },
      data: { addedFaces: [] },
    };

    it('with one picture, reports it, continues, and tries it again next time', async () => {
      const source = makeFolder(threePeople());
      const group = await newGroup();
      const proxy = await startProxy(service.url, ({ call, count }) => {
        if (call === `POST /groups/${group}`) return count === 2 ? nothingAdded : 'pass';
        return call === `POST /groups/${group}/search` && count === 3 ? internalError : 'pass';
      });
      const { code, stdout } = await run(buildArgs(source, group, proxy.url));
      expect(code).toBe(1);
      expect(stdout).toBe(
        'refused   alice/2.jpg: not-accepted: the service accepts no face of this picture\n' +
          'refused   bob/1.jpg: service-error: -50000: request id 7\n' +
          'not-enrolled  bob: all-refused: the only picture was refused, see above; run the same command again\n' +
          '2 enrolled, 0 enrolled before, 2 refused, 1 person without an enrolled face\n',
      );
      expect((await run(buildArgs(source, group))).stdout).toBe('2 enrolled, 2 enrolled before, 0 refused\n');
    });

    it('to accept a face, shows what it says about that', async () => {
      const detail = '1 face was not added: it cannot be recognised, because it is blurred.';
      const group = await newGroup();
      const proxy = await startProxy(service.url, ({ call }) =>
        call === `POST /groups/${group}` ? { ...nothingAdded, header: { ...nothingAdded.header, detail } } : 'pass',
      );
      const source = makeFolder({ 'alice/1.jpg': people.portrait(0) });
      const { code, stdout } = await run(buildArgs(source, group, proxy.url));
      expect(code).toBe(1);
      expect(stdout.split('\n').slice(0, 2)).toEqual([
        `refused   alice/1.jpg: not-accepted: ${detail}`,
        'not-enrolled  alice: all-refused: the only picture was refused, see above; use another picture of this person',
      ]);
    });

    it('with the group, reports that', async () => {
      const proxy = await startProxy(service.url, () => internalError);
      const { code, stdout, stderr } = await run(buildArgs(makeFolder({}), 'door', proxy.url));
      expect({ code, stdout, stderr }).toEqual({
        code: 1,
        stdout: '',
        stderr: 'lintel: the service refused to describe the group: request id 7 (-50000)\n',
      });
    });
  });

  describe('prints one sentence for', () => {
    it('a service that cannot be reached', async () => {
      const url = `http://127.0.0.1:${await closedPort()}`;
      const { code, stdout, stderr } = await run(buildArgs(makeFolder(threePeople()), 'door', url));
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toBe(`lintel: the service at ${url} does not answer: ECONNREFUSED\n`);
    });

    it('a wrong appKey, a missing file, and a file that others may read', async () => {
      const source = makeFolder(threePeople());
      const file = join(tempDir(), 'key');
      const args = [...buildArgs(source, 'door'), '--app-key-file', file];
      expect((await run(args)).stderr).toBe(`lintel: the appKey (--app-key-file): there is no file ${file}\n`);
      writeFileSync(file, 'another-key\n', { mode: 0o600 });
      expect(await run(args)).toMatchObject({ code: 1, stderr: 'lintel: the service does not accept the appKey\n' });
      writeFileSync(join(file, '../open'), 'another-key\n', { mode: 0o644 });
      expect((await run([...args, '--app-key-file', join(file, '../open')])).stderr).toContain(
        'is open to other users',
      );
      expect(existsSync(join(source, '../.lintel-enrol.jsonl'))).toBe(false);
    });

    it('a missing group, without --create', async () => {
      const { code, stderr } = await run(buildArgs(makeFolder(threePeople()), 'nobody-made-it'));
      expect(code).toBe(1);
      expect(stderr).toBe('lintel: there is no such group for this appKey: give --create to create it\n');
    });

    it('a source without people', async () => {
      const { code, stderr } = await run(buildArgs(makeFolder({ 'notes.txt': 'x' }), await newGroup()));
      expect(code).toBe(1);
      expect(stderr).toContain("lintel: there is nobody to enrol: the folder holds no person's folder\n");
    });

    it.each<[string, string[], number, string]>([
      ['an invalid group id', ['--group', 'A B'], 2, 'A group id has 1 to 255 of these characters: a to z'],
      ['an invalid threshold', ['--duplicate-threshold', '101'], 2, 'It must be a number from 1 to 100'],
      ['an invalid URL', ['--url', 'localhost:8080'], 1, '--url must be the address of a service'],
      ['a URL with a password', ['--url', 'http://a:b@localhost'], 1, '--url must be the address of a service'],
      ['a journal that is another kind of file', ['--state', 'JOURNAL'], 1, 'is not the journal of an enrolment'],
      ['a report that cannot be written', ['--report', '/proc/nowhere/report'], 1, 'ENOENT'],
    ])('%s', async (_what, more, code, message) => {
      const journal = join(tempDir(), 'letter');
      writeFileSync(journal, 'Dear Alice\n');
      const result = await run([
        ...buildArgs(makeFolder({}), await newGroup()),
        ...more.map((arg) => (arg === 'JOURNAL' ? journal : arg)),
      ]);
      expect(result.code).toBe(code);
      expect(result.stderr).toContain(message);
    });

    it('an unknown port, where the configuration lets the service take any', async () => {
      const { code, stderr } = await run([...config(), 'gallery', 'enrol', makeFolder({}), '--group', 'door']);
      expect(code).toBe(1);
      expect(stderr).toContain('(http.port is 0): give its address with --url');
    });
  });
});
