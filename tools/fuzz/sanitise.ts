// `npm run sanitise`: builds the addon with the address and undefined-behaviour sanitisers, and calls it with made-up arguments.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { createProgress, finish, NUMBER_OPTIONS, readNumbers } from './options.js';
import { runFuzz } from './run.js';

const USAGE = `Usage: npm run sanitise -- [--count N] [--from N] [--seed N]

Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer into build/sanitised, beside the ordinary one. Then every
second number reads a mutated picture (decodeJpeg, isWholeJpeg), and the others call the functions of the addon with right,
nearly right and absurd arguments. A report of a sanitiser ends the process; the run keeps it with the number, and goes on
behind it. The same seed and number give the same call. Findings are in var/fuzz. Exit code 1: it found something.

  --count N  numbers to try (default 20000)
  --from N   first number (default 0)
  --seed N   seed (default 1)
`;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const numbers = readArguments();
if (!numbers) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  build();
  const env = { ...process.env, ...findRuntime() };
  const folder = `${ROOT}var/fuzz/sanitised`;
  const addonPath = `${ROOT}build/sanitised/lintel.node`;
  finish(await runFuzz({ what: 'addon', ...numbers, folder, addonPath, env, onProgress: createProgress() }));
}

function readArguments(): { count: number; from: number; seed: number } | undefined {
  try {
    const { values } = parseArgs({ options: NUMBER_OPTIONS });
    const { count = '20000', from, seed, help } = values;
    return help ? undefined : readNumbers({ count, from, seed });
  } catch {
    return undefined;
  }
}

/** @throws Error where the build fails */
function build(): void {
  const { status } = spawnSync(`${ROOT}scripts/build-native`, ['--sanitise'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the addon could not be built with the sanitisers');
}

/**
 * Returns the environment in which node, which knows no sanitiser, loads an addon that has them. The C++ library is loaded at the start as well:
 * the sanitiser looks for its exceptions before the addon brings it. Leaks are not counted, since node never frees all of its memory.
 */
function findRuntime(): Record<string, string> {
  const find = (library: string): string => {
    const { stdout } = spawnSync(process.env.CXX ?? 'g++', [`-print-file-name=${library}`], { encoding: 'utf8' });
    return stdout.trim();
  };
  return {
    LD_PRELOAD: ['libasan.so', 'libubsan.so', 'libstdc++.so.6'].map(find).join(':'),
    ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=1:abort_on_error=0:exitcode=86:quarantine_size_mb=64',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1:exitcode=87',
  };
}
