// `lintel doctor`: checks the machine, the installation and the configuration, and prints a report that can be shared.
import { InvalidArgumentError, type Command } from 'commander';
import type { LoadedConfig } from '../../config/load.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { SilentFailure } from '../program.js';
import { listConfiguredChecks, listMachineChecks, type DoctorHooks } from './checks.js';
import { waitUntilReady } from './ready.js';
import { collectSecrets, createRedactor } from './redact.js';
import { writeJson, writeText } from './report.js';

interface DoctorOptions {
  json?: boolean;
  ready?: number;
  liveness?: string;
  attempts: number;
  seconds: number;
}

export function registerDoctor(doctor: Command, context: CliContext, hooks: DoctorHooks = {}): void {
  doctor
    .option('--json', 'print the report as one JSON document')
    .option('--ready <seconds>', 'only wait until the running service is ready, at most this long', parseWholeNumber)
    .option('--liveness <camera>', 'test the liveness check at this camera instead, with a person and attacks')
    .option('--attempts <n>', 'with --liveness: number of attempts of each kind', parseWholeNumber, 10)
    .option('--seconds <n>', 'with --liveness: duration of each attempt', parseWholeNumber, 3)
    .addHelpText(
      'after',
      `
The report contains no secrets, so you can share it. When no service is running, the doctor opens
each camera for a first picture. The exit code is 1 when something does not work.`,
    )
    .action(async (options: DoctorOptions, command: Command) => {
      if (options.ready !== undefined) return awaitReady(options.ready, command, context);
      if (options.liveness !== undefined) return testLiveness(options.liveness, options, command, context);
      return printReport(options, command, context, hooks);
    });
}

async function printReport(
  { json }: DoctorOptions,
  command: Command,
  context: CliContext,
  hooks: DoctorHooks,
): Promise<void> {
  const { stdout, version, clock, environment } = context;
  const loaded = await tryLoadConfig(command, context);
  const write = json ? writeJson : writeText;
  const counts = await write({
    stdout,
    version,
    at: new Date(clock()).toISOString(),
    checks: [...listMachineChecks(context, hooks), ...listConfiguredChecks(loaded, context, hooks)],
    redact: createRedactor(await collectSecrets('config' in loaded ? loaded.config : undefined, environment)),
  });
  if (counts.fail > 0) throw new SilentFailure('the doctor found something that does not work');
}

async function awaitReady(seconds: number, command: Command, context: CliContext): Promise<void> {
  const { config } = await loadCommandConfig(command, context);
  if (await waitUntilReady(config, seconds)) return void context.stdout.write('Lintel is ready.\n');
  context.stderr.write(`lintel: the service did not become ready within ${seconds} s\n`);
  throw new SilentFailure('the service is not ready');
}

async function testLiveness(
  camera: string,
  { attempts, seconds, json = false }: DoctorOptions,
  command: Command,
  context: CliContext,
): Promise<void> {
  const { runLivenessTrial } = await import('./liveness.js');
  await runLivenessTrial(camera, { attempts, seconds, json }, await loadCommandConfig(command, context), context);
}

function parseWholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 99999.');
  return Number(text);
}

async function tryLoadConfig(command: Command, context: CliContext): Promise<LoadedConfig | { error: unknown }> {
  try {
    return await loadCommandConfig(command, context);
  } catch (error) {
    return { error };
  }
}
