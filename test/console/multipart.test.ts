// The reader of multipart answers, fed in pieces of any size, and with what is no such answer.
import { expect, it } from 'vitest';
import { MultipartReader } from '../../src/console/live/multipart.js';

const part = (type: string, body: string): string =>
  `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nX-Captured-At: now\r\n\r\n${body}\r\n--frame\r\n`;
const ANSWER = `--frame\r\n${part('application/json', '{"a":"\r\n\r\n"}')}${part('image/jpeg', 'picture 1')}${part('image/jpeg', '')}${part('image/jpeg; x=1', 'picture 2')}`;

function read(text: string, pieceBytes: number): [string, string][] {
  const reader = new MultipartReader();
  const bytes = Buffer.from(text);
  const parts: [string, string][] = [];
  for (let i = 0; i < bytes.length; i += pieceBytes) {
    for (const { type, body } of reader.push(bytes.subarray(i, i + pieceBytes))) {
      parts.push([type, Buffer.from(body).toString()]);
    }
  }
  return parts;
}

it.each([1, 2, 7, 50, 10_000])('reads each part once, in pieces of %i bytes', (pieceBytes) => {
  expect(read(ANSWER, pieceBytes)).toEqual([
    ['application/json', '{"a":"\r\n\r\n"}'],
    ['image/jpeg', 'picture 1'],
    ['image/jpeg', ''],
    ['image/jpeg', 'picture 2'],
  ]);
});

it.each([
  ['a part without a length', '--frame\r\nContent-Type: image/jpeg\r\n\r\nx'],
  ['a part that is too long', '--frame\r\nContent-Length: 99999999999\r\n\r\nx'],
  ['a head without an end', 'x'.repeat(5_000)],
])('refuses %s', (_name, text) => {
  expect(() => read(text, 10_000)).toThrow(/^(a part has no length, or is too long|the head of a part is too long)$/);
});
