// `lintel gallery check`: finds ids that hold several people, people under two ids, look-alikes and possible morphs.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { listWatchedGroups } from '../../config/camera-schema.js';
import type { Config } from '../../config/schema.js';
import type { ModelScales } from '../../domain/other-models.js';
import { AppError } from '../../errors.js';
import type { BackupRecord } from '../../gallery/backup.types.js';
import type { ReadGroup } from '../../gallery/group-records.js';
import { APP_KEY } from '../../keys/stored-keys.js';
import { getModelSet, loadManifest, MANIFEST_PATH } from '../../models/manifest.js';
import { findThreshold } from '../../recognition/group-threshold.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { listStoredKeys } from '../own-keys.js';
import { SilentFailure } from '../program.js';
import { ProgressBar } from '../progress.js';
import { formatComparedGroup, summariseCheck, type ComparedGroup, type GalleryCheck } from './check-report.js';
import { readLocalGallery } from './local-gallery.js';

/** Threshold of a group that no camera watches. */
const DEFAULT_THRESHOLD = 90;

interface CheckCommandOptions {
  group?: string;
  threshold?: number;
  margin: number;
  json?: boolean;
}

/** @param gallery the command `lintel gallery` */
export function registerCheck(gallery: Command, context: CliContext, manifestPath: string = MANIFEST_PATH): void {
  gallery
    .command('check')
    .description('find ids that hold several people, people under two ids, look-alikes and possible morphs')
    .option('--group <id>', 'check this group only, of every appKey that has it')
    .addOption(
      new Option(
        '--threshold <n>',
        'similarity from which a door opens (default: the lowest threshold of the cameras that watch the group, or 90)',
      ).argParser((value) => parseNumber(value, 1)),
    )
    .addOption(
      new Option('--margin <n>', 'lists people as alike who are this much below the threshold')
        .argParser((value) => parseNumber(value, 0))
        .default(2),
    )
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `
It reads the gallery from the running service, or from the data directory where none runs, and works
in its own process. 10,000 faces take some 10 seconds, and four times as many sixteen times as long.

The exit code is 1 when an id holds several people, when a person is enrolled under two ids, when a
face is near two people who are unlike each other, or when something could not be checked. It is 0
where there are only look-alikes and doubtful faces.`,
    )
    .action(async (options: CheckCommandOptions, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      const check = await checkGallery(config, context, manifestPath, options);
      if (options.json) context.stdout.write(`${JSON.stringify(check, null, 2)}\n`);
      else for (const group of check.groups) context.stdout.write(formatComparedGroup(group));
      context.stderr.write(summariseCheck(check));
      if (check.isSuspicious) throw new SilentFailure();
    });
}

/** @throws AppError GROUP_NOT_FOUND: the named group is missing; and like readLocalGallery */
async function checkGallery(
  config: Config,
  context: CliContext,
  manifestPath: string,
  options: CheckCommandOptions,
): Promise<GalleryCheck> {
  const { keys } = await listStoredKeys(config, context, APP_KEY);
  const names = new Map(keys.map(({ id, name }) => [id, name]));
  const models = await readModelScales(manifestPath);
  const { readGroupFaces } = await import('../../gallery/group-records.js');
  const groups: ComparedGroup[] = [];
  let damaged = 0;
  await readLocalGallery(config, context, { isExport: false }, async (records) => {
    const counted = countDamaged(records, (more) => (damaged += more));
    const all = readGroupFaces(counted, (version, embedding) => models.get(version)?.estimateCondition?.(embedding));
    for await (const group of all) {
      damaged += group.damaged;
      const { groupId, owner } = group.record;
      if (options.group !== undefined && options.group !== groupId) continue;
      groups.push(await checkGroup(group, names.get(owner) ?? owner, models, config, context, options));
    }
  });
  if (options.group !== undefined && groups.length === 0) {
    throw new AppError('GROUP_NOT_FOUND', `there is no group ${options.group} that can be read`);
  }
  groups.sort((a, b) => a.groupId.localeCompare(b.groupId) || a.appKey.localeCompare(b.appKey));
  const isSuspicious =
    damaged > 0 ||
    groups.some(
      ({ problem, findings }) =>
        problem !== undefined ||
        (findings && findings.severalPeople.length + findings.samePerson.length + findings.possibleMorphs.length > 0),
    );
  return { groups, damaged, isSuspicious };
}

async function checkGroup(
  { record: { groupId, modelVersion }, faces }: ReadGroup,
  appKey: string,
  models: ReadonlyMap<string, ModelScales>,
  { cameras }: Config,
  { stderr, clock }: Pick<CliContext, 'stderr' | 'clock'>,
  options: CheckCommandOptions,
): Promise<ComparedGroup> {
  const scales = models.get(modelVersion)?.scales;
  if (!scales) {
    return { groupId, appKey, problem: `its models, ${modelVersion}, are unknown to this version of Lintel` };
  }
  const thresholds = cameras.flatMap((camera) =>
    listWatchedGroups(camera)
      .filter((watched) => watched.group === groupId && watched.appKey === appKey)
      .map((watched) => findThreshold(watched, camera, scales, faces.size)),
  );
  const threshold = options.threshold ?? (thresholds.length > 0 ? Math.min(...thresholds) : DEFAULT_THRESHOLD);
  const alikeSimilarity = Math.max(1, threshold - options.margin);
  const { checkIdentities } = await import('../../gallery/identity-check.js');
  const progress = new ProgressBar({
    output: stderr,
    clock,
    label: `checking ${groupId}`,
    total: faces.size,
    unit: 'count',
  });
  let done = 0;
  const onFace = (): void => progress.update(++done);
  const findings = checkIdentities(faces, { scales, alikeSimilarity, onFace });
  progress.finish();
  return { groupId, appKey, threshold, alikeSimilarity, findings };
}

/** Passes the records on, and counts those that could not be read. */
async function* countDamaged(
  records: AsyncIterable<BackupRecord>,
  onDamaged: (count: number) => void,
): AsyncGenerator<BackupRecord> {
  for await (const record of records) {
    if (record.kind === 'end') onDamaged(record.end.damaged);
    yield record;
  }
}

/** @returns the scales of every model version of the manifest, installed or not: a comparison needs no model */
async function readModelScales(manifestPath: string): Promise<Map<string, ModelScales>> {
  const { createScales } = await import('../../compose/models.js');
  const manifest = loadManifest(manifestPath);
  const sets = Object.keys(manifest.sets).map((name) => getModelSet(manifest, name));
  return new Map(sets.map(({ modelVersion, embedder }) => [modelVersion, createScales(embedder)]));
}

function parseNumber(value: string, least: number): number {
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  if (!(number >= least && number <= 100)) throw new InvalidArgumentError(`It must be a number from ${least} to 100.`);
  return number;
}
