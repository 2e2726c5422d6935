// `npm run siege`: attacks a whole service as clients, strangers and broker clients would, and measures its door meanwhile.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { report } from '../../bench/support/report.js';
import { bestModels } from '../../test/support/model-sets.js';
import { ATTACK_NAMES, type AttackName } from './attacks.js';
import { formatPhase, judgeSiege, PHASE_HEAD } from './judge.js';
import { runSiege } from './siege.js';

const USAGE = `Usage: npm run siege -- [--short] [--attack NAME]...

Starts a service with a camera before which an enrolled person comes and goes, attacks it in one way after the other, then
in all ways at once, and stops it with SIGTERM under attack. For each attack: matches expected and arrived, latency from
the first picture of the person to the event at a subscriber, lag of the main loop, and memory. The figures of the whole
go to bench/results/siege.json. Exit code 1: a bound is not kept.

  --short        10 s for each attack (under 4 minutes in all) in place of 60 s
  --attack NAME  only this attack; may be repeated
  --open-files N soft limit of open files of the service

Attacks: ${ATTACK_NAMES.join(', ')}
`;

const options = {
  short: { type: 'boolean', default: false },
  attack: { type: 'string', multiple: true },
  'open-files': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @returns undefined where the arguments cannot be understood */
function readArguments(): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] | undefined {
  try {
    const { values } = parseArgs({ options });
    const { attack = [], 'open-files': openFiles = '1' } = values;
    const isKnown = attack.every((name) => ATTACK_NAMES.includes(name as AttackName));
    return isKnown && Number.isInteger(Number(openFiles)) && Number(openFiles) > 0 ? values : undefined;
  } catch {
    return undefined;
  }
}

const values = readArguments();
if (!values || values.help) {
  process.stderr.write(USAGE);
  process.exitCode = values?.help ? 0 : 2;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-siege-'));
  try {
    console.log(PHASE_HEAD);
    const { short, attack, 'open-files': openFiles } = values;
    const result = await runSiege({
      folder,
      ...bestModels,
      attacks: (attack as AttackName[] | undefined) ?? ATTACK_NAMES,
      ...(short
        ? { attackSeconds: 8, quietSeconds: 16, allSeconds: 20 }
        : { attackSeconds: 60, quietSeconds: 60, allSeconds: 120 }),
      ...(openFiles === undefined ? {} : { openFiles: Number(openFiles) }),
      onPhase: (phase) => console.log(formatPhase(phase)),
    });
    const results = judgeSiege(result);
    report('siege', results);
    if (results.some(({ holds }) => !holds)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
