// JSON bodies: bounded before they are parsed, with the long texts of pictures taken out and decoded apart.
import { isUtf8 } from 'node:buffer';
import { describeFormat, detectFormat } from '../../domain/file-format.js';
import { clientError, type AppError } from '../../errors.js';
import { decodeJsonBase64 } from './base64.js';
import { LongBase64 } from './image-input.js';
import { scanJson, type LongText } from './json-scan.js';
import type { RequestTurns } from './turns.js';

export interface JsonRules {
  /** Name of the body that the operation takes, for the message, such as `a JSON object`. */
  wanted: string;
  /** Fields of the body that hold a picture in `bytes`. */
  imageFields: readonly string[];
  /** Longest body without its pictures, in bytes. */
  maxFieldsBytes: number;
  /** Longest picture file, in bytes. */
  maxImageBytes: number;
}

/**
 * Parses a body as JSON. The base64 text of a picture, where it is long, becomes a LongBase64; no text of its length is ever made. All
 * else is bounded before it is parsed: JSON.parse took 4 s for 8.4 MB of nested arrays (2 shared x64 cores, 2026-11).
 * @param body overwritten: the caller must not use it again
 * @throws AppError INVALID_PARAM: the body is empty, not UTF-8, not JSON, not an object, or beyond the bounds
 */
export async function parseJsonObject(
  body: Buffer,
  rules: JsonRules,
  turns: RequestTurns,
): Promise<Record<string, unknown>> {
  if (body.length === 0) throw clientError('INVALID_PARAM', 'The body is empty; it must be a JSON object.');
  const foreign = nameForeignBody(body);
  if (foreign !== undefined) throw clientError('INVALID_PARAM', `The body is ${foreign}; it must be ${rules.wanted}.`);
  if (!isUtf8(body)) throw clientError('INVALID_PARAM', 'The body must be UTF-8.');
  const hasByteOrderMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  const text = hasByteOrderMark ? body.subarray(3) : body;
  const { rest, longTexts } = scanJson(text, { imageFields: rules.imageFields, maxBytes: rules.maxFieldsBytes });
  let value: unknown;
  try {
    value = JSON.parse(rest);
  } catch {
    // The parser's own message quotes the body, so it is neither passed on nor kept as a cause.
    throw createMalformedError();
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw clientError('INVALID_PARAM', 'The body must be a JSON object.');
  }
  const fields = value as Record<string, unknown>;
  for (const long of longTexts) await putBack(fields, long, rules.maxImageBytes, turns);
  return fields;
}

/** Puts the decoded text where it stood. @throws AppError INVALID_PARAM: it is no JSON */
async function putBack(
  fields: Record<string, unknown>,
  { field, raw }: LongText,
  maxImageBytes: number,
  turns: RequestTurns,
): Promise<void> {
  const decoded = await decodeJsonBase64(raw, maxImageBytes, turns);
  if (!decoded) throw createMalformedError();
  (fields[field] as Record<string, unknown>).bytes = new LongBase64(decoded);
}

function createMalformedError(): AppError {
  return clientError('INVALID_PARAM', 'The body is not valid JSON.');
}

/** Texts that clients send in place of a JSON object, by their beginning (Latin-1). No request begins like any of them. */
const FOREIGN_TEXTS: readonly [RegExp, string][] = [
  [/^(\r\n)?--[^\r\n]{1,70}\r?\n/, 'multipart'],
  [/^(\xff\xfe|\xfe\xff|\0{0,3}[{[]\0)|^\0[{[]/, 'text in UTF-16 or UTF-32, and not in UTF-8'],
  [/^[A-Za-z][\w%.[\]-]*=/, 'a form (application/x-www-form-urlencoded)'],
  [/^https?:\/\//i, 'a URL'],
  [/^\s*"\s*\{/, 'a JSON text with an object in it, encoded twice'],
  [/^\s*\{\s*'/, 'an object with its names in single quotes, which is no JSON'],
];

/** Returns what a body is that is no JSON, as a part of a sentence. */
function nameForeignBody(body: Buffer): string | undefined {
  const format = detectFormat(body);
  if (format === 'gzip') return 'gzip data without the header Content-Encoding: gzip';
  if (format === 'JPEG' || format === 'PNG') return `a ${format} file`;
  if (format === 'base64') return 'base64 without a JSON object around it';
  if (format !== undefined && format !== 'JSON') return describeFormat(format);
  const start = body.toString('latin1', 0, 80);
  return FOREIGN_TEXTS.find(([pattern]) => pattern.test(start))?.[1];
}
