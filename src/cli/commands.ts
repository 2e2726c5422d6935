// Every command of `lintel`, in the order of its help.
import type { RegisterCommand } from './context.js';
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
import { registerRotate } from './rotate.js';
import { registerServe } from './serve.js';

/** Each entry adds one command to the program. */
export const COMMANDS: readonly RegisterCommand[] = [
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
