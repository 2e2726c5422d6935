// Asks the running service about its fleet, for the commands of `lintel fleet`.
import { json } from 'node:stream/consumers';
import type { Command } from 'commander';
import { dataPaths } from '../../config/paths.js';
import type { FleetConfig } from '../../config/fleet-schema.js';
import type { Config } from '../../config/schema.js';
import { AppError } from '../../errors.js';
import { FLEET_PATHS, makeFleetRequest, type FleetParameters } from '../../fleet/fleet-requests.js';
import type { FleetStatus } from '../../fleet/fleet.types.js';
import { askService } from '../admin-client.js';
import { loadCommandConfig, type CliContext } from '../context.js';

/** Requests of a command to the service. Each call rejects with the AppError that the service answers with, and with SERVICE_UNREACHABLE. */
export interface FleetService {
  config: Config & { fleet: FleetConfig };
  status(): Promise<FleetStatus>;
  ask<T extends object>(method: 'GET' | 'POST', path: string, parameters?: FleetParameters): Promise<T>;
  /** Reads an answer that is no JSON document, piece by piece. */
  stream(path: string, parameters: FleetParameters): Promise<AsyncIterable<Uint8Array>>;
}

/** @throws AppError CONFIG_INVALID; FLEET_ROLE: the configuration has no section `fleet` */
export async function openFleetService(command: Command, context: CliContext): Promise<FleetService> {
  const { config } = await loadCommandConfig(command, context);
  const { fleet } = config;
  if (!fleet) {
    throw new AppError(
      'FLEET_ROLE',
      'this device is in no fleet: set fleet.role to authority or door in its configuration, and start the service',
    );
  }
  const { adminSocket } = dataPaths(config);
  const reach = async (method: 'GET' | 'POST', path: string, parameters?: FleetParameters) => {
    const answer = await askService(adminSocket, method, makeFleetRequest(path, parameters));
    if (answer) return answer;
    throw new AppError(
      'SERVICE_UNREACHABLE',
      'no service is running on this data directory: start it, as the user of the service, and run this command again',
    );
  };
  const ask = async <T extends object>(method: 'GET' | 'POST', path: string, parameters?: FleetParameters) =>
    (await json(await reach(method, path, parameters))) as T;
  return {
    config: { ...config, fleet },
    status: () => ask<FleetStatus>('GET', FLEET_PATHS.status),
    ask,
    stream: (path, parameters) => reach('GET', path, parameters),
  };
}

/** @throws AppError FLEET_ROLE */
export function requireRole({ role, name }: FleetStatus, wanted: FleetStatus['role']): void {
  if (role === wanted) return;
  const place = wanted === 'authority' ? 'the authority of the fleet' : 'a door';
  const here = role === 'authority' ? 'the authority' : 'a door';
  throw new AppError('FLEET_ROLE', `this command is for ${place}, and this device (${name}) is ${here}`);
}
