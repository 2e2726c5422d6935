// All checks of the doctor in the order of its report: those of the machine, and those that need the configuration.
import type { LoadedConfig } from '../../config/load.js';
import { fail, ok } from '../../domain/doctor.js';
import { describeError } from '../../errors.js';
import { loadAddon, type Addon } from '../../native/addon.js';
import type { CliContext } from '../context.js';
import { checkCameras, type DoctorAddon } from './cameras.js';
import { checkBroker } from './connections.js';
import { checkHeat, checkInodes, checkMemory, checkVideoDevices } from './device.js';
import { checkFleet } from './fleet.js';
import { checkGroups } from './groups.js';
import { checkAddon, checkClock, checkLibraries, checkNode, checkPlatform } from './machine.js';
import { checkModels, type InspectModels } from './models.js';
import { checkRecords } from './records.js';
import type { DoctorCheck } from './report.js';
import { checkCertificates, checkKeyFiles } from './secrets.js';
import { checkService } from './service.js';
import { checkApiKeys, checkAudit, checkDataDir, checkMasterKey } from './storage.js';
import { checkUnit, checkVersions } from './systemd.js';

export type DoctorContext = Pick<CliContext, 'environment' | 'clock'>;

/** Parts that tests replace. */
export interface DoctorHooks {
  inspectModels?: InspectModels;
  /** Path of the manifest of the model sets. */
  manifestPath?: string;
  /** Loads the native addon. Cameras are opened where it has the functions of a capture. */
  loadAddon?: () => Pick<Addon, 'info'> & Partial<DoctorAddon>;
}

export function listMachineChecks(context: DoctorContext, hooks: DoctorHooks): DoctorCheck[] {
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

/** @returns the checks that need the configuration; where it is not valid, only a check that says so */
export function listConfiguredChecks(
  loaded: LoadedConfig | { error: unknown },
  context: DoctorContext,
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
    { title: 'fleet', run: () => checkFleet(config, clock) },
    { title: 'service', run: () => checkService(config.http) },
  ];
}
