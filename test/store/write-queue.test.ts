// The write queue: order, joining, refusal and failure.
import { expect, test } from 'vitest';
import type { Operation } from '../../src/store/records.js';
import { WriteQueue } from '../../src/store/write-queue.js';
import { withCode } from './support.js';

const operation = (name: string): Operation => ({ key: Buffer.from(name) });

/** Records what is committed; each commit ends when it is let go. */
function harness(maxWaiting = 100): { queue: WriteQueue; commits: string[]; letGo: (error?: Error) => void } {
  const commits: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const queue = new WriteQueue({
    maxWaiting,
    commit: (operations) => {
      commits.push(operations.map(({ key }) => key.toString()).join(''));
      return new Promise((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
    },
  });
  return { queue, commits, letGo: (error) => ends.shift()?.(error) };
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('what arrives while a batch is under way is joined, in order', async () => {
  const { queue, commits, letGo } = harness();
  const writes = [queue.push([operation('a')])];
  await turn();
  writes.push(queue.push([operation('b'), operation('c')]), queue.push([operation('d')]));
  await turn();
  expect(commits).toEqual(['a']);
  letGo();
  await turn();
  expect(commits).toEqual(['a', 'bcd']);
  letGo();
  await Promise.all(writes);
  await queue.idle();
});

test('a large batch is not joined by others, and is never split', async () => {
  const { queue, commits, letGo } = harness();
  const large = Array.from({ length: 1_500 }, () => operation('x'));
  const writes = [queue.push([operation('a')]), queue.push(large), queue.push([operation('b')])];
  for (let i = 0; i < 3; i++) {
    await turn();
    letGo();
  }
  await Promise.all(writes);
  expect(commits.map((commit) => commit.length)).toEqual([1, 1_500, 1]);
});

test('a failure fails every write of its batch, each with an error of its own, and no other', async () => {
  const { queue, letGo } = harness();
  const writes = [queue.push([operation('a')]), queue.push([operation('b')])];
  const settled = Promise.allSettled(writes);
  await turn();
  const later = queue.push([operation('c')]);
  const cause = new Error('no space');
  letGo(cause);
  const reasons = (await settled).map((result) =>
    result.status === 'rejected' ? (result.reason as Error) : undefined,
  );
  expect(reasons).toEqual([withCode('STORE_UNAVAILABLE'), withCode('STORE_UNAVAILABLE')]);
  expect(reasons[0]).not.toBe(reasons[1]);
  expect(reasons[0]?.cause).toBe(cause);
  await turn();
  letGo();
  await later;
});

test('a task runs alone, in its turn', async () => {
  const { queue, commits, letGo } = harness();
  const work = [
    queue.push([operation('a')]),
    queue.run(async () => void commits.push('task')),
    queue.push([operation('b')]),
  ];
  await turn();
  letGo();
  await turn();
  letGo();
  await Promise.all(work);
  expect(commits).toEqual(['a', 'task', 'b']);
});

test('beyond its bound a write is refused and counted; the others go on', async () => {
  const { queue, commits, letGo } = harness(2);
  const first = queue.push([operation('a')]);
  await turn();
  const waiting = [queue.push([operation('b')]), queue.push([operation('c')])];
  await expect(queue.push([operation('d')])).rejects.toEqual(withCode('STORE_UNAVAILABLE'));
  expect(queue.refused).toBe(1);
  letGo();
  await turn();
  letGo();
  await Promise.all([first, ...waiting]);
  expect(commits).toEqual(['a', 'bc']);
});
