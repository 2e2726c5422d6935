// Lint rules: the recommended typed set, no floating promises, and the import directions between the rooms of src/.
import tseslint from 'typescript-eslint';

/** What each room of src/ may import, beside itself. Imports point one way; compose, main.ts and the command line may import every room. */
const allowed = {
  domain: [],
  native: ['domain'],
  platform: ['domain', 'native'],
  config: ['domain', 'platform'],
  models: ['domain', 'native', 'platform', 'config'],
  store: ['domain', 'platform'],
  keys: ['domain', 'platform', 'config', 'store'],
  clock: ['domain', 'store'],
  fleet: ['domain', 'platform', 'store', 'gallery', 'events'],
  vision: ['domain', 'native', 'platform', 'models', 'config'],
  camera: ['domain', 'native', 'platform', 'config', 'vision'],
  gallery: ['domain', 'native', 'platform', 'store', 'models', 'config'],
  audit: ['domain', 'platform', 'store', 'config'],
  events: ['domain', 'platform', 'store', 'models', 'config'],
  recognition: ['domain', 'platform', 'vision', 'camera', 'gallery', 'events', 'models', 'config'],
  enrolment: ['domain', 'platform', 'vision', 'camera', 'gallery', 'recognition', 'config'],
  privacy: ['domain', 'platform', 'store', 'config', 'camera'],
  ops: ['domain', 'native', 'platform', 'config'],
  api: [
    ...['domain', 'platform', 'vision', 'camera', 'gallery', 'enrolment', 'events', 'audit', 'privacy', 'keys'],
    ...['models', 'config', 'ops', 'fleet'],
  ],
};
/** Rooms within a room: the other ones of the same room that each may not import. */
const apart = { 'api/core': ['nhn', 'device'], 'api/nhn': ['device'], 'api/device': ['nhn'] };
/** Tools that run on demand: the command line alone imports them, the service never does. */
const onDemand = ['models/quantise', 'models/calibrate'];
/** Rooms that put the others together: they may import every room, and no other room imports them. */
const rooms = [...Object.keys(allowed), 'compose', 'cli', 'console'];

/** The one file through which each third-party library with state or native code is used. */
const doors = {
  'onnxruntime-node': 'src/models/session.ts',
  'classic-level': 'src/store/database.ts',
  'age-encryption': 'src/store/age-file.ts',
  usearch: 'src/gallery/usearch-scans.ts',
  mqtt: 'src/events/mqtt-connection.ts',
  sharp: 'src/vision/sharp-decoder.ts',
};
const doorPaths = Object.entries(doors).map(([name, file]) => ({ name, message: `${name} has one door: ${file}` }));

/** The rule for the files of one room: which rooms they may not import, beside the doors that they may not pass. */
function direction(folder, forbidden, message) {
  const group = [
    { regex: `^(\\.\\./)+(${forbidden.join('|')})/`, message },
    { regex: '^(\\.\\./)+main\\.js$', message },
    {
      regex: `^(\\./|(\\.\\./)+models/)(${onDemand.map((tool) => tool.split('/')[1]).join('|')})/`,
      message: `only the command line imports ${onDemand.join(' and ')}`,
    },
  ];
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { paths: doorPaths, patterns: group }] },
  };
}

function forbiddenIn(room) {
  return rooms.filter((other) => other !== room && !allowed[room].includes(other));
}

const directions = [
  ...Object.entries(allowed).map(([room, mayImport]) =>
    direction(room, forbiddenIn(room), `src/${room} may import only: ${[...mayImport, 'errors'].join(', ')}`),
  ),
  ...Object.entries(apart).map(([folder, others]) => {
    const room = folder.split('/')[0];
    return direction(folder, [...forbiddenIn(room), ...others], `src/${folder} does not import: ${others.join(', ')}`);
  }),
];
directions.push(
  direction('compose', ['cli', 'console'], 'src/compose does not import the command line or the console'),
);
// Unlike the other rooms, the command line imports main.ts, the tools that run on demand, and libraries by themselves.
directions.push({
  files: ['src/cli/**/*.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { regex: '^(\\.\\./)+console/', message: 'src/cli does not import the console, which runs in browsers' },
        ],
      },
    ],
  },
});
/**
 * The console runs in browsers: of the service it knows the types of the answers, and pure functions of the domain. It has a folder `api` of
 * its own, whose files are named in the rule.
 */
const consoleDirection = {
  files: ['src/console/**/*.ts', 'src/console/**/*.tsx'],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(?!api/(client|stream|types|use-fetch)\\.js$)(${rooms.filter((room) => room !== 'domain' && room !== 'console').join('|')})/`,
            allowTypeImports: true,
            message: 'src/console may import only: domain, errors; of other rooms it imports types alone',
          },
        ],
      },
    ],
  },
};
const openDoors = Object.entries(doors).map(([name, file]) => {
  const base = directions.findLast((d) => file.startsWith(d.files[0].replace('**/*.ts', '')));
  const [level, options] = base.rules['no-restricted-imports'];
  return {
    files: [file],
    rules: { 'no-restricted-imports': [level, { ...options, paths: doorPaths.filter((p) => p.name !== name) }] },
  };
});

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'node_modules/', 'var/', 'bench/results/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { project: ['./tsconfig.json', './src/console/tsconfig.json'] } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'only src/config reads the environment' },
      ],
    },
  },
  {
    files: ['src/config/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'tools/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // Answers of the service are JSON: these tests look into them freely.
    files: ['test/e2e/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-member-access': 'off', '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  { files: ['*.js', 'scripts/**/*.{mjs,cjs}', 'tools/**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  ...directions,
  consoleDirection,
  ...openDoors,
);
