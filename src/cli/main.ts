#!/usr/bin/env node
// The entry of the command line: hands the process over to the program.
import { readEnvironment } from '../config/environment.js';
import { readVersion } from '../config/paths.js';
import type { CliContext, RegisterCommand } from './context.js';
import { registerAudit } from './audit.js';
import { registerClock } from './clock.js';
import { registerDemo } from './demo.js';
import { registerDoctor } from './doctor/doctor.js';
import { registerEnrol } from './enrol/enrol.js';
import { registerEvents } from './events.js';
import { galleryCommand } from './gallery/command.js';
import { registerGroups } from './gallery/groups.js';
import { registerGallery } from './gallery/backup.js';
import { registerKeys } from './keys.js';
import { inspectModels, registerModels } from './models/models.js';
import { runProgram } from './program.js';
import { registerRotate } from './rotate.js';
import { registerServe } from './serve.js';

const commands: readonly RegisterCommand[] = [
  registerServe,
  registerDemo,
  registerModels,
  registerKeys,
  registerRotate,
  registerEvents,
  registerAudit,
  registerClock,
  (program, context) => registerEnrol(galleryCommand(program), context),
  (program, context) => registerGallery(galleryCommand(program), context),
  (program, context) => registerGroups(galleryCommand(program), context),
  (program, context) =>
    registerDoctor(program, context, { inspectModels: (config) => inspectModels(config, context.environment) }),
];

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

process.exitCode = await runProgram(process.argv.slice(2), context, commands);
