// `lintel fleet`: all its commands, in the order of its help.
import type { RegisterCommand } from '../context.js';
import { registerFleetDemo } from './demo/demo.js';
import { registerFleetEvents } from './events.js';
import { registerInvite } from './invite.js';
import { registerJoin } from './join.js';
import { registerProof } from './proof.js';
import { registerRemove } from './remove.js';
import { registerServerConfig } from './server-config.js';
import { registerStatus } from './status.js';

export const FLEET_COMMANDS: readonly RegisterCommand[] = [
  registerStatus,
  registerInvite,
  registerJoin,
  registerRemove,
  registerProof,
  registerFleetEvents,
  registerServerConfig,
  registerFleetDemo,
];
