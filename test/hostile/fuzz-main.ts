// npx tsx test/hostile/fuzz-main.ts [--seconds 60] [--seed 1]: fuzzes a service for the given time. Exit code 1: it found something.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bestModels } from '../support/model-sets.js';
import { fuzzService } from './fuzz-service.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});
const folder = mkdtempSync(join(tmpdir(), 'lintel-fuzz-'));
try {
  const report = await fuzzService({
    folder,
    ...bestModels,
    seed: Number(values.seed),
    seconds: Number(values.seconds),
  });
  console.log(JSON.stringify(report, null, 2));
  const { answers, unforeseen, exitCode } = report.aftermath;
  if (report.failures.length > 0 || !answers || unforeseen.length > 0 || exitCode !== 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
