// Bodies of MJPEG streams as cameras send them: one style for each habit of a camera.

export interface MjpegStyle {
  name: string;
  /** Content-Type of the answer. */
  type: string;
  /** Bytes before the first part; default: none. */
  preamble?: string;
  /** Makes a part. @param at its number, from 0 */
  part: (jpeg: Buffer, at: number) => Buffer;
  /** Bytes after the last part; default: none. */
  epilogue?: string;
}

type Piece = string | Buffer;

export const join = (...pieces: Piece[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)));

const MIXED = 'multipart/x-mixed-replace; boundary=frame';

/** Makes a style whose parts begin with the boundary and these header lines. */
function withHeaders(name: string, lines: (jpeg: Buffer, at: number) => string[], end: Piece = '\r\n'): MjpegStyle {
  const part = (jpeg: Buffer, at: number): Buffer =>
    join(['--frame', ...lines(jpeg, at), '', ''].join('\r\n'), jpeg, end);
  return { name, type: MIXED, part };
}

const typed = (type: string): MjpegStyle =>
  withHeaders(`parts of the type ${type}`, ({ length }) => [`Content-Type: ${type}`, `Content-Length: ${length}`]);
const lengthOf = (name: string, length: (jpeg: Buffer) => number | string): MjpegStyle =>
  withHeaders(name, (jpeg) => ['Content-Type: image/jpeg', `Content-Length: ${length(jpeg)}`]);
const standard = withHeaders('parts with type and length', ({ length }) => [
  'Content-Type: image/jpeg',
  `Content-Length: ${length}`,
]);
/** Parts as usual under another header of the answer. */
const under = (name: string, type: string): MjpegStyle => ({ ...standard, name, type });
const JSON_PART = '--frame\r\nContent-Type: application/json\r\n\r\n{"motion": true,\n"--text": "--frame"}\r\n';

