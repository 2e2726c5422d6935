// Formats JSON like the repository's formatter, for the data files that commands write.

const COLUMNS = 120;

/**
 * Formats a value. A list or an object is written on one line if it fits and contains no objects and no lists of lists.
 * @param used columns before the value on its line
 */
export function layOut(value: unknown, indent = 0, used = 0): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [
    isList ? '' : `${JSON.stringify(key)}: `,
    inner,
  ]);
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  if (entries.length === 0) return open + close;
  const isPlain = !entries.some(
    ([, inner]) => typeof inner === 'object' && inner !== null && (isList || isObject(inner)),
  );
  if (isPlain) {
    const pad = isList ? '' : ' ';
    const line = entries.map(([key, inner]) => key + layOut(inner, 0, -Infinity)).join(', ');
    // One column is for the comma after it.
    if (indent + used + line.length + 2 + 2 * pad.length < COLUMNS) return open + pad + line + pad + close;
  }
  const inside = ' '.repeat(indent + 2);
  if (isList && value.every((inner) => typeof inner === 'number')) {
    return `${open}\n${fill(value.map(String), inside)}\n${' '.repeat(indent)}${close}`;
  }
  const lines = entries.map(([key, inner]) => inside + key + layOut(inner, indent + 2, key.length));
  return `${open}\n${lines.join(',\n')}\n${' '.repeat(indent)}${close}`;
}

/** Formats a list of numbers with as many on each line as fit. */
function fill(numbers: readonly string[], inside: string): string {
  const lines: string[] = [];
  let line = inside;
  numbers.forEach((number, i) => {
    const item = i < numbers.length - 1 ? `${number},` : number;
    if (line !== inside && line.length + 1 + item.length > COLUMNS) {
      lines.push(line);
      line = inside;
    }
    line += line === inside ? item : ` ${item}`;
  });
  return [...lines, line].join('\n');
}

function isObject(value: object): boolean {
  return !Array.isArray(value);
}
