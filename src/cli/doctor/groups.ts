// The doctor's look at the groups: whether the models that each was made under are installed.
import { stat } from 'node:fs/promises';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { hasEntries } from '../../keys/secrets.js';
import { AppError } from '../../errors.js';
import { MANIFEST_PATH } from '../../models/manifest.js';
import type { CliContext } from '../context.js';
import { serviceRuns } from './cameras.js';
import type { Finding } from './doctor.js';
import { groupsWithModels, MODELS_MISSING, type GroupWithModels } from '../gallery/groups.js';

/** Asks the service that runs; where none does, it reads the data itself. */
export async function checkGroups(
  config: Config,
  context: Pick<CliContext, 'environment' | 'clock'>,
  manifestPath: string = MANIFEST_PATH,
): Promise<Finding[]> {
  const { databaseDir, adminSocket } = dataPaths(config);
  if (!(await hasEntries(databaseDir))) return [{ level: 'ok', text: 'none yet' }];
  const owner = (await stat(databaseDir)).uid;
  // The database writes while it is opened: files of another owner would lock the service out.
  if (process.getuid?.() !== owner && !(await serviceRuns(adminSocket))) {
    return [{ level: 'warn', text: `not looked at: the data belongs to another user (${owner}), and no service runs` }];
  }
  try {
    return groupFindings(await groupsWithModels(config, context, manifestPath));
  } catch (error) {
    // What keeps the data from being read at all is told by other checks; a service of an older version does not list its groups.
    if (error instanceof AppError) return [{ level: 'warn', text: `not looked at: ${error.message}` }];
    throw error;
  }
}

export function groupFindings(groups: readonly Pick<GroupWithModels, 'modelVersion' | 'models'>[]): Finding[] {
  const affected = groups.filter(({ models }) => models === MODELS_MISSING);
  if (affected.length === 0) return [{ level: 'ok', text: `${groups.length}, whose models are installed` }];
  const versions = [...new Set(affected.map(({ modelVersion }) => modelVersion))].sort().join(', ');
  return [
    {
      level: 'warn',
      text:
        `${affected.length} of ${groups.length} cannot be used: their models (${versions}) are not installed; ` +
        '"lintel gallery groups" lists them',
    },
  ];
}
