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

// Without an await: the bundle that scripts/build-service.mjs makes cannot have one here.
void runProgram(
  process.argv.slice(2),
  {
    // A getter, because the stream is opened at the first look.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    cwd: process.cwd(),
    environment: readEnvironment(),
    clock: Date.now,
    version: readVersion(),
  },
  COMMANDS,
).then((exitCode) => {
  process.exitCode = exitCode;
});
