// Cases of the parameters that several operations share: pictures, flags, limits, thresholds, with valid and invalid values.
import { askFor, operation, V1, type Dialect, type OperationName } from '../operations.js';
import { must, type Case, type Row } from '../suite.js';
import type { Fields } from '../shapes.js';
import { toImageBytes } from '../world.js';

const BAD_PICTURES: readonly [string, unknown][] = [
  ['is missing', undefined],
  ['is null', null],
  ['is a text', 'AAAA'],
  ['is an array', []],
  ['has neither url nor bytes', {}],
  ['has both url and bytes', { url: 'http://example.com/face.jpg', bytes: 'AAAA' }],
  ['has bytes that are a number', { bytes: 5 }],
  ['has a url that is an object', { url: {} }],
];

export function pictureParameterCases(dialect: Dialect, pictures = BAD_PICTURES.length): Case[] {
  return dialect.operations.flatMap((one) =>
    (one.images ?? []).flatMap((field) =>
      BAD_PICTURES.slice(0, pictures).map(([what, value]): Case => ({
        name: `${one.name}: ${field} ${what}`,
        code: -40000,
        ask: (world) => askFor(dialect, one, world, { body: { [field]: value } }),
      })),
    ),
  );
}

const BAD_FLAGS: readonly [string, object][] = [
  ['orientation is a text', { orientation: 'true' }],
  ['orientation is a number', { orientation: 1 }],
  ['mask is a text', { mask: 'false' }],
  ['mask is an object', { mask: {} }],
  ['spoofing is a text', { spoofing: 'true' }],
  ['spoofingCondition is none of the three', { spoofing: true, spoofingCondition: 'severe' }],
  ['spoofingCondition is of the wrong case', { spoofing: true, spoofingCondition: 'Weak' }],
];

export function flagCases(dialect: Dialect, flags = BAD_FLAGS.length): Case[] {
  return dialect.operations
    .filter((one) => one.images && one.name !== 'spoofing')
    .flatMap((one) =>
      BAD_FLAGS.slice(0, flags).map(([what, body]): Case => ({
        name: `${one.name}: ${what}`,
        code: -40000,
        ask: (world) => askFor(dialect, one, world, { body }),
      })),
    );
}

const FIELDS: readonly Required<Fields>[] = [
  { orientation: true, mask: true, spoofing: false },
  { orientation: false, mask: true, spoofing: false },
  { orientation: true, mask: false, spoofing: false },
  { orientation: false, mask: false, spoofing: false },
  { orientation: false, mask: false, spoofing: true },
];

/** Cases that each operation with a picture answers with exactly the requested fields. */
export function fieldCases(dialect: Dialect): Case[] {
  const { detect, searchByImage, compare, verify } = dialect.shapes;
  const shapes: [OperationName, (fields: Fields) => Row['shape']][] = [
    ['detect', detect],
    ['search by image', (fields) => searchByImage(fields)],
    ['compare', compare],
    ['verify', verify],
  ];
  const rows = shapes.flatMap(([name, makeShape]) =>
    FIELDS.map((fields): Case => ({
      name: `${name}: fields ${JSON.stringify(fields)}`,
      ask: (world) => askFor(dialect, operation(dialect, name), world, { body: fields }),
      shape: makeShape(fields),
    })),
  );
  const registered = FIELDS.map((fields): Case => ({
    name: `register: fields ${JSON.stringify(fields)}`,
    ask: async (world) =>
      askFor(dialect, operation(dialect, 'register'), world, {
        place: { groupId: await world.newGroup(), faceId: '' },
        body: { ...fields, image: toImageBytes(world.pictures.annAndSmallBob), limit: 1 },
      }),
    shape: dialect.shapes.register(fields),
    check: (data) => must(data.notAddedFaceCount === 1, 'one face beyond the limit'),
  }));
  return [...rows, ...registered];
}

/** Texts that are not a valid number in a query. */
const BAD_WHOLE = ['0', '-1', '1.5', 'ten', '', '0x5', '1e1', 'true'];
const BAD_THRESHOLDS = ['0', '0.99', '100.01', '-90', 'high', '', 'NaN'];

function queryCases(name: OperationName, parameter: string, bad: readonly string[], good: readonly string[]): Case[] {
  const ask = (query: string): Row['ask'] => {
    return (world) => askFor(V1, operation(V1, name), world, { query });
  };
  return [
    ...bad.map((value): Case => ({
      name: `${name}: ${parameter}=${value}`,
      ask: ask(`${parameter}=${value}`),
      code: -40000,
    })),
    ...good.map((value): Case => ({
      name: `${name}: ${parameter}=${value} is accepted`,
      ask: ask(`${parameter}=${value}`),
    })),
    { name: `${name}: ${parameter} given twice`, ask: ask(`${parameter}=5&${parameter}=6`), code: -40000 },
  ];
}

export const queryParameterCases: Case[] = [
  ...(['list groups', 'list faces'] as const).flatMap((name) =>
    queryCases(name, 'limit', [...BAD_WHOLE, '201'], ['1', '200']),
  ),
  ...(['search by face', 'search by image'] as const).flatMap((name) => [
    ...queryCases(name, 'limit', [...BAD_WHOLE, '4097'], ['1', '4096']),
    ...queryCases(name, 'threshold', BAD_THRESHOLDS, ['1', '100', '99.5']),
  ]),
  ...queryCases('compare', 'threshold', BAD_THRESHOLDS, ['1', '100', '99.5']),
];

const bodyRow = (name: OperationName, what: string, body: object, code = 0): Case => ({
  name: `${name}: ${what}`,
  code,
  ask: (world) =>
    askFor(
      V1,
      operation(V1, name),
      world,
      code === 0 ? { body, place: { ...world.place, groupId: world.emptyGroup } } : { body },
    ),
});

export const bodyParameterCases: Case[] = [
  ...[0, 21, -1, 1.5, '3', true, [3]].map((limit) =>
    bodyRow('register', `limit ${JSON.stringify(limit)}`, { limit }, -40000),
  ),
  ...[
    ['empty', ''],
    ['of 256 letters', 'x'.repeat(256)],
    ['with a space', 'badge 7'],
    ['with a slash', 'badge/7'],
    ['with a letter beyond ASCII', 'bädge'],
    ['with a newline at its end', 'badge\n'],
    ['that is a number', 7],
  ].map(([what, externalImageId]) => bodyRow('register', `an externalImageId ${what}`, { externalImageId }, -40000)),
  ...[0, 0.99, 100.01, '90', true].map((threshold) =>
    bodyRow('compare', `threshold ${JSON.stringify(threshold)} in the body`, { threshold }, -40000),
  ),
  ...[1, 100, 99.5].map((threshold) =>
    bodyRow('compare', `threshold ${threshold} in the body is taken`, { threshold }),
  ),
  ...['true', 1].map((aligned) => bodyRow('spoofing', `aligned ${JSON.stringify(aligned)}`, { aligned }, -40000)),
  bodyRow('spoofing', 'a spoofingCondition that is none of the three', { spoofingCondition: 'off' }, -40000),
  {
    name: 'compare: a threshold in the query and another in the body',
    ask: (world) => askFor(V1, operation(V1, 'compare'), world, { query: 'threshold=80', body: { threshold: 90 } }),
    code: -40000,
  },
  {
    name: 'compare: the same threshold in the query and in the body is accepted',
    ask: (world) => askFor(V1, operation(V1, 'compare'), world, { query: 'threshold=80', body: { threshold: 80 } }),
  },
];
