// multipart/form-data (RFC 7578), parsed from a body that is in memory already and therefore bounded. Ambiguous input is refused.
import { isUtf8 } from 'node:buffer';
import { clientError, type AppError } from '../../errors.js';

/** A part that is a file: it has a file name, or a type other than text. It owns its bytes, together with their whole ArrayBuffer. */
export class FilePart {
  readonly file: Uint8Array;

  constructor(file: Uint8Array) {
    this.file = file;
  }
}

export type FormFields = Readonly<Record<string, string | FilePart>>;

const MAX_PARTS = 32;
const MAX_HEADER_BYTES = 4_096;
/** Limit of one text; a picture is a file. */
const MAX_TEXT_BYTES = 65_536;
/** RFC 2046, section 5.1.1. */
const BOUNDARY_PATTERN = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER_PATTERN = new RegExp(
  `;[ \\t]*(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))[ \\t]*`,
  'gy',
);
const CRLF = '\r\n';

/** Tells whether a Content-Type is multipart/form-data. */
export function isMultipart(contentType: string | undefined): boolean {
  return /^multipart\/form-data[ \t]*(;|$)/i.test(contentType ?? '');
}

/**
 * @param contentType header that names the boundary
 * @returns the fields by name, without prototype
 * @throws AppError INVALID_PARAM: malformed, a name twice, more than 32 parts, a text that is not UTF-8 or longer than 64 kB
 */
export function parseMultipart(body: Buffer, contentType: string): FormFields {
  const boundary = parseHeaderParameters(contentType).get('boundary');
  if (boundary === undefined || !BOUNDARY_PATTERN.test(boundary)) {
    throw createMalformedError('its Content-Type names no boundary');
  }
  const fields = Object.create(null) as Record<string, string | FilePart>;
  let count = 0;
  for (const part of splitParts(body, boundary)) {
    if (++count > MAX_PARTS) throw clientError('INVALID_PARAM', `The body has more than ${MAX_PARTS} parts.`);
    const { name, value } = readPart(part);
    if (name in fields) throw clientError('INVALID_PARAM', 'Each field of the body must be given once.');
    fields[name] = value;
  }
  return fields;
}

/** Yields the bytes between the boundaries. Anything may stand before the first and after the last boundary. */
function* splitParts(body: Buffer, boundary: string): Generator<Buffer> {
  const delimiter = Buffer.from(`${CRLF}--${boundary}`);
  const first = delimiter.subarray(CRLF.length);
  let at: number;
  if (body.subarray(0, first.length).equals(first)) {
    at = first.length;
  } else {
    at = body.indexOf(delimiter);
    if (at < 0) throw createMalformedError('its boundary does not occur');
    at += delimiter.length;
  }
  for (;;) {
    if (body.toString('latin1', at, at + 2) === '--') return;
    // RFC 2046 allows white space between a boundary and the end of its line.
    while (body[at] === 0x20 || body[at] === 0x09) at++;
    if (body.toString('latin1', at, at + 2) !== CRLF) throw createMalformedError('a boundary does not end its line');
    // The search starts at the line end, so that it finds the delimiter of a part without headers and content.
    const end = body.indexOf(delimiter, at);
    if (end < 0) throw createMalformedError('its last boundary is missing');
    yield body.subarray(Math.min(at + CRLF.length, end), end);
    at = end + delimiter.length;
  }
}

function readPart(part: Buffer): { name: string; value: string | FilePart } {
  const headerEnd = part.subarray(0, MAX_HEADER_BYTES).indexOf(CRLF + CRLF);
  if (headerEnd < 0) throw createMalformedError('the headers of a part have no end');
  const headers = new Map<string, string>();
  for (const line of part.toString('utf8', 0, headerEnd).split(CRLF)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1) throw createMalformedError('a part has a header without a name');
    if (headers.has(name)) throw createMalformedError('a part has a header twice');
    headers.set(name, line.slice(colon + 1).trim());
  }

  const disposition = headers.get('content-disposition') ?? '';
  if (!/^form-data[ \t]*;/i.test(disposition)) throw createMalformedError('a part is not form-data');
  const parameters = parseHeaderParameters(disposition);
  const name = parameters.get('name');
  if (name === undefined) throw createMalformedError('a part has no name');
  const encoding = (headers.get('content-transfer-encoding') ?? 'binary').toLowerCase();
  if (encoding !== 'binary' && encoding !== '8bit' && encoding !== '7bit') {
    throw createMalformedError('a part has a Content-Transfer-Encoding, which RFC 7578 does not allow');
  }

  const content = part.subarray(headerEnd + 2 * CRLF.length);
  const isText = /^text\/plain[ \t]*(;|$)/i.test(headers.get('content-type') ?? 'text/plain');
  if (parameters.has('filename') || parameters.has('filename*') || !isText) {
    const file = Buffer.allocUnsafeSlow(content.length);
    content.copy(file);
    return { name, value: new FilePart(file) };
  }
  if (content.length > MAX_TEXT_BYTES) {
    throw clientError(
      'INVALID_PARAM',
      `The body has a text longer than ${MAX_TEXT_BYTES} bytes; send a picture as a file.`,
    );
  }
  if (!isUtf8(content)) throw createMalformedError('a text is not UTF-8');
  return { name, value: content.toString('utf8') };
}

/**
 * Returns the parameters of a header such as `value; name=token; other="quoted"`, by name in lower case.
 * @throws AppError INVALID_PARAM: malformed, or a name twice
 */
function parseHeaderParameters(header: string): Map<string, string> {
  const text = header.includes(';') ? header.slice(header.indexOf(';')) : '';
  const parameters = new Map<string, string>();
  let end = 0;
  for (const match of text.matchAll(PARAMETER_PATTERN)) {
    const [whole, name = '', quoted, token = ''] = match;
    const key = name.toLowerCase();
    if (parameters.has(key)) throw createMalformedError('a header has a parameter twice');
    // Browsers write a quote as %22 and leave a backslash as it is; RFC 2045 escapes with the backslash. Names here have neither.
    parameters.set(key, quoted?.replace(/\\(.)/g, '$1') ?? token);
    end = match.index + whole.length;
  }
  if (end !== text.length && text.slice(end).trim() !== ';') throw createMalformedError('a header is not well-formed');
  return parameters;
}

function createMalformedError(reason: string): AppError {
  return clientError('INVALID_PARAM', `The body is not well-formed multipart/form-data: ${reason}.`);
}
