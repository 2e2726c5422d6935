// `lintel doctor`: checks everything that a person would ask about, and prints one report that can be shared.
import { InvalidArgumentError, type Command } from 'commander';
import type { LoadedConfig } from '../../config/load.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { describeError } from '../../errors.js';
import { loadAddon, type Addon } from '../../native/addon.js';
import { commandConfig, type CliContext } from '../context.js';
import { serviceRuns, tryCameras, type TrialAddon } from './cameras.js';
import { checkBroker, checkCameras, checkService } from './connections.js';
import { checkHeat, checkInodes, checkMemory, checkVideoDevices } from './device.js';
import { checkGroups } from './groups.js';
import { checkAddon, checkClock, checkLibraries, checkNode, checkPlatform } from './machine.js';
import { waitUntilReady } from './ready.js';
import { knownSecrets, redactor, writeJson, writeText, type Check } from './report.js';
import { checkCertificates, checkKeyFiles } from './secrets.js';
import { checkAppKeys, checkAudit, checkDataDir, checkMasterKey } from './storage.js';
import { checkUnit, checkVersions } from './systemd.js';
import { SilentFailure } from '../program.js';

/** `warn`: works, and somebody should look; `fail`: does not work. */
export type FindingLevel = 'ok' | 'warn' | 'fail';

/** One line of the report: no secret, no key, no password in a URL. */
export interface Finding {
  level: FindingLevel;
  text: string;
}

export interface DoctorHooks {
  /** What the model room says about the files and the providers. */
  inspectModels?: (config: Config) => Promise<{ lines: readonly string[]; level?: FindingLevel }>;
  /** Of the model sets; that of the installation where it is not given. */
  manifestPath?: string;
  /** Cameras are tried with it where it can open them. */
  loadAddon?: () => Pick<Addon, 'info'> & Partial<TrialAddon>;
}

interface DoctorOptions {
  json?: boolean;
  ready?: number;
  liveness?: string;
  attempts: number;
  seconds: number;
}

export function registerDoctor(program: Command, context: CliContext, hooks: DoctorHooks = {}): void {
  program
    .command('doctor')
    .description('check the machine, the installation, the configuration and what it connects to')
    .option('--json', 'the report as one JSON document')
    .option('--ready <seconds>', 'only wait so long for the running service to be ready', wholeNumber)
    .option('--liveness <camera>', 'a trial of liveness at this camera instead: live, print and screen attempts')
    .option('--attempts <number>', 'of the trial, of each kind', wholeNumber, 10)
    .option('--seconds <number>', 'of each attempt of the trial', wholeNumber, 3)
    .addHelpText(
      'after',
      `
The report holds no secrets and can be shared. Where no service runs, each camera is opened for a first picture. Exit code 1: something
does not work.`,
    )
    .action(async (options: DoctorOptions, command: Command) => {
      if (options.ready !== undefined) return ready(options.ready, command, context);
      if (options.liveness !== undefined) return liveness(options.liveness, options, command, context);
      return report(options, command, context, hooks);
    });
}

async function report(
  { json }: DoctorOptions,
  command: Command,
  context: CliContext,
  hooks: DoctorHooks,
): Promise<void> {
  const { stdout, version, clock, environment } = context;
  const loaded = await loadedConfig(command, context);
  const write = json ? writeJson : writeText;
  const counts = await write({
    stdout,
    version,
    at: new Date(clock()).toISOString(),
    checks: [...machineChecks(context, hooks), ...configuredChecks(loaded, context, hooks)],
    redact: redactor(await knownSecrets('config' in loaded ? loaded.config : undefined, environment)),
  });
  if (counts.fail > 0) throw new SilentFailure('the doctor found something');
}

async function ready(seconds: number, command: Command, context: CliContext): Promise<void> {
  const { config } = await commandConfig(command, context);
  if (await waitUntilReady(config, seconds)) return void context.stdout.write('Lintel is ready.\n');
  context.stderr.write(`lintel: the service did not become ready within ${seconds} s\n`);
  throw new SilentFailure('not ready');
}

async function liveness(camera: string, options: DoctorOptions, command: Command, context: CliContext): Promise<void> {
  const { livenessDoctor } = await import('./liveness.js');
  const { attempts, seconds, json = false } = options;
  await livenessDoctor(camera, { attempts, seconds, json }, await commandConfig(command, context), context);
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 99999.');
  return Number(text);
}

function machineChecks(context: CliContext, { loadAddon: load }: DoctorHooks): Check[] {
  return [
    { title: 'node', run: () => checkNode(process.versions.node) },
    { title: 'platform', run: checkPlatform },
    { title: 'memory', run: checkMemory },
    { title: 'heat', run: () => checkHeat() },
    { title: 'clock', run: () => checkClock(context.clock()) },
    { title: 'libraries', run: checkLibraries },
    { title: 'addon', run: () => checkAddon(load) },
    { title: 'video', run: () => checkVideoDevices() },
    { title: 'unit', run: async () => [...(await checkUnit()), ...(await checkVersions())] },
  ];
}

async function loadedConfig(command: Command, context: CliContext): Promise<LoadedConfig | { error: unknown }> {
  try {
    return await commandConfig(command, context);
  } catch (error) {
    return { error };
  }
}

/** Where the configuration is not valid, that alone is reported. */
function configuredChecks(loaded: LoadedConfig | { error: unknown }, context: CliContext, hooks: DoctorHooks): Check[] {
  if ('error' in loaded) {
    return [{ title: 'config', run: () => [{ level: 'fail', text: describeError(loaded.error) }] }];
  }
  const { config, file } = loaded;
  const { environment, clock } = context;
  return [
    { title: 'config', run: () => [{ level: 'ok', text: file ?? 'no file, the defaults' }] },
    {
      title: 'data',
      run: async () => [...(await checkDataDir(config.dataDir)), ...(await checkInodes(config.dataDir))],
    },
    {
      title: 'keys',
      run: async () => [
        await checkMasterKey(config, environment),
        checkAppKeys(config, clock),
        ...(await checkKeyFiles(config)),
      ],
    },
    { title: 'certificates', run: () => checkCertificates(config, clock) },
    { title: 'audit', run: () => checkAudit(config, context) },
    { title: 'models', run: () => checkModels(config, hooks) },
    { title: 'groups', run: () => checkGroups(config, context, hooks.manifestPath) },
    { title: 'cameras', run: () => checkPictures(config, hooks) },
    { title: 'broker', run: () => checkBroker(config.mqtt) },
    { title: 'service', run: () => checkService(config.http) },
  ];
}

/** Whether each source can be reached; and, where no service holds them, a first picture of those that can. */
async function checkPictures(config: Config, { loadAddon: load = loadAddon }: DoctorHooks): Promise<Finding[]> {
  const { cameras } = config;
  const reached = await checkCameras(cameras);
  if (cameras.length === 0) return reached;
  if (await serviceRuns(dataPaths(config).adminSocket)) {
    return [...reached, { level: 'ok', text: 'not opened: the running service has them, and says how they are' }];
  }
  const { openCapture, captureState, closeCapture } = load();
  if (!openCapture || !captureState || !closeCapture) return reached;
  const open = cameras.filter((_, index) => reached[index].level !== 'fail');
  return [...reached, ...(await tryCameras(open, { openCapture, captureState, closeCapture }))];
}

async function checkModels(config: Config, { inspectModels }: DoctorHooks): Promise<Finding[]> {
  if (!inspectModels) return [{ level: 'warn', text: 'not looked at' }];
  const { lines, level = 'ok' } = await inspectModels(config);
  return lines.map((text) => ({ level, text }));
}
