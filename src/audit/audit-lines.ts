// The audit log as lines of JSON: how a running service hands it to the command line.
import { z } from 'zod';
import { AppError } from '../errors.js';
import { auditHeadSchema, auditRecordSchema } from './audit-record.js';
import type { AuditLine } from './audit-space.js';

const lineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('entry'), record: auditRecordSchema }),
  z.object({ kind: z.literal('damaged'), sequence: z.int() }),
  z.object({ kind: z.literal('head'), head: auditHeadSchema.optional() }),
  z.object({ kind: z.literal('end') }),
]);
const PIECE_CHARACTERS = 64 * 1024;

export async function* encodeAuditLines(lines: AsyncIterable<AuditLine>): AsyncGenerator<Uint8Array> {
  let piece = '';
  for await (const line of lines) {
    piece += `${JSON.stringify(line)}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  // An answer that was cut off must not pass for a log that was.
  yield Buffer.from(`${piece}{"kind":"end"}\n`);
}

/** @throws AppError STORE_CORRUPT: not from encodeAuditLines, or not all of it */
export async function* decodeAuditLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<AuditLine> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of bytes) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      const line = lineOf(text);
      if (line.kind === 'end') return;
      yield line;
    }
  }
  throw new AppError('STORE_CORRUPT', 'the audit log ended before its end');
}

function lineOf(text: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('STORE_CORRUPT', 'the service sent something else than the audit log', { cause });
  }
}
