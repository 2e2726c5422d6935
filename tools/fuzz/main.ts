// `npm run fuzz`: mutated pictures for the decoders, mutated streams for the reader of cameras, or made-up requests for a whole service, by the million.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { fuzzService } from '../../test/hostile/fuzz-service.js';
import { bestModels } from '../../test/support/model-sets.js';
import { createProgress, finish, NUMBER_OPTIONS, readNumbers } from './options.js';
import { runFuzz } from './run.js';

const USAGE = `Usage: npm run fuzz -- pictures [--count N] [--from N] [--seed N]
       npm run fuzz -- streams [--count N] [--from N] [--seed N]
       npm run fuzz -- requests [--count N] [--from N] [--seed N]

pictures  Decodes mutated pictures as the service does. Each gives an image or a refusal of the contract, in bounded time and
          without a crash. About 1,000 a second on one core.
streams   Splits mutated bodies of MJPEG streams, and decodes what it finds. The pictures must not depend on how the bytes arrive.
          Some 100 a second.
requests  Sends made-up requests to a whole service, which must answer each of them and survive. Some 100 a second.

Each picture, stream and request has a number; the same seed and number give the same bytes. The run prints how to go on, and
keeps what it found in var/fuzz. Exit code 1: it found something.

  --count N  how many (default 20000; the goal before a release is 1000000 of each)
  --from N   number of the first one (default 0)
  --seed N   seed (default 1)
`;

const FUZZ_FOLDER = fileURLToPath(new URL('../../var/fuzz', import.meta.url));

const parsed = readArguments();
if (parsed === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (parsed === 'help') {
  process.stdout.write(USAGE);
} else {
  const { what, numbers } = parsed;
  if (what !== 'requests') {
    finish(await runFuzz({ what, ...numbers, folder: FUZZ_FOLDER, onProgress: createProgress() }));
  } else {
    await sendRequests(numbers);
  }
}

interface Numbers {
  count: number;
  from: number;
  seed: number;
}

function readArguments(): { what: 'pictures' | 'streams' | 'requests'; numbers: Numbers } | 'help' | undefined {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: NUMBER_OPTIONS });
    if (values.help) return 'help';
    const { count = '20000', from, seed } = values;
    const numbers = readNumbers({ count, from, seed });
    const [what] = positionals;
    if (positionals.length !== 1 || !numbers) return undefined;
    if (what !== 'pictures' && what !== 'streams' && what !== 'requests') return undefined;
    return { what, numbers };
  } catch {
    return undefined;
  }
}

async function sendRequests({ count, from, seed }: Numbers): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-fuzz-'));
  try {
    const report = await fuzzService({ folder, ...bestModels, seed, from, count });
    const { outcomes, failures: found, aftermath, next } = report;
    const { answers, unforeseen, exitCode } = aftermath;
    const isSound = answers && unforeseen.length === 0 && exitCode === 0;
    const failures = isSound ? found : [...found, `afterwards: ${JSON.stringify(aftermath)}`];
    const summary = { what: 'requests', seed, from, next, outcomes, failures };
    mkdirSync(FUZZ_FOLDER, { recursive: true });
    writeFileSync(join(FUZZ_FOLDER, 'requests.json'), `${JSON.stringify(summary, null, 2)}\n`);
    finish(summary);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
