// Page tokens: what they carry, and everything that makes them invalid.
import { expect, test } from 'vitest';
import { PageTokens } from '../../src/gallery/page-token.js';
import { withCode } from '../store/support.js';

const start = Date.UTC(2026, 8, 30);
const key = Buffer.alloc(32, 3);
const scope = ['faces', 'default', 'a1b2'];

function tokens(): { pages: PageTokens; advance: (ms: number) => void } {
  let now = start;
  return { pages: new PageTokens({ key, clock: () => now }), advance: (ms) => void (now += ms) };
}

test.each([
  ['200', 200],
  ['', 1],
  ['a-group-with-ä', 65_535],
  ['x'.repeat(255), 100],
])('a token carries cursor %s and limit %i', (cursor, limit) => {
  const { pages } = tokens();
  const token = pages.issue(scope, { cursor, limit });
  expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(pages.read(scope, token)).toEqual({ cursor, limit });
});

test('a token is good for 10 minutes, also in the next process', () => {
  const { pages, advance } = tokens();
  const token = pages.issue(scope, { cursor: '1', limit: 1 });
  advance(10 * 60_000 - 1);
  expect(pages.read(scope, token).cursor).toBe('1');
  expect(new PageTokens({ key, clock: () => start }).read(scope, token).cursor).toBe('1');
  advance(1);
  expect(() => pages.read(scope, token)).toThrow(withCode('INVALID_TOKEN'));
});

test.each([
  ['another listing', ['groups', 'default', 'a1b2']],
  ['another owner', ['faces', 'other', 'a1b2']],
  ['another group', ['faces', 'default', 'a1b3']],
  ['a shorter scope', ['faces', 'default']],
  ['a scope that reads the same when joined', ['faces', 'defaulta1b2']],
])('a token of %s is invalid', (_, other) => {
  const { pages } = tokens();
  const token = pages.issue(other, { cursor: '1', limit: 1 });
  expect(pages.read(other, token).cursor).toBe('1');
  expect(() => pages.read(scope, token)).toThrow(withCode('INVALID_TOKEN'));
});

test('a token under another key is invalid', () => {
  const { pages } = tokens();
  const token = new PageTokens({ key: Buffer.alloc(32, 4), clock: () => start }).issue(scope, {
    cursor: '1',
    limit: 1,
  });
  expect(() => pages.read(scope, token)).toThrow(withCode('INVALID_TOKEN'));
});

test('every altered bit is noticed', () => {
  const { pages } = tokens();
  const bytes = Buffer.from(pages.issue(scope, { cursor: '17', limit: 3 }), 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const altered = Buffer.from(bytes);
    altered[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => pages.read(scope, altered.toString('base64url')), `bit ${bit}`).toThrow(withCode('INVALID_TOKEN'));
  }
});

test.each([
  ['nothing', ''],
  ['a word', 'abc'],
  ['white space', '   '],
  ['no base64url', '%%%'],
  ['a very long one', 'A'.repeat(100_000)],
])('%s is no token', (_, token) => {
  expect(() => tokens().pages.read(scope, token)).toThrow(withCode('INVALID_TOKEN'));
});

test('a token has one spelling', () => {
  const { pages } = tokens();
  const token = pages.issue(scope, { cursor: '1', limit: 1 });
  for (const other of [`${token}=`, ` ${token}`, `${token}.`, token.replace(/^./, '$& ')]) {
    expect(() => pages.read(scope, other)).toThrow(withCode('INVALID_TOKEN'));
  }
});

test('the detail for the client names no secret', () => {
  expect(() => tokens().pages.read(scope, 'abc')).toThrow(
    expect.objectContaining({ detail: 'The parameter next-token is not valid here or has expired.' }) as Error,
  );
});
