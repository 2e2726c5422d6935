// `lintel doctor`: checks everything that a person would ask about, and prints one report that can be shared.
import type { Command } from 'commander';
import type { LoadedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { messageOf } from '../errors.js';
import type { Addon } from '../native/addon.js';
import { commandConfig, type CliContext } from './context.js';
import { checkBroker, checkCameras, checkService } from './doctor-connections.js';
import { checkAddon, checkClock, checkLibraries, checkNode, checkPlatform } from './doctor-machine.js';
import { checkAppKeys, checkDataDir, checkMasterKey } from './doctor-storage.js';
import { SilentFailure } from './program.js';

/** `warn`: works, and somebody should look; `fail`: does not work. */
export type FindingLevel = 'ok' | 'warn' | 'fail';

/** One line of the report: no secret, no key, no password in a URL. */
export interface Finding {
  level: FindingLevel;
  text: string;
}

interface Check {
  title: string;
  run: () => Finding[] | Promise<Finding[]>;
}

export interface DoctorHooks {
  /** What the model room says about the files and the providers. */
  inspectModels?: (config: Config) => Promise<{ lines: readonly string[]; level?: FindingLevel }>;
  loadAddon?: () => Pick<Addon, 'info'>;
}

export function registerDoctor(program: Command, context: CliContext, hooks: DoctorHooks = {}): void {
  program
    .command('doctor')
    .description('check the machine, the installation, the configuration and what it connects to')
    .addHelpText('after', '\nThe report holds no secrets and can be shared. Exit code 1: something does not work.')
    .action(async (_options: unknown, command: Command) => {
      const { stdout, version, clock } = context;
      stdout.write(`Lintel ${version}, ${new Date(clock()).toISOString()}\n\n`);
      const counts = await report(context, [
        ...machineChecks(context, hooks),
        ...(await configuredChecks(command, context, hooks)),
      ]);
      stdout.write(`\n${counts.fail} failed, ${counts.warn} to look at, ${counts.ok} ok\n`);
      if (counts.fail > 0) throw new SilentFailure('the doctor found something');
    });
}

function machineChecks(context: CliContext, { loadAddon }: DoctorHooks): Check[] {
  return [
    { title: 'node', run: () => checkNode(process.versions.node) },
    { title: 'platform', run: checkPlatform },
    { title: 'clock', run: () => checkClock(context.clock()) },
    { title: 'libraries', run: checkLibraries },
    { title: 'addon', run: () => checkAddon(loadAddon) },
  ];
}

/** Where the configuration is not valid, that alone is reported. */
async function configuredChecks(command: Command, context: CliContext, hooks: DoctorHooks): Promise<Check[]> {
  let loaded: LoadedConfig;
  try {
    loaded = await commandConfig(command, context);
  } catch (error) {
    return [{ title: 'config', run: () => [{ level: 'fail', text: messageOf(error) }] }];
  }
  const { config, file } = loaded;
  const { environment, clock } = context;
  return [
    { title: 'config', run: () => [{ level: 'ok', text: file ?? 'no file, the defaults' }] },
    { title: 'data', run: () => checkDataDir(config.dataDir) },
    { title: 'keys', run: async () => [await checkMasterKey(config, environment), checkAppKeys(config, clock)] },
    { title: 'models', run: () => checkModels(config, hooks) },
    { title: 'cameras', run: () => checkCameras(config.cameras) },
    { title: 'broker', run: () => checkBroker(config.mqtt) },
    { title: 'service', run: () => checkService(config.http) },
  ];
}

async function checkModels(config: Config, { inspectModels }: DoctorHooks): Promise<Finding[]> {
  if (!inspectModels) return [{ level: 'warn', text: 'not looked at' }];
  const { lines, level = 'ok' } = await inspectModels(config);
  return lines.map((text) => ({ level, text }));
}

/** Prints each finding as it comes, so that a check that hangs can be told by the last line. */
async function report({ stdout }: CliContext, checks: readonly Check[]): Promise<Record<FindingLevel, number>> {
  const marks: Record<FindingLevel, string> = { ok: 'ok  ', warn: 'look', fail: 'FAIL' };
  const width = Math.max(...checks.map(({ title }) => title.length));
  const counts = { ok: 0, warn: 0, fail: 0 };
  for (const { title, run } of checks) {
    for (const { level, text } of await findings(run)) {
      counts[level]++;
      const indent = ' '.repeat(width + 8);
      stdout.write(`${marks[level]}  ${title.padEnd(width)}  ${text.replaceAll('\n', `\n${indent}`)}\n`);
    }
  }
  return counts;
}

async function findings(run: Check['run']): Promise<Finding[]> {
  try {
    return await run();
  } catch (error) {
    return [{ level: 'fail', text: messageOf(error) }];
  }
}
