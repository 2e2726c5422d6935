// The base that every part of the service is built from: configuration, paths, log, clocks, timers and the native addon.
import type { Environment } from '../config/environment.js';
import { dataPaths, readVersion, type DataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import type { Log } from '../domain/log.js';
import { systemTimers, type Clock, type Timers } from '../domain/time.js';
import { loadAddon, type Addon } from '../native/addon.js';

export interface ServiceBase {
  readonly config: Config;
  readonly environment: Environment;
  /** Absolute path of the configuration file; undefined where there is none. */
  readonly configFile: string | undefined;
  readonly log: Log;
  /** Returns how many lines of the log were dropped since the start; default: always 0. */
  readonly droppedLogLines: () => number;
  readonly paths: DataPaths;
  /** Version of Lintel, from package.json. */
  readonly version: string;
  readonly addon: Addon;
  /** Wall clock: milliseconds since the epoch. */
  readonly clock: Clock;
  /** Milliseconds since the start of the process; never set back. */
  readonly monotonic: Clock;
  readonly timers: Timers;
}

export type BaseInputs = Pick<ServiceBase, 'config' | 'environment' | 'log'> &
  Partial<Pick<ServiceBase, 'droppedLogLines' | 'configFile'>>;

/** Loads the native addon. @throws Error when the addon is not built or a library is missing */
export function createBase(inputs: BaseInputs): ServiceBase {
  return {
    droppedLogLines: () => 0,
    configFile: undefined,
    ...inputs,
    paths: dataPaths(inputs.config),
    version: readVersion(),
    addon: loadAddon(),
    clock: Date.now,
    monotonic: () => performance.now(),
    timers: systemTimers,
  };
}
