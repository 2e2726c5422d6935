// `npm run models`: commands for developers that inspect a model. They need the renderer of faces, which is not installed on devices.
import { readEnvironment } from '../../src/config/environment.js';
import { readVersion } from '../../src/config/paths.js';
import { createProgram, reportErrors } from '../../src/cli/program.js';
import { registerRanges } from './ranges.js';
import { registerSensitivity } from './sensitivity.js';

const context = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  environment: readEnvironment(),
  clock: Date.now,
  version: readVersion(),
};

const program = createProgram(context, [])
  .name('npm run models --')
  .description('Records the value ranges of a model and measures its layers.');
registerRanges(program, context);
registerSensitivity(program, context);

process.exitCode = await reportErrors(context, async () => {
  await program.parseAsync(process.argv.slice(2), { from: 'user' });
});
