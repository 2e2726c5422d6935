// The audit log as lines of JSON: the form in which a running service sends it to the command line.
import * as z from 'zod';
import { AppError } from '../errors.js';
import { auditHeadSchema, auditRecordSchema } from './audit-record.js';
import type { AuditLine } from './audit-space.js';

const lineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('entry'), record: auditRecordSchema }),
  z.object({ kind: z.literal('damaged'), sequence: z.int() }),
  z.object({ kind: z.literal('head'), head: auditHeadSchema.optional() }),
  z.object({ kind: z.literal('root'), problem: z.string().optional() }),
  z.object({ kind: z.literal('end') }),
]);
const CHUNK_CHARACTERS = 64 * 1024;

/** Yields the log as UTF-8 lines of JSON, joined to larger pieces; the last line is `{"kind":"end"}`. */
export async function* encodeAuditLines(lines: AsyncIterable<AuditLine>): AsyncGenerator<Uint8Array> {
  let chunk = '';
  for await (const line of lines) {
    chunk += `${JSON.stringify(line)}\n`;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  // The last line shows that the answer is complete and was not cut off.
  yield Buffer.from(`${chunk}{"kind":"end"}\n`);
}

/** Reads what encodeAuditLines wrote. @throws AppError STORE_CORRUPT for anything else, and for an incomplete log */
export async function* decodeAuditLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<AuditLine> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      const line = parseLine(text);
      if (line.kind === 'end') return;
      yield line;
    }
  }
  throw new AppError('STORE_CORRUPT', 'the audit log that the service sent is incomplete');
}

function parseLine(text: string): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('STORE_CORRUPT', 'the service sent something other than the audit log', { cause });
  }
}
