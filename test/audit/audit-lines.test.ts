// The audit log on its way from the service to the command line: whole, or an error.
import { expect, test } from 'vitest';
import { decodeAuditLines, encodeAuditLines } from '../../src/audit/audit-lines.js';
import { GENESIS, chainEntry } from '../../src/audit/audit-record.js';
import type { AuditLine } from '../../src/audit/audit-space.js';
import { collect, withCode } from '../store/support.js';

const at = '2026-05-01T00:00:00.000Z';
const record = chainEntry(GENESIS, { action: 'camera.viewed', actor: 'admin:grün', subject: { cameraId: 'c' } }, at);
const lines: AuditLine[] = [
  { kind: 'entry', record },
  { kind: 'damaged', sequence: 2 },
  { kind: 'head', head: { sequence: 2, hash: record.hash } },
];

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

async function* all<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function encoded(of: readonly AuditLine[]): Promise<Buffer> {
  return Buffer.concat(await collect(encodeAuditLines(all(of))));
}

test.each([1, 7, 10_000])('arrives unchanged, in pieces of %d bytes', async (size) => {
  expect(await collect(decodeAuditLines(pieces(await encoded(lines), size)))).toEqual(lines);
  expect(await collect(decodeAuditLines(pieces(await encoded([]), size)))).toEqual([]);
});

test('a long log goes in many pieces', async () => {
  const many = Array.from({ length: 1_000 }, (): AuditLine => ({ kind: 'entry', record }));
  expect((await collect(encodeAuditLines(all(many)))).length).toBeGreaterThan(3);
  expect(await collect(decodeAuditLines(encodeAuditLines(all(many))))).toEqual(many);
});

test.each([
  ['cut off between lines', (bytes: Buffer) => bytes.subarray(0, bytes.indexOf('\n') + 1)],
  ['cut off in a line', (bytes: Buffer) => bytes.subarray(0, bytes.length - 3)],
  ['something else', () => Buffer.from('<html>\n')],
  ['a line of another kind', () => Buffer.from('{"kind":"face"}\n')],
])('%s is an error, not a shorter log', async (_, change) => {
  const bytes = change(await encoded(lines));
  await expect(collect(decodeAuditLines(pieces(bytes, 50)))).rejects.toEqual(withCode('STORE_CORRUPT'));
});
