#!/usr/bin/env node
// The entry of the command line: runs the program on this process.
import { readEnvironment } from '../config/environment.js';
import { readVersion } from '../config/paths.js';
import { COMMANDS } from './commands.js';
import { runProgram } from './program.js';

// A reader may close the pipe before the end (`lintel doctor | head`); that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runProgram(
  process.argv.slice(2),
  {
    stdout: process.stdout,
    stderr: process.stderr,
    cwd: process.cwd(),
    environment: readEnvironment(),
    clock: Date.now,
    version: readVersion(),
  },
  COMMANDS,
);
