// The HTTP client of an enrolment, with servers that are busy, wrong or not running.
import { createServer, type RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EnrolClient } from '../../../src/cli/enrol/client.js';
import type { Timers } from '../../../src/domain/time.js';
import { closedPort, listen } from '../ports.js';

const KEY = 'the-secret-app-key';

/** Timers that fire at once and record the delays they were given. */
function fastTimers(onWait?: () => void): Timers & { waitedMs: number[] } {
  const waitedMs: number[] = [];
  return {
    waitedMs,
    setTimeout: (callback, delayMs) => {
      waitedMs.push(delayMs);
      onWait?.();
      return setImmediate(callback);
    },
    clearTimeout: (timer) => clearImmediate(timer as NodeJS.Immediate),
  };
}

async function makeClient(handler: RequestListener, timers = fastTimers(), signal = new AbortController().signal) {
  const url = `http://127.0.0.1:${await listen(createServer(handler))}`;
  return new EnrolClient({ url, appKey: KEY, timers, signal });
}

const answer = (resultCode: number, more: object = {}) =>
  JSON.stringify({
    header: { isSuccessful: resultCode >= 0, resultCode, resultMessage: 'Name', ...more },
    data: { a: 1 },
  });

const call = (client: EnrolClient) => client.call('POST', '/x', z.object({ a: z.number() }), {});

describe('the client', () => {
  it('returns the data of an answer, and puts the appKey into the path', async () => {
    const paths: string[] = [];
    const client = await makeClient((request, response) => {
      paths.push(`${request.method} ${request.url}`);
      response.end(answer(0));
    });
    expect(await call(client)).toEqual({ data: { a: 1 } });
    expect(paths).toEqual([`POST /nhn-face-reco/v1.0/appkeys/${KEY}/x`]);
  });

  it('waits as long as a busy service asks for, then repeats the request', async () => {
    const timers = fastTimers();
    const waits = ['3', '', '999'];
    const client = await makeClient((_request, response) => {
      const wait = waits.shift();
      if (wait === undefined) return response.end(answer(0));
      return response.setHeader('retry-after', wait).end(answer(-50300));
    }, timers);
    expect(await call(client)).toEqual({ data: { a: 1 } });
    expect(timers.waitedMs).toEqual([3_000, 1_000, 30_000]);
  });

  it('gives up when the service is busy for two minutes', async () => {
    const timers = fastTimers();
    const client = await makeClient((_request, response) => {
      response.setHeader('retry-after', '30').end(answer(-50300));
    }, timers);
    await expect(call(client)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    expect(timers.waitedMs).toHaveLength(4);
  });

  it('stops waiting when its signal aborts', async () => {
    const stop = new AbortController();
    const client = await makeClient(
      (_request, response) => response.setHeader('retry-after', '30').end(answer(-50300)),
      fastTimers(() => stop.abort()),
      stop.signal,
    );
    await expect(call(client)).rejects.toMatchObject({ code: 'STOPPED' });
  });

  it.each([
    [-41000, 'UNAUTHORIZED_APP_KEY'],
    [-40030, 'GROUP_NOT_FOUND'],
    [-40070, 'QUOTA_EXCEEDED'],
    [-40080, 'MODEL_VERSION_MISMATCH'],
  ])('throws an AppError for the result %i, which concerns every request', async (resultCode, code) => {
    const client = await makeClient((_request, response) => response.end(answer(resultCode)));
    await expect(call(client)).rejects.toMatchObject({ name: 'AppError', code });
  });

  it('reports the detail of a refusal, or its name where there is none', async () => {
    const answers = [answer(-45080, { detail: 'It is broken.' }), answer(-50000)];
    const client = await makeClient((_request, response) => response.end(answers.shift()));
    await expect(call(client)).rejects.toMatchObject({
      name: 'RefusedRequest',
      resultCode: -45080,
      message: 'It is broken.',
    });
    await expect(call(client)).rejects.toMatchObject({ resultCode: -50000, message: 'Name' });
  });

  it.each<[string, RequestListener]>([
    ['another status', (_request, response) => response.writeHead(404).end('not here')],
    ['no JSON', (_request, response) => response.end('<html>')],
    ['another JSON', (_request, response) => response.end('{"ok":true}')],
    ['other data', (_request, response) => response.end(answer(0).replace('"a"', '"b"'))],
    ['a redirect', (_request, response) => response.writeHead(307, { location: '/else' }).end()],
    ['a connection cut', (_request, response) => response.destroy()],
  ])('reports, without the appKey, that the server is not the service: %s', async (_what, handler) => {
    const client = await makeClient(handler);
    const error = await call(client).catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ name: 'AppError', code: 'SERVICE_UNREACHABLE' });
    expect(`${(error as Error).stack} ${String((error as Error).cause)}`).not.toContain(KEY);
  });

  it('reports that no server listens', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    const { signal } = new AbortController();
    const client = new EnrolClient({ url, appKey: KEY, timers: fastTimers(), signal });
    await expect(call(client)).rejects.toThrow(`the service at ${url} does not answer: ECONNREFUSED`);
  });
});
