// The doctor's check of the groups: whether the models that each was created under are installed.
import { stat } from 'node:fs/promises';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { AppError } from '../../errors.js';
import { hasEntries } from '../../keys/secrets.js';
import { MANIFEST_PATH } from '../../models/manifest.js';
import type { CliContext } from '../context.js';
import { listGroupsWithModels, MODELS_MISSING, type GroupWithModels } from '../gallery/groups.js';
import { ok, warn, type DoctorFinding } from '../../domain/doctor.js';
import { isServiceRunning } from './service.js';
import { describeForeignData } from './storage.js';

/** Asks the running service for the groups; where none runs, reads them from the data directory. */
export async function checkGroups(
  config: Config,
  context: Pick<CliContext, 'environment' | 'clock'>,
  manifestPath: string = MANIFEST_PATH,
): Promise<DoctorFinding[]> {
  const { databaseDir, adminSocket } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) return [ok('there is no group yet')];
  const owner = (await stat(databaseDir)).uid;
  // LevelDB writes when it opens a database: files of another owner would lock the service out.
  if (process.getuid?.() !== owner && !(await isServiceRunning(adminSocket))) return [warn(describeForeignData(owner))];
  try {
    return judgeGroups(await listGroupsWithModels(config, context, manifestPath));
  } catch (error) {
    // Other checks report why the data cannot be read. A service of an older version cannot list its groups.
    if (error instanceof AppError) return [warn(`not checked: ${error.message}`)];
    throw error;
  }
}

export function judgeGroups(groups: readonly Pick<GroupWithModels, 'modelVersion' | 'models'>[]): DoctorFinding[] {
  const affected = groups.filter(({ models }) => models === MODELS_MISSING);
  if (affected.length === 0) return [ok(`groups: ${groups.length}; the models of all of them are installed`)];
  const versions = [...new Set(affected.map(({ modelVersion }) => modelVersion))].sort().join(', ');
  return [
    warn(
      `${affected.length} of ${groups.length} groups cannot be used, because their models (${versions}) are not installed: ` +
        'run "lintel gallery groups" to list them',
    ),
  ];
}
