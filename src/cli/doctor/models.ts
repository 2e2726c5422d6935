// The doctor's check of the models: the state of each file, the form that each runs in, and the provider that it runs on.
import type { Environment } from '../../config/environment.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { describeError } from '../../errors.js';
import { pickUsableSet } from '../../models/fallback.js';
import { inspectSet } from '../../models/inspect.js';
import { loadManifest, resolveModelsDir } from '../../models/manifest.js';
import { chooseSetPrecision, describePrecision } from '../../models/set-precision.js';
import { loadAddon } from '../../native/addon.js';
import type { DoctorFinding, FindingLevel } from '../../domain/doctor.js';
import { isServiceRunning } from './service.js';

/** The lines of one check, and the level that they all have. */
export interface ModelInspection {
  lines: readonly string[];
  level?: FindingLevel;
}

export type InspectModels = (config: Config, environment: Environment) => Promise<ModelInspection>;

export async function checkModels(
  config: Config,
  environment: Environment,
  inspect: InspectModels = inspectModels,
): Promise<DoctorFinding[]> {
  const { lines, level = 'ok' } = await inspect(config, environment);
  return lines.map((text) => ({ level, text }));
}

const RUNS_ALREADY = 'not run: the running service uses the models, and reports on them below';

/** Inspects the files and, where no service is running and all are present, runs each model once on the provider that it gets. */
const inspectModels: InspectModels = async (config, environment) => {
  const modelsDir = resolveModelsDir(config, environment);
  const { set, fallback } = await pickUsableSet(loadManifest(), config.models, modelsDir);
  const files = await inspectSet(modelsDir, set);
  const lines = [`set ${set.name}, version ${set.modelVersion}, in ${modelsDir}`, ...(fallback ? [fallback] : [])];
  lines.push(...files.map(({ task, file, state }) => `${task}: ${file} is ${state}`));
  if (files.some(({ state }) => state !== 'present')) return { lines, level: 'fail' };
  // They would take as much memory again as those of the service, which a small device does not have.
  if (await isServiceRunning(dataPaths(config).adminSocket)) {
    return { lines: [...lines, RUNS_ALREADY], level: fallback ? 'warn' : 'ok' };
  }
  const { providers, precision: choice } = config.models;
  try {
    const chosen = await chooseSetPrecision({ set, modelsDir, providers, choice });
    lines.push(...chosen.precisions.map(describePrecision));
    // Loaded here, so that a library that cannot be loaded becomes a finding.
    const { tryModels } = await import('../../vision/pipeline.js');
    const reports = await tryModels({ addon: loadAddon(), set: chosen.set, modelsDir, providers });
    for (const { task, provider, failures } of reports) {
      const failed = failures.map((failure) => `; ${failure.provider} failed: ${failure.reason}`).join('');
      lines.push(`${task}: runs on ${provider}${failed}`);
    }
    return { lines, level: fallback || reports.some(({ failures }) => failures.length > 0) ? 'warn' : 'ok' };
  } catch (error) {
    return { lines: [...lines, describeError(error)], level: 'fail' };
  }
};
