// `npm run strangers`: shows strangers in random conditions to a door, and counts those who are granted. The tests run a short form of this.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { builtinModels, standardModels } from '../../test/support/model-sets.js';
import { lfwDir } from '../../test/support/shared.js';
import { runStrangers, type StrangersTally } from './strangers.js';

const USAGE = `Usage: npm run strangers -- [--strangers N] [--enrolled N] [--set standard|builtin] [--seed N]

Enrols people of LFW, every second one from a picture in a random condition (tilted, blurred, coarse, compressed, dark, with
glare or noise, covered, masked, with glasses, mirrored, or two of these), as far as such pictures are accepted. Then strangers
stand before the door, each in a random condition, through the real camera, models and recogniser at the default threshold.
Exits with 1 where a stranger was granted. Needs ../shared/lfw; people of the trainings and of the calibration are left out.

  --strangers N  number of strangers, at most 640 (default 500)
  --enrolled N   number of enrolled people (default 20)
  --set X        model set (default standard)
  --seed N       seed of the conditions (default 1)
`;

const { values } = parseArgs({
  options: {
    strangers: { type: 'string', default: '500' },
    enrolled: { type: 'string', default: '20' },
    set: { type: 'string', default: 'standard' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const [strangers, enrolled, seed] = [values.strangers, values.enrolled, values.seed].map(Number) as [
  number,
  number,
  number,
];
const understood =
  [strangers, enrolled].every((n) => Number.isInteger(n) && n > 0) &&
  Number.isInteger(seed) &&
  ['standard', 'builtin'].includes(values.set);

if (values.help || !understood) {
  process.stderr.write(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const models = values.set === 'standard' ? standardModels : builtinModels;
  if (!models || lfwDir === undefined) throw new Error('the models or the LFW faces are missing (../shared)');
  const tally = await runStrangers({
    set: models.models,
    modelsDir: models.modelsDir,
    archive: join(lfwDir, 'lfw_pairs_112.tar'),
    pairs: join(lfwDir, 'pairs.txt'),
    strangers,
    enrolled,
    seed,
    onBatch: (done, { granted }) => console.log(`${done} of ${strangers} strangers, ${granted.length} granted`),
  });
  print(tally);
  if (tally.granted.length > 0) process.exitCode = 1;
}

function print({ strangers: shown, accepted, granted, known, degradedEnrolments, byKind }: StrangersTally): void {
  const { tried, refused } = degradedEnrolments;
  console.log(
    `enrolments in a random condition: ${tried}, of which ${refused} were refused and repeated in good condition`,
  );
  console.log(
    `enrolled people in good condition: ${known.granted} of ${known.shown} granted, ${known.grantedAsOther} as others`,
  );
  console.log(`strangers: ${shown}, of whom ${accepted} were accepted (an event was published)`);
  for (const [kind, one] of [...byKind].sort(([a], [b]) => a.localeCompare(b))) {
    console.log(`  ${kind.padEnd(20)} ${one.accepted} of ${one.strangers} accepted`);
  }
  for (const { condition, as } of granted) console.log(`GRANTED: a stranger in the condition ${condition} as ${as}`);
  console.log(`strangers granted: ${granted.length} of ${shown}`);
}
