// Reads a stream line by line, with a bound on the length of a line: a stream without an end of line would fill the memory.
import { StringDecoder } from 'node:string_decoder';
import { AppError } from '../errors.js';

/** Longest line, in characters: as long as the largest message that a broker of Lintel takes. */
export const MAX_LINE_LENGTH = 16 * 1024 * 1024;

/**
 * Yields the lines of UTF-8 text without their ends (LF or CRLF). An end of line at the end of the text begins no further line.
 * @throws AppError CONFIG_INVALID: a line is longer than maxLength; errors of the stream unchanged
 */
export async function* readLines(
  input: AsyncIterable<Buffer | string>,
  maxLength: number = MAX_LINE_LENGTH,
): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let lineNumber = 1;
  // Pieces of the line that has no end yet: joined once, so that a long line does not cost its square.
  let pieces: string[] = [];
  let length = 0;
  const add = (piece: string): void => {
    length += piece.length;
    if (length > maxLength) {
      throw new AppError('CONFIG_INVALID', `line ${lineNumber} is longer than ${maxLength} characters`);
    }
    pieces.push(piece);
  };
  const end = (): string => {
    const line = pieces.join('');
    pieces = [];
    length = 0;
    lineNumber++;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  };
  for await (const chunk of input) {
    const [first = '', ...others] = (typeof chunk === 'string' ? chunk : decoder.write(chunk)).split('\n');
    add(first);
    for (const piece of others) {
      yield end();
      add(piece);
    }
  }
  add(decoder.end());
  if (length > 0) yield end();
}
