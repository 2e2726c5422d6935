// A client that closes its connection while its picture is analysed: the analysis is told, and nothing is registered.
import { expect, onTestFinished, test } from 'vitest';
import { face, picture, startHarness } from '../harness.js';

const seen = picture(face(0));

test.each([
  ['detect', '/detect', { image: seen }],
  ['register', '/groups/door', { image: seen, limit: 1 }],
  ['search', '/groups/door/search?limit=1&threshold=80', { image: seen }],
  ['compare', '/compare', { sourceImage: seen, targetImage: seen }],
])('%s is cancelled', async (_name, path, body) => {
  const harness = await startHarness({ stopTimeoutMs: 200 });
  onTestFinished(() => harness.close());
  const { vision } = harness;
  expect((await harness.call('POST', '/groups', { groupId: 'door' })).header.resultCode).toBe(0);
  let open = (): void => undefined;
  vision.gate = new Promise((resolve) => (open = resolve));
  const client = new AbortController();
  const asked = fetch(harness.origin + harness.base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: client.signal,
  });
  const left = expect(asked).rejects.toThrow(/abort/);
  await expect.poll(() => vision.signals.length).toBe(path === '/compare' ? 2 : 1);
  expect(vision.signals.map((signal) => signal?.aborted)).not.toContain(true);
  client.abort();
  await left;
  await expect.poll(() => vision.signals.every((signal) => signal?.aborted)).toBe(true);
  open();
  const { data } = await harness.call('GET', '/groups/door/faces');
  expect(data?.faces).toEqual([]);
});
