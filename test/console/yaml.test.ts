// The YAML that the console writes is read back as the same value, whatever the value is.
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeYaml, type YamlValue } from '../../src/console/yaml.js';

it('is block style, with quotes only where they are needed', () => {
  const camera = {
    id: 'entrance',
    source: { type: 'url', url: 'rtsp://10.0.0.9/1', username: 'yes' },
    groups: [{ group: 'staff', threshold: 88.5 }, { group: '1' }],
    region: {},
    tags: [],
    snapshots: false,
  };
  expect(writeYaml({ cameras: [camera] })).toBe(
    `cameras:
  - id: entrance
    source:
      type: url
      url: "rtsp://10.0.0.9/1"
      username: "yes"
    groups:
      - group: staff
        threshold: 88.5
      - group: "1"
    region: {}
    tags: []
    snapshots: false
`,
  );
});

/** Numbers that are the same at every run. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const PIECES = [
  ...[
    '',
    ' ',
    ': ',
    ' #',
    '- ',
    '? ',
    '!',
    '&a',
    '*a',
    '"',
    "'",
    '\\',
    '\n',
    '\r\n',
    '\t',
    '\0',
    '\u0085',
    '\u2028',
    '\ufeff',
  ],
  ...[
    'true',
    'No',
    'null',
    '~',
    '1e3',
    '0x1f',
    '.inf',
    '-',
    '---',
    '...',
    '%',
    '@',
    '`',
    '|',
    '>',
    '{',
    '}',
    '[',
    ']',
    ',',
  ],
  ...[
    'lintel',
    '/dev/video0',
    'rtsp://u:p@h/1?a=b#c',
    '현관',
    '🙂',
    'é',
    '\u007f',
    '=',
    '<<',
    '2026-11-28',
    'a:b',
    ':',
    '#',
  ],
];

function makeText(random: () => number): string {
  return Array.from({ length: Math.floor(random() * 4) }, () => PIECES[Math.floor(random() * PIECES.length)]).join('');
}

function makeValue(random: () => number, depth: number): YamlValue {
  const kind = Math.floor(random() * (depth > 3 ? 5 : 7));
  if (kind === 0) return random() < 0.5;
  if (kind === 1) return null;
  if (kind === 2) return Math.round((random() - 0.5) * 10 ** Math.floor(random() * 12)) + 0;
  if (kind === 3) return random() * 10 ** Math.floor(random() * 20 - 12);
  if (kind === 4) return makeText(random);
  const length = Math.floor(random() * 4);
  if (kind === 5) return Array.from({ length }, () => makeValue(random, depth + 1));
  return Object.fromEntries(
    Array.from({ length }, (_, n) => [`${makeText(random)}${n}`, makeValue(random, depth + 1)]),
  );
}

it('is read back as the same value: 3,000 values', () => {
  const random = makeRandom(2_026);
  let texts = 0;
  for (let run = 0; run < 3_000; run++) {
    const value = makeValue(random, 0);
    if (typeof value === 'string') texts++;
    const text = writeYaml(value);
    expect(parse(text, { schema: 'core', version: '1.2', stringKeys: true }), text).toEqual(value);
  }
  expect(texts).toBeGreaterThan(200);
});

it('leaves out keys without a value', () => {
  const value = { a: undefined, b: 1, c: { d: undefined } } as unknown as YamlValue;
  expect(writeYaml(value)).toBe('b: 1\nc: {}\n');
});
