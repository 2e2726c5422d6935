// What every command is given, and what several of them do first.
import type { Command } from 'commander';
import type { Environment } from '../config/environment.js';
import { loadConfig, type LoadedConfig } from '../config/load.js';
import type { Clock } from '../domain/time.js';
import type { Output } from './progress.js';

export interface CliContext {
  stdout: Output;
  stderr: Output;
  /** The working directory: relative paths on the command line start there. */
  cwd: string;
  environment: Environment;
  clock: Clock;
  version: string;
}

/** Adds one command to the program. */
export type RegisterCommand = (program: Command, context: CliContext) => void;

/** The file that --config names; undefined where it is not given. */
export function configOption(command: Command): string | undefined {
  return command.optsWithGlobals<{ config?: string }>().config;
}

/** The configuration that --config or LINTEL_CONFIG names, or the defaults. @throws AppError CONFIG_INVALID */
export function commandConfig(command: Command, { cwd, environment }: CliContext): Promise<LoadedConfig> {
  return loadConfig({ file: configOption(command), cwd, environment });
}
