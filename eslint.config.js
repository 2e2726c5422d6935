// Lint rules: the recommended typed set, no floating promises, and the import directions between the rooms of src/.
import tseslint from 'typescript-eslint';

/** What each room of src/ may import, beside itself. Imports point one way; main.ts and the command line may import every room. */
const allowed = {
  domain: [],
  native: ['domain'],
  config: ['domain'],
  models: ['domain', 'native', 'config'],
  store: ['domain'],
  vision: ['domain', 'native', 'models', 'config'],
  camera: ['domain', 'native', 'config', 'vision'],
  gallery: ['domain', 'store', 'models', 'config'],
  events: ['domain', 'store', 'models', 'config'],
  recognition: ['domain', 'vision', 'camera', 'gallery', 'events', 'models', 'config'],
  ops: ['domain', 'native', 'config'],
  audit: ['domain', 'store', 'config'],
  privacy: ['domain', 'store', 'config', 'camera'],
  api: ['domain', 'vision', 'camera', 'gallery', 'events', 'audit', 'privacy', 'models', 'config', 'ops'],
  demo: ['domain', 'native'],
};
const rooms = [...Object.keys(allowed), 'cli'];

/** The one file through which each third-party library with state or native code is used. */
const doors = {
  'onnxruntime-node': 'src/models/session.ts',
  'classic-level': 'src/store/sealed-store.ts',
  usearch: 'src/gallery/vector-index.ts',
  mqtt: 'src/events/mqtt-connection.ts',
  aedes: 'src/events/embedded-broker.ts',
  sharp: 'src/vision/decode.ts',
};
const doorPaths = Object.entries(doors).map(([name, file]) => ({ name, message: `${name} has one door: ${file}` }));

const directions = Object.entries(allowed).map(([room, mayImport]) => {
  const forbidden = rooms.filter((other) => other !== room && !mayImport.includes(other));
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: doorPaths,
          patterns: [
            {
              group: [
                ...forbidden.flatMap((other) => [`../${other}/*`, `../../${other}/*`]),
                '../main.js',
                '../../main.js',
              ],
              message: `src/${room} may import only: ${[...mayImport, 'errors'].join(', ')}`,
            },
          ],
        },
      ],
    },
  };
});
const openDoors = Object.entries(doors).map(([name, file]) => {
  const base = directions.find((d) => d.files[0] === `${file.split('/').slice(0, 2).join('/')}/**/*.ts`);
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
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
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
    files: ['src/config/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'scripts/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // Answers of the service are JSON: these tests look into them freely.
    files: ['test/e2e/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-member-access': 'off', '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  { files: ['*.js', 'scripts/**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  ...directions,
  ...openDoors,
);
