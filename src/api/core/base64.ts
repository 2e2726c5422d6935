// Standard base64 of pictures: decoded from a short text, or step by step from the bytes of a JSON body.
import { clientError, type AppError } from '../../errors.js';
import type { RequestTurns } from './turns.js';

/**
 * Decodes standard base64 with full padding or none. White space, a data: prefix and the URL alphabet are refused.
 *
 * Node's decoder skips unknown characters and reads only the low byte of each. Therefore the text must be ASCII, and the result must
 * have the length that follows from the number of digits: each skipped character would make it shorter. A regular expression over 4 MB
 * took 20 ms, and this check takes 1 ms (2 shared x64 cores, 2026-11).
 * @throws AppError INVALID_IMAGE_BYTES, IMAGE_TOO_LARGE
 */
export function decodeBase64(text: string, maxBytes: number): Buffer {
  if (text.length === 0) throw clientError('INVALID_IMAGE_BYTES', 'The field bytes is empty.');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const length = Math.floor((digits * 3) / 4);
  if (length > maxBytes) throw createTooLargeError(maxBytes);
  const isPlausible =
    digits > 0 &&
    digits % 4 !== 1 &&
    (padding === 0 || text.length % 4 === 0) &&
    Buffer.byteLength(text, 'utf8') === text.length &&
    !text.includes('-') &&
    !text.includes('_');
  const bytes = Buffer.allocUnsafeSlow(length);
  if (!isPlausible || bytes.write(text, 'base64') !== length) {
    const start = text.slice(0, EXAMINED_CHARACTERS);
    throw clientError('INVALID_IMAGE_BYTES', describeBadBase64(start, { isUrlSafe: /[-_]/.test(text) }));
  }
  return bytes;
}

/** The picture of a long base64 text in a JSON body: its bytes, or the reason why it is refused when the picture is used. */
export type DecodedText = { bytes: Uint8Array } | { problem: AppError };

/** Bytes of the text that are handled in one turn of the main thread: about 1 ms (2 shared x64 cores, 2026-11). */
const STEP_BYTES = 262_144;
/** Bytes of one call of the decoder. Larger ones were slower, because of the memory of their text (2 shared x64 cores, 2026-11). */
const PIECE_BYTES = 65_536;

const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const EQUALS = 0x3d;

/**
 * Decodes a long base64 text as it stands between the quotes of a JSON body, in steps that each take one turn of the main thread.
 * @param raw UTF-8; some writers of JSON escape each slash. The bytes are overwritten
 * @returns undefined where the text is no JSON at all, because of a control character or an unknown escape
 */
export async function decodeJsonBase64(
  raw: Buffer,
  maxBytes: number,
  turns: RequestTurns,
): Promise<DecodedText | undefined> {
  const start = Buffer.from(raw.subarray(0, EXAMINED_CHARACTERS));
  const { text, hasOtherEscape } = await unescapeSlashes(raw, turns);
  const digits = hasOtherEscape ? undefined : trimPadding(text);
  const length = digits ? Math.floor((digits.length * 3) / 4) : 0;
  // Text that is no JSON has another code than a picture that is too large or malformed, so it is looked for first.
  if (digits && length <= maxBytes) {
    const bytes = await decodeDigits(digits, length, turns);
    if (bytes) return { bytes };
  }
  if (!(await isJsonText(text, turns))) return undefined;
  if (digits && length > maxBytes) return { problem: createTooLargeError(maxBytes) };
  const isUrlSafe = text.includes('-') || text.includes('_');
  const detail = describeBadBase64(unescapeStart(start.toString('utf8')), { isUrlSafe });
  return { problem: clientError('INVALID_IMAGE_BYTES', detail) };
}

export function createTooLargeError(maxBytes: number): AppError {
  return clientError('IMAGE_TOO_LARGE', `The picture is larger than ${maxBytes} bytes.`);
}

/** Replaces `\/` by `/`, in place. Where another escape comes first, the text stays as it is from there on. */
async function unescapeSlashes(raw: Buffer, turns: RequestTurns): Promise<{ text: Buffer; hasOtherEscape: boolean }> {
  let from = raw.indexOf(BACKSLASH);
  if (from < 0) return { text: raw, hasOtherEscape: false };
  let to = from;
  while (from < raw.length) {
    const end = Math.min(raw.length, from + STEP_BYTES);
    while (from < end) {
      const byte = raw[from] ?? 0;
      if (byte === BACKSLASH) {
        if (raw[from + 1] !== SLASH) {
          raw.copyWithin(to, from);
          return { text: raw.subarray(0, raw.length - (from - to)), hasOtherEscape: true };
        }
        from++;
      }
      raw[to++] = raw[from++] ?? 0;
    }
    await turns.take();
  }
  return { text: raw.subarray(0, to), hasOtherEscape: false };
}

