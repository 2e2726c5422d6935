// `lintel gallery enrol`: enrols many people at once, from a folder or a table, through the REST API of a running service.
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { EnrolmentPolicy } from '../../domain/enrolment-policy.js';
import { GROUP_ID_PATTERN } from '../../domain/ids.js';
import { systemTimers } from '../../domain/time.js';
import { AppError } from '../../errors.js';
import { readPasswordFile } from '../../keys/secrets.js';
import { loadManifest, getModelSet } from '../../models/manifest.js';
import { loadAddon } from '../../native/addon.js';
import { loadCommandConfig, type CliContext } from '../context.js';
import { SilentFailure } from '../program.js';
import { ProgressBar } from '../progress.js';
import { getLocalServiceUrl, parseServiceUrl } from '../service-url.js';
import { EnrolApi } from './api.js';
import { EnrolClient, RefusedRequest } from './client.js';
import { EnrolmentJournal } from './journal.js';
import { EnrolledPeople } from './people.js';
import { PhotoConverter } from './photo-converter.js';
import { PictureGauge } from './picture-check.js';
import type { PictureResult } from './picture-result.js';
import { EnrolmentReport } from './report.js';
import { enrolPictures } from './run.js';
import { getDefaultJournal, listPictures, type PictureListing } from './sources.js';
import { listenForStop } from './stop-signals.js';

interface EnrolOptions {
  group: string;
  create?: boolean;
  map?: string;
  url?: string;
  appKeyFile?: string;
  state?: string;
  report?: string;
  duplicateThreshold: number;
  enrolment: EnrolmentPolicy;
  strict?: boolean;
}

/** @param gallery the command `lintel gallery` */
export function registerEnrol(gallery: Command, context: CliContext): void {
  gallery
    .command('enrol')
    .description('enrol many people from pictures, through the REST API of a running service')
    .argument('<source>', 'folder with one folder of pictures for each person, or CSV table: path,externalImageId')
    .requiredOption('--group <id>', 'group to enrol the people in', parseGroupId)
    .option('--create', 'create the group where it does not exist')
    .option(
      '--map <file>',
      "CSV table: folder,externalImageId (default: the name of a person's folder is the externalImageId)",
    )
    .option('--url <url>', 'URL of the service (default: the address in the configuration)')
    .option('--app-key-file <file>', 'file with the appKey (default: app-key in keysDir, from the first start)')
    .option('--state <file>', 'journal of the finished pictures (default: .lintel-enrol.jsonl beside the source)')
    .option(
      '--report <file>',
      'file for every refused or doubtful picture, and every person without a face, with the reasons, as JSON lines',
    )
    .addOption(
      new Option('--duplicate-threshold <n>', "similarity from which a face counts as another person's")
        .argParser(parseSimilarity)
        .default(80),
    )
    .addOption(
      new Option(
        '--enrolment <policy>',
        'policy for this run; that of the group applies where it is stricter. open: also enrol a face that is unlike the other ' +
          'faces of its externalImageId, and report it as doubtful',
      )
        .choices(['one-face-per-picture', 'open'])
        .default('one-face-per-picture'),
    )
    .option('--strict', 'refuse doubtful pictures too')
    .addHelpText(
      'after',
      `
JPEG, PNG, WebP, AVIF, HEIC, GIF and TIFF are read, for HEIC with the libheif of the system. A
picture is refused when it has no face or several faces, when its face is enrolled under another
externalImageId, or when it is unlike the enrolled faces of its own externalImageId. A picture is
doubtful, and enrolled unless --strict is given, when the face is small (below 100 px), blurred,
turned away (by more than 30 degrees) or masked. Every person of whom no face is enrolled in the
end is named, with the reason.

After an interruption, run the same command again: it continues, and enrols no picture twice. The
exit code is 1 when a picture was refused, or a person has no enrolled face.`,
    )
    .action(async (source: string, options: EnrolOptions, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      await enrolAll(context, config, resolve(context.cwd, source), options);
    });
}

