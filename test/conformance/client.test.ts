// The conformance suite itself: it finds the faults of an answer, and reports them with the request and the answer.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../../tools/conformance/client.js';
import { padJpeg, storedAs } from '../../tools/conformance/image-files.js';
import { makeShapes } from '../../tools/conformance/shapes.js';
import { runCases, type Case, type Need } from '../../tools/conformance/suite.js';
import { World } from '../../tools/conformance/world.js';
import type { Pictures } from '../../tools/conformance/pictures.js';

const MAIN = fileURLToPath(new URL('../../tools/conformance/main.ts', import.meta.url));
const APP_KEY = 'an-appkey-of-a-test-0123456789';
const SUCCESS = { isSuccessful: true, resultCode: 0, resultMessage: 'Success' };
const REFUSAL = { isSuccessful: false, resultCode: -40030, resultMessage: 'NotFoundGroupError' };

interface Answer {
  status?: number;
  type?: string;
  body: unknown;
}

/** Starts a target that answers every request by this function. */
async function target(answer: (method: string, path: string) => Answer): Promise<Client> {
  const server = createServer((request, response) => {
    const { status = 200, type = 'application/json', body } = answer(request.method ?? '', request.url ?? '');
    request.resume();
    response.writeHead(status, { 'content-type': type });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  return new Client({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, appKey: APP_KEY });
}

const run = (client: Client, cases: readonly Case[], available: readonly Need[] = []) =>
  runCases({
    world: new World({ client, pictures: {} as Pictures, maxImageBytes: 3_000_000 }),
    client,
    cases,
    available: new Set(available),
    timeLimitMs: 10_000,
    onResult: () => undefined,
    signal: new AbortController().signal,
  });

const list = { method: 'GET', path: '/groups' };

describe('the client', () => {
  it.each<[string, Answer]>([
    ['no JSON', { body: 'groups' }],
    ['another type', { type: 'text/html', body: { header: SUCCESS } }],
    ['a missing header', { body: { data: {} } }],
    ['a third field beside header and data', { body: { header: SUCCESS, items: [] } }],
    ['an unknown code', { body: { header: { ...REFUSAL, resultCode: -12345 } } }],
    ['a code that is a string', { body: { header: { ...SUCCESS, resultCode: '0' } } }],
    ['the message of another code', { body: { header: { ...REFUSAL, resultMessage: 'InvalidParam' } } }],
    ['SUCCESS in capital letters', { body: { header: { ...SUCCESS, resultMessage: 'SUCCESS' } } }],
    [
      'a side where no picture is at fault',
      { body: { header: { ...REFUSAL, resultMessage: 'NotFoundGroupError:Source' } } },
    ],
    ['a refusal that calls itself successful', { body: { header: { ...REFUSAL, isSuccessful: true } } }],
    ['a success that calls itself unsuccessful', { body: { header: { ...SUCCESS, isSuccessful: false } } }],
    ['an additional field in the header', { body: { header: { ...SUCCESS, requestId: '1' } } }],
    ['a stack in the detail', { body: { header: { ...REFUSAL, detail: 'Error\n    at a (b.js:1:2)' } } }],
    ['the appKey in the detail', { body: { header: { ...REFUSAL, detail: `no group of ${APP_KEY}` } } }],
    ['data beside an error', { body: { header: REFUSAL, data: {} } }],
  ])('refuses an answer with %s', async (_what, answer) => {
    const client = await target(() => answer);
    await expect(client.ask(list)).rejects.toThrow();
    expect(client.last?.asked).toBe('GET v1.0 /groups');
  });

  it('accepts a correct success and a correct refusal', async () => {
    const client = await target((_method, path) => ({
      body: { header: path.endsWith('/groups') ? SUCCESS : REFUSAL },
    }));
    expect((await client.ask(list)).code).toBe(0);
    expect((await client.ask({ method: 'GET', path: '/groups/x' })).code).toBe(-40030);
  });

  it('deletes the groups that it created, with the key that created them, but not the groups to keep', async () => {
    const deleted: string[] = [];
    const client = await target((method, path) => {
      if (method === 'DELETE') deleted.push(path.replace(/^.*appkeys\//, ''));
      return { body: { header: SUCCESS } };
    });
    await client.ask({ method: 'POST', path: '/groups', body: { groupId: 'conformance-kept' } });
    client.keep();
    await client.ask({ method: 'POST', path: '/groups', body: { groupId: 'conformance-a' }, appKey: 'other' });
    await client.ask({ method: 'POST', path: '/groups', body: { groupId: 'conformance-b' } });
    await client.ask({ method: 'DELETE', path: '/groups/conformance-b' });
    deleted.length = 0;
    expect(await client.cleanUp()).toEqual([]);
    expect(deleted).toEqual(['other/groups/conformance-a']);
    expect(await client.cleanUp(true)).toEqual([]);
    expect(deleted).toEqual(['other/groups/conformance-a', `${APP_KEY}/groups/conformance-kept`]);
  });
});

describe('the runner', () => {
  const { groupList } = makeShapes(true);

  it.each<[string, Case, RegExp | undefined]>([
    ['passes an answer that is as expected', { name: 'x', ask: list, shape: groupList }, undefined],
    ['fails another code', { name: 'x', ask: list, code: -40000 }, /resultCode -40000/],
    ['fails an answer where HTTP 404 is expected', { name: 'x', ask: list, code: 404 }, /HTTP 404/],
    ['fails another shape', { name: 'x', ask: list, shape: makeShapes(false).groupList }, /modelVersion/],
    [
      'fails an answer that a check refuses',
      {
        name: 'x',
        ask: list,
        check: () => {
          throw new Error('two groups');
        },
      },
      /two groups/,
    ],
    ['fails a scenario that throws', { name: 'x', run: async () => Promise.reject(new Error('a group')) }, /a group/],
  ])('%s', async (_what, one, expected) => {
    const data = { groupCount: 1, groups: [{ groupId: 'a', modelVersion: 'm' }] };
    const client = await target(() => ({ body: { header: SUCCESS, data } }));
    const { passed, failures } = await run(client, [one]);
    expect(passed).toBe(expected ? 0 : 1);
    expect(failures).toHaveLength(expected ? 1 : 0);
    if (expected) expect(failures[0]!.expected).toMatch(expected);
  });

  it('reports the request and the answer of a failure', async () => {
    const client = await target(() => ({ body: { header: REFUSAL } }));
    const ask = { method: 'POST', path: '/detect', body: { image: { bytes: 'A'.repeat(5_000) } } };
    const { failures } = await run(client, [{ name: 'x', ask }]);
    expect(failures[0]!.exchange?.asked).toMatch(/^POST v1.0 \/detect .*A… \(5000 characters\)/);
    expect(failures[0]!.exchange?.received).toContain('HTTP 200');
    expect(failures[0]!.exchange?.received).toContain('NotFoundGroupError');
  });

  it('skips scenarios that the target does not support, and reports what they need', async () => {
    const client = await target(() => ({ body: { header: SUCCESS } }));
    const cases: Case[] = [
      { name: 'a', needs: 'spawn', ask: list },
      { name: 'b', needs: 'secretKey', ask: list },
    ];
    const { passed, leftOut } = await run(client, cases, ['secretKey']);
    expect(passed).toBe(1);
    expect(leftOut).toEqual([{ name: 'a', needs: 'spawn' }]);
  });

  it('fails when there is no answer', async () => {
    const client = new Client({ url: 'http://127.0.0.1:1', appKey: APP_KEY });
    const { failures } = await run(client, [{ name: 'x', ask: list }]);
    expect(failures[0]!.exchange?.received).toContain('no answer');
  });
});

describe('the pictures', () => {
  it('are padded to exactly the requested length', () => {
    const jpeg = Uint8Array.from([0xff, 0xd8, 0xff, 0xd9]);
    for (const length of [8, 100, 65_004, 65_005, 65_010, 130_007, 200_000]) {
      expect(padJpeg(jpeg, length)).toHaveLength(length);
    }
  });

  it.each([
    [1, 'abcdef', 3],
    [2, 'cbafed', 3],
    [3, 'fedcba', 3],
    [4, 'defabc', 3],
    [5, 'adbecf', 2],
    [6, 'cfbead', 2],
    [7, 'fcebda', 2],
    [8, 'daebfc', 2],
  ])('are stored for Exif orientation %d', (orientation, stored, widthPx) => {
    const pixels = (text: string): number[] => [...text].flatMap((letter) => [letter.charCodeAt(0), 0, 0]);
    const turned = storedAs({ rgb: Uint8Array.from(pixels('abcdef')), widthPx: 3, heightPx: 2 }, orientation);
    expect([...turned.rgb]).toEqual(pixels(stored));
    expect(turned.widthPx).toBe(widthPx);
  });
});

describe('the command', () => {
  it.each([[[]], [['--url', 'http://127.0.0.1:1']], [['--spawn', '--time-limit', 'soon']], [['--frobnicate']]])(
    'prints its usage when the arguments are wrong: %j',
    async (args) => {
      const ran = promisify(execFile)(process.execPath, ['--import', 'tsx', MAIN, ...args]);
      await expect(ran).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('usage:') as string });
    },
  );
});