/** Returns the digits without padding; undefined when their number or the padding is impossible. */
function trimPadding(text: Buffer): Buffer | undefined {
  const { length } = text;
  const padding = text[length - 1] !== EQUALS ? 0 : text[length - 2] === EQUALS ? 2 : 1;
  const count = length - padding;
  const isPossible = count > 0 && count % 4 !== 1 && (padding === 0 || length % 4 === 0);
  return isPossible ? text.subarray(0, count) : undefined;
}

/** @returns undefined when a character is not a digit of standard base64 */
async function decodeDigits(digits: Buffer, length: number, turns: RequestTurns): Promise<Uint8Array | undefined> {
  if (digits.includes('-') || digits.includes('_') || digits.includes('=')) return undefined;
  const bytes = Buffer.allocUnsafeSlow(length);
  let written = 0;
  for (let from = 0; from < digits.length; from += STEP_BYTES) {
    await turns.take();
    const stepEnd = Math.min(digits.length, from + STEP_BYTES);
    for (let at = from; at < stepEnd; at += PIECE_BYTES) {
      const end = Math.min(stepEnd, at + PIECE_BYTES);
      const expected = Math.floor(((end - at) * 3) / 4);
      if (bytes.write(digits.toString('latin1', at, end), written, 'base64') !== expected) return undefined;
      written += expected;
    }
  }
  return bytes;
}

/** Tells whether the bytes may stand between the quotes of a JSON text. They are UTF-8, and hold no quote that is not escaped. */
async function isJsonText(text: Buffer, turns: RequestTurns): Promise<boolean> {
  for (let at = 0; at < text.length;) {
    const end = Math.min(text.length, at + STEP_BYTES);
    while (at < end) {
      const byte = text[at++] ?? 0;
      if (byte < 0x20) return false;
      if (byte !== BACKSLASH) continue;
      const escape = text.toString('latin1', at, at + 5);
      if (!/^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(escape)) return false;
      at += escape.startsWith('u') ? 5 : 1;
    }
    await turns.take();
  }
  return true;
}

/** Characters of a refused text that are looked at to find out what it is. */
const EXAMINED_CHARACTERS = 1_000;

/** Replaces the escapes of white space, slashes and quotes, which are all that the description of a refused text needs. */
function unescapeStart(start: string): string {
  return start.replace(/\\([nrt/"])/g, (_escape, letter: string) => ({ n: '\n', r: '\r', t: '\t' })[letter] ?? letter);
}

/** Texts that clients send in place of base64, by their beginning. */
const FOREIGN_TEXTS: readonly [RegExp, string][] = [
  [/^\s*data:/i, 'begins with a data: prefix; send the base64 after it alone'],
  [/^\s*https?:/i, 'is a URL; send it in the field url'],
  [/^\s*file:/i, 'is the name of a file; send its content in base64'],
  [/^b['"]/, "begins with b', as Python writes bytes; send the base64 between the quotes alone"],
  [/^\s*["']/, 'has quotes around it; send the text between them alone'],
  [/^(\xff\xd8\xff|\x89PNG|\ufffd{2})/, 'holds the bytes of a file as characters; send them in base64'],
  [/^(=[0-9A-F]{2}){3}/i, 'is quoted-printable; send base64'],
  [/^[\w+/-]*%[0-9A-F]{2}/i, 'is percent-encoded; send the base64 as it is, without % and two digits'],
  [/^\s*-----BEGIN/, 'has a line before its base64; send the base64 alone, in one line'],
  [
    /^(\/|[a-z]:\\|~|\.{1,2}[/\\])?[^*]{0,200}\.(jpe?g|png|hei[cf]|webp)$/i,
    'is the name of a file; send its content in base64',
  ],
];

function describeBadBase64(start: string, { isUrlSafe }: { isUrlSafe: boolean }): string {
  const foreign = FOREIGN_TEXTS.find(([pattern]) => pattern.test(start))?.[1];
  if (foreign !== undefined) return `The field bytes ${foreign}.`;
  if (/^[\w+/=\s-]*$/.test(start)) {
    if (isUrlSafe) {
      return 'The field bytes is base64 of the URL-safe alphabet (- and _); send the standard one (+ and /).';
    }
    if (/[\r\n]/.test(start)) return 'The field bytes is base64 with line breaks; send it in one line.';
    if (start.includes(' ')) {
      return 'The field bytes is base64 with spaces; send it without them (a form turns each + into a space).';
    }
  }
  return 'The field bytes is not standard base64.';
}
