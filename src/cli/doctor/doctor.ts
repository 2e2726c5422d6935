// `lintel doctor`: checks the machine, the installation and the configuration, and prints a report that can be shared.
import { InvalidArgumentError, type Command } from 'commander';
import type { LoadedConfig } from '../../config/load.js';
import { describeError } from '../../errors.js';
import { loadAddon, type Addon } from '../../native/addon.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { SilentFailure } from '../program.js';
import { checkCameras, type DoctorAddon } from './cameras.js';
import { checkBroker } from './connections.js';
import { checkHeat, checkInodes, checkMemory, checkVideoDevices } from './device.js';
import { fail, ok } from './finding.js';
import { checkGroups } from './groups.js';
import { checkAddon, checkClock, checkLibraries, checkNode, checkPlatform } from './machine.js';
import { checkModels, type InspectModels } from './models.js';
import { waitUntilReady } from './ready.js';
import { checkRecords } from './records.js';
import { collectSecrets, createRedactor } from './redact.js';
import { writeJson, writeText, type DoctorCheck } from './report.js';
import { checkCertificates, checkKeyFiles } from './secrets.js';
import { checkService } from './service.js';
import { checkApiKeys, checkAudit, checkDataDir, checkMasterKey } from './storage.js';
import { checkUnit, checkVersions } from './systemd.js';

/** Parts that tests replace. */
export interface DoctorHooks {
  inspectModels?: InspectModels;
  /** Path of the manifest of the model sets. */
  manifestPath?: string;
  /** Loads the native addon. Cameras are opened where it has the functions of a capture. */
  loadAddon?: () => Pick<Addon, 'info'> & Partial<DoctorAddon>;
}

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

function listMachineChecks(context: CliContext, hooks: DoctorHooks): DoctorCheck[] {
  return [
    { title: 'node', run: () => checkNode(process.versions.node) },
    { title: 'platform', run: checkPlatform },
    { title: 'memory', run: checkMemory },
    { title: 'heat', run: () => checkHeat() },
    { title: 'clock', run: () => checkClock(context.clock()) },
    { title: 'libraries', run: () => checkLibraries() },
    { title: 'addon', run: () => checkAddon(hooks.loadAddon) },
    { title: 'video', run: () => checkVideoDevices() },
    { title: 'unit', run: async () => [...(await checkUnit()), ...(await checkVersions())] },
  ];
}

async function tryLoadConfig(command: Command, context: CliContext): Promise<LoadedConfig | { error: unknown }> {
  try {
    return await loadCommandConfig(command, context);
  } catch (error) {
    return { error };
  }
}

/** @returns the checks that need the configuration; where it is not valid, only a check that says so */
function listConfiguredChecks(
  loaded: LoadedConfig | { error: unknown },
  context: CliContext,
  hooks: DoctorHooks,
): DoctorCheck[] {
  if ('error' in loaded) return [{ title: 'config', run: () => [fail(describeError(loaded.error))] }];
  const { config, file } = loaded;
  const { environment, clock } = context;
  return [
    { title: 'config', run: () => [ok(file ?? 'no configuration file: the defaults are used')] },
    {
      title: 'data',
      run: async () => [...(await checkDataDir(config.dataDir)), ...(await checkInodes(config.dataDir))],
    },
    {
      title: 'keys',
      run: async () => [
        await checkMasterKey(config, environment),
        ...(await checkApiKeys(config, context)),
        ...(await checkKeyFiles(config)),
      ],
    },
    { title: 'certificates', run: () => checkCertificates(config, clock) },
    { title: 'records', run: () => checkRecords(config, context) },
    { title: 'audit', run: () => checkAudit(config, context) },
    { title: 'models', run: () => checkModels(config, environment, hooks.inspectModels) },
    { title: 'groups', run: () => checkGroups(config, context, hooks.manifestPath) },
    { title: 'cameras', run: () => checkCameras(config, hooks.loadAddon ?? loadAddon) },
    { title: 'broker', run: () => checkBroker(config.mqtt) },
    { title: 'service', run: () => checkService(config.http) },
  ];
}
