// `lintel gallery groups`: every group, the models it was made under, and whether they are installed.
import type { Command } from 'commander';
import { APP_KEY, KeyRegistry } from '../../keys/key-registry.js';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { silentLog } from '../../domain/log.js';
import type { StoredGroup } from '../../gallery/stored-groups.js';
import { setInUse } from '../../models/fallback.js';
import { loadManifest, resolveModelsDir, MANIFEST_PATH } from '../../models/manifest.js';
import { otherSets } from '../../models/other-sets.js';
import { askService } from '../admin-client.js';
import { commandConfig, type CliContext } from '../context.js';
import { withOwnStore } from '../own-store.js';

/** @param gallery the command `lintel gallery` */
export function registerGroups(gallery: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  gallery
    .command('groups')
    .description('list every group with the version of the models it was made under, and say where those are missing')
    .option('--json', 'as one JSON document')
    .addHelpText(
      'after',
      `
A group works under the models that it was made under, also where another set is configured since, as long as they are installed. Otherwise
searches and enrolments in it are answered ModelVersionMismatch; the faces stay, and work again when the models are back.`,
    )
    .action(async ({ json = false }: { json?: boolean }, command: Command) => {
      const { config } = await commandConfig(command, context);
      const rows = await groupsWithModels(config, context, manifestPath);
      if (json) {
        context.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
        return;
      }
      for (const { appKey, groupId, modelVersion, faces, models } of rows) {
        context.stdout.write(`${groupId}  appKey ${appKey}, ${faces} faces, ${modelVersion}: ${models}\n`);
      }
      const affected = rows.filter(({ models }) => models === MODELS_MISSING).length;
      context.stderr.write(
        affected === 0
          ? `${rows.length} groups; the models of all of them are installed.\n`
          : `${affected} of ${rows.length} groups cannot be used: their models are not installed.\n`,
      );
    });
}

/** A group that cannot be used, as long as it is so. */
export const MODELS_MISSING = 'not installed';

export interface GroupWithModels extends Omit<StoredGroup, 'owner'> {
  /** The name, or the id where the key is not listed. */
  appKey: string;
  /** What is to be said of its models here. */
  models: string;
}

/** @throws AppError as askService and withOwnStore */
export async function groupsWithModels(
  config: Config,
  context: Pick<CliContext, 'environment' | 'clock'>,
  manifestPath: string,
): Promise<GroupWithModels[]> {
  const groups = await storedGroups(config, context);
  const state = await statesOf(config, context, manifestPath);
  const names = namesOf(config);
  return groups.map(({ owner, ...rest }) => ({
    appKey: names.get(owner) ?? owner,
    ...rest,
    models: state(rest.modelVersion),
  }));
}

/** From the service that runs on the data directory, or from the directory itself where none does. */
async function storedGroups(
  config: Config,
  context: Pick<CliContext, 'environment' | 'clock'>,
): Promise<StoredGroup[]> {
  const bytes = await askService(dataPaths(config).adminSocket, 'GET', '/groups');
  if (!bytes) {
    const { readStoredGroups } = await import('../../gallery/stored-groups.js');
    return withOwnStore(config, context, (store) => readStoredGroups(store));
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString()) as StoredGroup[];
}

/** What is to be said of a model version here. */
async function statesOf(
  config: Config,
  { environment }: Pick<CliContext, 'environment'>,
  manifestPath: string,
): Promise<(modelVersion: string) => string> {
  const manifest = loadManifest(manifestPath);
  const modelsDir = resolveModelsDir(config, environment);
  const { set } = await setInUse(manifest, config.models, modelsDir);
  const others = await otherSets(manifest, set, modelsDir);
  const states = new Map(others.map(({ modelVersion, name }) => [modelVersion, `installed, of the set ${name}`]));
  states.set(set.modelVersion, 'in use');
  return (modelVersion) => states.get(modelVersion) ?? MODELS_MISSING;
}

/** The names of the appKeys, also of those that were revoked, by their ids. */
function namesOf(config: Config): Map<string, string> {
  const appKeys = new KeyRegistry({
    kind: APP_KEY,
    path: dataPaths(config).appKeysFile,
    clock: Date.now,
    log: silentLog,
  });
  return new Map(appKeys.list().map(({ id, name }) => [id, name]));
}
