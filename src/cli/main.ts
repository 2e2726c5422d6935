#!/usr/bin/env node
// The entry of the command line: hands the process over to the program.
import { readEnvironment } from '../config/environment.js';
import { readVersion } from '../config/paths.js';
import { COMMANDS } from './commands.js';
import type { CliContext } from './context.js';
import { runProgram } from './program.js';

const context: CliContext = {
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  environment: readEnvironment(),
  clock: Date.now,
  version: readVersion(),
};

// A reader that has seen enough (`lintel doctor | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runProgram(process.argv.slice(2), context, COMMANDS);