export const MJPEG_STYLES: readonly MjpegStyle[] = [
  standard,
  ...['image/jpeg;size=4711', 'image/jpg', 'image/pjpeg', 'IMAGE/JPEG', 'image/x-jpeg', 'application/octet-stream'].map(
    typed,
  ),
  typed('video/x-motion-jpeg'),
  withHeaders('parts without a type', ({ length }) => [`Content-Length: ${length}`]),
  withHeaders('parts without a length', () => ['Content-Type: image/jpeg']),
  withHeaders('parts without headers', () => []),
  { name: 'parts without headers and empty line', type: MIXED, part: (jpeg) => join('--frame\r\n', jpeg, '\r\n') },
  lengthOf('a length of zero', () => 0),
  lengthOf('a length that is too small', ({ length }) => length >> 1),
  lengthOf('a length that is too large', ({ length }) => length + 5_000),
  lengthOf('a length that is no number', () => 'unknown'),
  lengthOf('a length beyond every bound', () => '99999999999999999999'),
  withHeaders('header names in lower case', ({ length }) => ['content-type:image/jpeg', `content-length:${length}`]),
  withHeaders('many headers', ({ length }, at) => [
    'Server: camera',
    'Date: Sat, 28 Nov 2026 12:00:00 GMT',
    'Content-Type: image/jpeg',
    `X-Timestamp: ${1_700_000_000 + at / 10}`,
    `Content-Length: ${length}`,
    'X-Audio: none',
  ]),
  withHeaders('two ends of image', () => ['Content-Type: image/jpeg'], '\xff\xd9\r\n'),
  withHeaders('zeros after the end', () => ['Content-Type: image/jpeg'], join(Buffer.alloc(700), '\r\n')),
  withHeaders('junk after the end', () => ['Content-Type: image/jpeg'], join(Buffer.alloc(99, 0x5a), '\xff\xd8\r\n')),
  withHeaders('no line end before the boundary', () => ['Content-Type: image/jpeg'], ''),
  { name: 'line feeds alone', type: MIXED, part: (jpeg) => join('--frame\nContent-Type: image/jpeg\n\n', jpeg, '\n') },
  {
    name: 'a line end before each boundary (ESP32)',
    type: 'multipart/x-mixed-replace;boundary=123456789000000000000987654321',
    part: (jpeg) =>
      join(
        '\r\n--123456789000000000000987654321\r\n',
        `Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\nX-Timestamp: 12.000345\r\n\r\n`,
        jpeg,
      ),
  },
  {
    name: 'the boundary after each part (mjpg-streamer)',
    type: 'multipart/x-mixed-replace;boundary=frame',
    preamble: '--frame\r\n',
    part: (jpeg) => join('Content-Type: image/jpeg\r\nX-Timestamp: 5.5\r\n\r\n', jpeg, '\r\n--frame\r\n'),
  },
  under('a boundary in quotes', 'multipart/x-mixed-replace; boundary="frame"'),
  under('a boundary with its dashes', 'multipart/x-mixed-replace; boundary=--frame'),
  under('a boundary in quotes with its dashes', 'multipart/x-mixed-replace;boundary="--frame"; charset=x'),
  under('a boundary between spaces', 'multipart/x-mixed-replace ; charset=x; BOUNDARY = frame ; x=y'),
  under('no boundary in the header', 'multipart/x-mixed-replace'),
  under('an empty boundary in the header', 'multipart/x-mixed-replace; boundary='),
  under('another boundary in the header', 'multipart/x-mixed-replace; boundary=other'),
  under('the type multipart/mixed', 'multipart/mixed; boundary=frame'),
  under('the type multipart/related', 'multipart/related; boundary=frame'),
  under('the type text/plain', 'text/plain'),
  under('the type application/octet-stream', 'application/octet-stream'),
  under('the type image/jpeg for the whole stream', 'image/jpeg'),
  { ...standard, name: 'four dashes', part: (jpeg, at) => join('--', standard.part(jpeg, at)) },
  { ...standard, name: 'a line end before the first boundary', preamble: '\r\n' },
  { ...standard, name: 'a preamble', preamble: 'This is a stream of pictures.\r\n\r\n' },
  { ...standard, name: 'an epilogue', epilogue: '--frame--\r\nThat was all.\r\n' },
  {
    ...standard,
    name: 'a closing boundary after each part',
    part: (jpeg, at) => join(standard.part(jpeg, at), '--frame--\r\n'),
  },
  { ...standard, name: 'JSON between the pictures', part: (jpeg, at) => join(standard.part(jpeg, at), JSON_PART) },
  {
    ...standard,
    name: 'sound that looks like the beginning of a picture between the pictures',
    part: (jpeg, at) =>
      join(
        standard.part(jpeg, at),
        '--frame\r\nContent-Type: audio/basic\r\n\r\nx\xff\xd8\xff\xe0',
        Buffer.alloc(90),
        '\r\n',
      ),
  },
  {
    ...standard,
    name: 'empty parts between the pictures',
    part: (jpeg, at) =>
      join('--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n\r\n', standard.part(jpeg, at)),
  },
  {
    ...standard,
    name: 'a second picture in each part',
    part: (jpeg) => join('--frame\r\nContent-Type: image/jpeg\r\n\r\n', jpeg, jpeg, '\r\n'),
  },
  {
    name: 'a short boundary',
    type: 'multipart/x-mixed-replace; boundary=b',
    part: (jpeg) => join('--b\r\n\r\n', jpeg, '\r\n'),
  },
  { name: 'pictures without anything between them', type: '', part: (jpeg) => jpeg },
  { name: 'pictures alone under a multipart type', type: MIXED, part: (jpeg) => jpeg },
  {
    name: 'headers without a boundary',
    type: MIXED,
    part: (jpeg) => join(`Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`, jpeg, '\r\n'),
  },
];

/** Makes the whole body of a stream. */
export function makeBody(style: MjpegStyle, jpegs: readonly Buffer[]): Buffer {
  return join(style.preamble ?? '', ...jpegs.map((jpeg, at) => style.part(jpeg, at)), style.epilogue ?? '');
}
