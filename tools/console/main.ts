// `npm run console`: pictures of every screen of the console, from a real service before rendered people.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { takePictures } from './pictures.js';
import { startWorld } from './world.js';

const USAGE = `Usage: npm run console -- pictures [FOLDER] [--screens NAMES] [--lang en|ko] [--full]

Starts a service before two doors with rendered people, signs in, and takes pictures of every screen of the console: on a phone
and a desktop, light and dark. Needs a build and chromium (scripts/setup --tests). Exits with 1 where a page had an error.

  FOLDER           folder of the pictures (default: var/pictures)
  --screens NAMES  only these screens, such as doors,people
  --lang X         language of the pages (default en)
  --full           the whole length of each screen, in place of what is seen without scrolling
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    screens: { type: 'string' },
    lang: { type: 'string', default: 'en' },
    full: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const [command, folder = 'var/pictures', ...more] = positionals;
const { lang } = values;

if (values.help || command !== 'pictures' || more.length > 0 || (lang !== 'en' && lang !== 'ko')) {
  process.stderr.write(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const screens = values.screens?.split(',');
  const world = await startWorld(say);
  try {
    const options = { lang, full: values.full, ...(screens && { screens }) } as const;
    const { paths, problems } = await takePictures(world.stage, resolve(folder), options, say);
    for (const problem of problems) process.stderr.write(`${problem}\n`);
    say(`${paths.length} pictures, ${problems.length} problems`);
    if (problems.length > 0) process.exitCode = 1;
  } finally {
    await world.stop();
  }
}