async function enrolAll(context: CliContext, config: Config, source: string, options: EnrolOptions): Promise<void> {
  const toAbsolute = (path: string): string => resolve(context.cwd, path);
  const url = findServiceUrl(options.url, config);
  const appKeyFile = options.appKeyFile ? toAbsolute(options.appKeyFile) : dataPaths(config).firstAppKeyFile;
  const appKey = await readPasswordFile(appKeyFile, 'the appKey (--app-key-file)');
  const listing = await listPictures(source, options.map === undefined ? undefined : toAbsolute(options.map));
  const addon = loadAddon();
  const gauge = new PictureGauge({ addon, embedder: getModelSet(loadManifest(), config.models.set).embedder });
  const { maxImageBytes } = config.http;
  const converter = new PhotoConverter({ addon, maxImageBytes, timers: systemTimers });

  const stop = listenForStop();
  try {
    const client = new EnrolClient({ url, appKey, timers: systemTimers, signal: stop.signal });
    const api = new EnrolApi(client, options.group);
    const groupCreated = await findGroup(api, options.create === true);
    const journal = await EnrolmentJournal.open(options.state ? toAbsolute(options.state) : getDefaultJournal(source));
    try {
      const report = await EnrolmentReport.open(options.report === undefined ? undefined : toAbsolute(options.report));
      try {
        await enrolListed(context, { listing, report, api }, (onResult) =>
          enrolPictures(listing.pictures, {
            api,
            gauge,
            converter,
            journal,
            target: { service: url, group: options.group, groupCreated },
            duplicateThreshold: options.duplicateThreshold,
            enrolment: options.enrolment,
            strict: options.strict === true,
            signal: stop.signal,
            onResult,
          }),
        );
      } finally {
        await report.close();
      }
    } finally {
      await journal.close();
    }
  } finally {
    converter.close();
    stop.release();
  }
}

/**
 * Runs the enrolment under a progress bar, and prints the results however it ends.
 * @throws SilentFailure where a picture was refused, or a person has no enrolled face in the end
 */
async function enrolListed(
  { stdout, stderr, clock }: CliContext,
  { listing, report, api }: { listing: PictureListing; report: EnrolmentReport; api: EnrolApi },
  run: (onResult: (result: PictureResult) => Promise<void>) => Promise<void>,
): Promise<void> {
  const people = new EnrolledPeople(listing);
  for (const result of listing.refused) await report.add(result);
  const total = listing.pictures.length;
  const progress = new ProgressBar({ output: stderr, clock, label: 'enrolling', total, unit: 'count' });
  let done = 0;
  try {
    await run(async (result) => {
      await report.add(result);
      people.add(result);
      progress.update(++done);
    });
    for (const person of await people.listMissing(api)) await report.add(person);
    progress.finish();
  } catch (error) {
    progress.fail();
    throw error;
  } finally {
    stdout.write(report.lines);
    const { ignoredVideos, ignoredFiles } = listing;
    stdout.write(report.summarise({ notProcessed: total - done, ignoredVideos, ignoredFiles }));
  }
  if (listing.people.length === 0) {
    throw new AppError('INVALID_PARAM', "there is nobody to enrol: the folder holds no person's folder");
  }
  if (report.counts.refused + report.counts['not-enrolled'] > 0) throw new SilentFailure();
}

/** @returns the time at which the group was created @throws AppError like EnrolClient.call; INTERNAL for any other refusal */
async function findGroup(api: EnrolApi, create: boolean): Promise<string> {
  try {
    return await api.getGroupCreated();
  } catch (error) {
    if (error instanceof RefusedRequest) {
      throw new AppError(
        'INTERNAL',
        `the service refused to describe the group: ${error.message} (${error.resultCode})`,
      );
    }
    if (!create || !(error instanceof AppError) || error.code !== 'GROUP_NOT_FOUND') throw error;
    // A refusal can mean that another client created the group at this moment; the next request tells.
    await api.createGroup().catch((refused: unknown) => {
      if (!(refused instanceof RefusedRequest)) throw refused;
    });
    return findGroup(api, false);
  }
}

/** @param named value of --url @throws AppError INVALID_PARAM */
function findServiceUrl(named: string | undefined, { http }: Config): string {
  if (named !== undefined) return parseServiceUrl(named);
  if (http.port === 0) {
    throw new AppError(
      'INVALID_PARAM',
      'the configuration lets the service take any free port (http.port is 0): give its address with --url',
    );
  }
  return getLocalServiceUrl(http);
}

function parseGroupId(value: string): string {
  if (!GROUP_ID_PATTERN.test(value)) {
    throw new InvalidArgumentError('A group id has 1 to 255 of these characters: a to z, 0 to 9, -.');
  }
  return value;
}

function parseSimilarity(value: string): number {
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  if (!(number >= 1 && number <= 100)) throw new InvalidArgumentError('It must be a number from 1 to 100.');
  return number;
}
