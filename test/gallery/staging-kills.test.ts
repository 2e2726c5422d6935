// kill -9 while versions of a copy are staged and committed: what is there afterwards is one whole version, not older than what was acknowledged.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { STAGED_LABEL } from '../../src/gallery/staged-copy.js';
import { temporaryDirectory } from '../store/support.js';
import { randomNumbers } from '../store/values.js';
import { staff } from './faces.js';
import { openGallery } from './support.js';

const ROUNDS = 6;
const child = fileURLToPath(new URL('staging-child.ts', import.meta.url));

/** Runs the child until it has committed versions, kills it a moment later, and returns the last version that it told of. */
async function killAfter(directory: string, first: number, commits: number, delayMs: number): Promise<number> {
  const staging = spawn(process.execPath, ['--import', 'tsx', child, directory, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => staging.once('exit', resolve));
  let last = first - 1;
  let timer: NodeJS.Timeout | undefined;
  for await (const line of createInterface(staging.stdout)) {
    if (line.startsWith('committed')) last = Number(line.split(' ')[1]);
    if (last >= first - 1 + commits) timer ??= setTimeout(() => staging.kill('SIGKILL'), delayMs);
  }
  await ended;
  return last;
}

test('one whole version is there after each kill, and nothing half made', async () => {
  const random = randomNumbers(31);
  const directory = await temporaryDirectory();
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const told = await killAfter(directory, acknowledged + 1, 1, Math.floor(random() * 60));
    const { gallery, store, stop } = await openGallery(directory);
    expect(await store.findAltered()).toEqual([]);
    expect(store.spaces(STAGED_LABEL)).toEqual([]);
    expect(store.spaces('group')).toHaveLength(1);
    const { head, digests } = await gallery.copies.read(staff);
    const version = Number(head);
    expect(version).toBeGreaterThanOrEqual(told);
    expect(version).toBeLessThanOrEqual(told + 1);
    const { items } = await gallery.listFaces(staff, { limit: 200 });
    expect(new Set(items.map(({ externalImageId }) => externalImageId))).toEqual(new Set([`v${version}`]));
    expect([items.length, digests.size]).toEqual([60, 60]);
    acknowledged = version;
    await stop();
  }
  expect(acknowledged).toBeGreaterThanOrEqual(ROUNDS);
}, 120_000);
