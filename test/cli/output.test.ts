// Sizes and tables as commands print them.
import { expect, it } from 'vitest';
import { formatBytes, formatTable } from '../../src/cli/output.js';

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [3_998_070, '4.0 MB'],
  [2_500_000_000_000_000, '2500.0 TB'],
])('%i bytes are written %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it('a table has columns of equal width, numbers at the right, and no blanks at the end of a line', () => {
  const rows = [
    ['NAME', 'FACES', 'STATE'],
    ['door', '12', 'in use'],
    ['back entrance', '3', ''],
  ];
  expect(formatTable(rows, [1])).toBe(
    'NAME           FACES  STATE\n' + //
      'door              12  in use\n' +
      'back entrance      3\n',
  );
});

it('a table may have rows of different lengths, or none', () => {
  expect(formatTable([['a', 'b'], ['longer']])).toBe('a       b\nlonger\n');
  expect(formatTable([])).toBe('');
});
