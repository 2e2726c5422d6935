// `lintel gallery groups`: lists every group with the version of its models, and whether those models are installed.
import { json } from 'node:stream/consumers';
import type { Command } from 'commander';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { StoredGroupInfo } from '../../gallery/stored-groups.js';
import { APP_KEY } from '../../keys/stored-keys.js';
import { pickUsableSet } from '../../models/fallback.js';
import { loadManifest, resolveModelsDir, MANIFEST_PATH } from '../../models/manifest.js';
import { findOtherSets } from '../../models/other-sets.js';
import { askService } from '../admin-client.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { formatTable } from '../output.js';
import { listStoredKeys } from '../own-keys.js';
import { withOwnStore } from '../own-store.js';

/** @param gallery the command `lintel gallery` */
export function registerGroups(gallery: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  gallery
    .command('groups')
    .description('list every group with the version of its models, and whether those models are installed')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
A group keeps using the models that it was created under, even after another set is configured, as
long as their files are installed. When they are missing, searches and enrolments in the group are
refused with ModelVersionMismatch. Its faces stay, and work again once the models are back.`,
    )
    .action(async ({ json: asJson = false }: { json?: boolean }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const groups = await listGroupsWithModels(config, context, manifestPath);
      if (asJson) {
        context.stdout.write(`${JSON.stringify(groups, null, 2)}\n`);
        return;
      }
      if (groups.length > 0) context.stdout.write(formatGroups(groups));
      const affected = groups.filter(({ models }) => models === MODELS_MISSING).length;
      context.stderr.write(
        affected === 0
          ? `Groups: ${groups.length}. The models of all of them are installed.\n`
          : `${affected} of ${groups.length} groups cannot be used, because their models are not installed.\n`,
      );
    });
}

/** State of the models of a group that cannot be used. */
export const MODELS_MISSING = 'not installed';

export interface GroupWithModels extends Pick<StoredGroupInfo, 'groupId' | 'modelVersion' | 'faces'> {
  /** Name of the appKey that owns the group; its id where the registry does not have it. */
  appKey: string;
  /** State of its models on this device, in words. */
  models: string;
}

function formatGroups(groups: readonly GroupWithModels[]): string {
  const rows = groups.map(({ groupId, appKey, faces, modelVersion, models }) => [
    groupId,
    appKey,
    String(faces),
    modelVersion,
    models,
  ]);
  return formatTable([['GROUP', 'APPKEY', 'FACES', 'MODEL VERSION', 'MODELS'], ...rows], [2]);
}

/** @throws AppError like askService and withOwnStore */
export async function listGroupsWithModels(
  config: Config,
  context: Pick<CliContext, 'environment' | 'clock'>,
  manifestPath: string,
): Promise<GroupWithModels[]> {
  const groups = await readGroups(config, context);
  const states = await listModelStates(config, context, manifestPath);
  const { keys } = await listStoredKeys(config, context, APP_KEY);
  const names = new Map(keys.map(({ id, name }) => [id, name]));
  // The doctor reports groups whose records do not add up.
  const sound = groups.filter(({ problem }) => problem === undefined);
  return sound.map(({ owner, groupId, modelVersion, faces }) => ({
    appKey: names.get(owner) ?? owner,
    ...{ groupId, modelVersion, faces },
    models: states.get(modelVersion) ?? MODELS_MISSING,
  }));
}

/** Reads the groups from the running service, or from the data directory where none runs. */
async function readGroups(
  config: Config,
  context: Pick<CliContext, 'environment' | 'clock'>,
): Promise<StoredGroupInfo[]> {
  const answer = await askService(dataPaths(config).adminSocket, 'GET', '/groups');
  if (answer) return (await json(answer)) as StoredGroupInfo[];
  const { readStoredGroups } = await import('../../gallery/stored-groups.js');
  return withOwnStore(config, context, (store) => readStoredGroups(store));
}

/** @returns the state in words of every installed model version */
async function listModelStates(
  config: Config,
  { environment }: Pick<CliContext, 'environment'>,
  manifestPath: string,
): Promise<Map<string, string>> {
  const manifest = loadManifest(manifestPath);
  const modelsDir = resolveModelsDir(config, environment);
  const { set } = await pickUsableSet(manifest, config.models, modelsDir);
  const others = await findOtherSets(manifest, set, modelsDir);
  const states = new Map(others.map(({ modelVersion, name }) => [modelVersion, `installed, of the set ${name}`]));
  return states.set(set.modelVersion, 'in use');
}
