// The packed table against a plain map, after thousands of random changes.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { BucketTree } from '../../src/fleet/bucket-tree.js';
import { BUCKETS, isPacked, PackedTable } from '../../src/fleet/packed-table.js';
import { randomNumbers } from '../store/values.js';

function makeId(number: number): string {
  return createHash('md5').update(String(number)).digest('hex');
}

it('holds what a map holds', () => {
  const next = randomNumbers(11);
  const table = new PackedTable(4);
  const map = new Map<string, Buffer>();
  for (let i = 0; i < 20_000; i++) {
    const id = makeId(Math.floor(next() * 3_000));
    if (next() < 0.3) {
      expect(table.delete(id)).toBe(map.delete(id));
    } else {
      const value = Buffer.alloc(4);
      value.writeUInt32BE(i);
      table.set(id, value);
      map.set(id, value);
    }
    if (i % 500 === 0) table.encode(i % BUCKETS);
    expect(table.size).toBe(map.size);
  }
  for (let i = 0; i < 3_000; i++) expect(table.get(makeId(i))).toEqual(map.get(makeId(i)));
  const all = Array.from({ length: BUCKETS }, (_, bucket) => [...table.entries(bucket)]).flat();
  expect(all).toEqual([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
});

it('a copy and its original change apart', () => {
  const table = new PackedTable(1);
  table.set(makeId(1), Buffer.of(1));
  const copy = new PackedTable(1, table);
  copy.set(makeId(2), Buffer.of(2));
  copy.delete(makeId(1));
  table.set(makeId(3), Buffer.of(3));
  expect([table.size, copy.size]).toEqual([2, 1]);
  expect([1, 2, 3].map((one) => [table.has(makeId(one)), copy.has(makeId(one))])).toEqual([[true, false], [false, true], [true, false]]); // prettier-ignore
});

it('takes no bytes that are no bucket', () => {
  const tree = BucketTree.create();
  const entry = (id: string): Buffer => Buffer.concat([Buffer.from(id, 'hex'), Buffer.alloc(32, 1)]);
  const [a, b] = ['07' + '0'.repeat(30), '07' + 'f'.repeat(30)];
  const good = Buffer.concat([entry(a), entry(b)]);
  expect(isPacked(7, good, 32)).toBe(true);
  for (const bad of [good.subarray(1), Buffer.concat([entry(b), entry(a)]), Buffer.concat([entry(a), entry(a)])]) {
    expect(tree.replaceBucket(7, bad)).toBe(false);
  }
  expect(tree.replaceBucket(8, good)).toBe(false);
  expect(tree.size).toBe(0);
  expect(tree.replaceBucket(7, good)).toBe(true);
  expect([tree.size, tree.digest(b)?.length]).toEqual([2, 32]);
});
