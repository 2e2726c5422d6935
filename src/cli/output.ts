// Helpers of commands for printing: the output, sizes as texts, and columns.

/** Standard output or standard error, or their stand-in in a test. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** @returns a size in decimal units, such as `4.0 MB` */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** Replaces control characters, which could move the cursor or start a new line, by `?`: for texts that another device has written. */
export function makePrintable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}

/**
 * Pads the cells of each column to the same width.
 * @param rows the header, where there is one, comes first; a row may have fewer cells than others
 * @param rightAligned indices of the columns that are aligned to the right, such as numbers
 * @returns one line for each row, without blanks at its end
 */
export function formatTable(rows: readonly (readonly string[])[], rightAligned: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return rightAligned.includes(column) ? cell.padStart(width) : cell.padEnd(width);
  };
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('');
}
