// `npm run faults`: faults on purpose, in full. The tests run the same in a short form.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { facesDir, sharedModelsDir } from '../../test/support/shared.js';
import { canMount, runFullDisk, type DiskTally } from './disk.js';
import { galleryTarget } from './gallery-target.js';
import { runKills, type KillTally, type Target } from './kill-rounds.js';
import { serviceTarget } from './service-target.js';

const USAGE = `Usage: npm run faults -- kill [--rounds N] [--seed N] [--through gallery|service]
       npm run faults -- disk [--rounds N] [--seed N]
       npm run faults -- all [--rounds N] [--seed N]

kill   kill -9 at random moments of registrations and deletions by concurrent clients; after each restart every
       registration that was acknowledged is there and searchable, every deletion that was acknowledged holds, a
       picture is there with all of its faces or none, and the counts agree. The gallery is a process of the sealed
       store and the gallery; the service is the whole of \`lintel serve\` behind its REST API and needs the models.
disk   a small file system under the gallery that fills up and is emptied again: while it is full, changes are refused
       with STORE_UNAVAILABLE and searches go on; what was acknowledged is there, what was refused is not, also after a
       restart; and there is no fault left once there is room. Needs unshare and user namespaces.

all    kill through the gallery, kill through the service, disk: everything in full (some ten minutes).

  --rounds N     kills, or times the disk is full (200)
  --seed N       of the moments and the requests (1)
  --through X    gallery (the default) or service
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    through: { type: 'string', default: 'gallery' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
const understood =
  ['kill', 'disk', 'all'].includes(positionals.join()) &&
  Number.isInteger(rounds) &&
  rounds > 0 &&
  Number.isInteger(seed) &&
  ['gallery', 'service'].includes(values.through);

function targetOf(folder: string, through: string): Target {
  if (through === 'gallery') return galleryTarget(join(folder, 'db'));
  if (sharedModelsDir === undefined || facesDir === undefined) {
    throw new Error('the models or the photographs are not here (../shared)');
  }
  const photo = join(facesDir, 'groups', 'bbt1.jpg');
  return serviceTarget({ folder, modelsDir: sharedModelsDir, photo, facesPerPicture: 3 });
}

function kill(folder: string, through: string): Promise<KillTally> {
  const onRound = (round: number, { problems }: KillTally): void => {
    if (round % 10 === 0) console.log(`${round} of ${rounds} kills, ${problems.length} problems`);
  };
  return runKills(targetOf(folder, through), { rounds, seed, onRound });
}

async function disk(folder: string): Promise<DiskTally> {
  if (!canMount()) throw new Error('this machine lets no process mount a file system of its own (unshare -Urm)');
  return runFullDisk(folder, { rounds, seed });
}

if (values.help || !understood) {
  process.stderr.write(USAGE);
  process.exitCode = values.help ? 0 : 2;
} else {
  const kinds: Record<string, (folder: string) => Promise<KillTally | DiskTally>> = {
    'kill, through the gallery': (folder) => kill(folder, 'gallery'),
    'kill, through the service': (folder) => kill(folder, 'service'),
    disk,
  };
  const [wanted] = positionals;
  const chosen = wanted === 'kill' ? `kill, through the ${values.through}` : wanted;
  for (const [kind, run] of Object.entries(kinds)) {
    if (chosen !== 'all' && chosen !== kind) continue;
    console.log(kind);
    const folder = mkdtempSync(join(tmpdir(), 'lintel-faults-'));
    try {
      const beganMs = performance.now();
      const { problems, ...tally } = await run(folder);
      for (const problem of problems) console.log(problem);
      console.log(JSON.stringify({ seed, ...tally }));
      console.log(`${Math.round((performance.now() - beganMs) / 1000)} s, ${problems.length} problems`);
      if (problems.length > 0) process.exitCode = 1;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
