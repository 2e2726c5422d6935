// The context that every command gets from the program, and the loading of its configuration.
import type { Command } from 'commander';
import type { Environment } from '../config/environment.js';
import type { LoadedConfig } from '../config/load.js';
import type { Clock } from '../domain/time.js';
import type { Output } from './output.js';

/** Standard input, or its stand-in in a test. */
export type Input = NodeJS.ReadableStream & AsyncIterable<Buffer | string> & { readonly isTTY?: boolean | undefined };

export interface CliContext {
  stdin: Input;
  stdout: Output;
  stderr: Output;
  /** The working directory, to which paths on the command line are relative. */
  cwd: string;
  environment: Environment;
  clock: Clock;
  version: string;
}

/** Adds arguments, options, subcommands and an action to a command of the program. */
export type RegisterCommand = (command: Command, context: CliContext) => void;

/** Loads the configuration that --config or LINTEL_CONFIG names, or the defaults. @throws AppError CONFIG_INVALID */
export async function loadCommandConfig(command: Command, { cwd, environment }: CliContext): Promise<LoadedConfig> {
  // Loaded here, because the schema and the YAML parser take a third of the start-up time of a command.
  const { loadConfig } = await import('../config/load.js');
  return loadConfig({ file: command.optsWithGlobals<{ config?: string }>().config, cwd, environment });
}
