// lintel gallery enrol: many people at once, from a folder or a table, through the REST API of a service that runs.
import { open, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { readPasswordFile } from '../../keys/secrets.js';
import { GROUP_ID_PATTERN } from '../../domain/ids.js';
import { systemTimers } from '../../domain/time.js';
import { AppError } from '../../errors.js';
import { loadManifest, modelSet } from '../../models/manifest.js';
import { loadAddon } from '../../native/addon.js';
import { commandConfig, type CliContext } from '../context.js';
import { EnrolApi } from './api.js';
import { EnrolClient, RefusedRequest } from './client.js';
import { Journal } from './journal.js';
import { PictureGauge } from './picture-check.js';
import { outcomeLine, type Outcome } from './picture-result.js';
import { enrolPictures } from './run.js';
import { defaultJournal, listPictures, type Listing } from './sources.js';
import { SilentFailure } from '../program.js';
import { Progress } from '../progress.js';

interface EnrolOptions {
  group: string;
  create?: boolean;
  map?: string;
  url?: string;
  appKeyFile?: string;
  state?: string;
  report?: string;
  duplicateThreshold: number;
  strict?: boolean;
}

/** @param gallery the command `lintel gallery` */
export function registerEnrol(gallery: Command, context: CliContext): void {
  gallery
    .command('enrol')
    .description('enrol many people from pictures, through the REST API of a running service')
    .argument(
      '<source>',
      'a folder that holds a folder of pictures for each person, or a CSV table: path,externalImageId',
    )
    .requiredOption('--group <id>', 'the group to enrol them in', groupId)
    .option('--create', 'make the group where there is none')
    .option(
      '--map <file>',
      'a CSV table: folder,externalImageId; without it the name of a folder is the externalImageId',
    )
    .option('--url <url>', 'of the service; without it the one of the configuration')
    .option('--app-key-file <file>', 'holds the appKey; without it the one of the first start, app-key in keysDir')
    .option('--state <file>', 'the journal of what is done; without it .lintel-enrol.jsonl beside the source')
    .option('--report <file>', 'every picture that is refused or doubtful, and why, as JSON lines')
    .addOption(
      new Option('--duplicate-threshold <n>', "similarity from which a face counts as somebody else's")
        .argParser(similarity)
        .default(80),
    )
    .option('--strict', 'refuse doubtful pictures as well')
    .addHelpText(
      'after',
      `
Only .jpg, .jpeg and .png are looked at. Refused: no face, several faces, a face that is somebody else's already. Doubtful, and enrolled
without --strict: small (below 100 px), blurred, turned away (by more than 30 degrees), masked.
The same command again goes on after a stop, and enrols nothing twice. The exit code is 1 where a picture was refused.`,
    )
    .action(async (source: string, options: EnrolOptions, command: Command) => {
      const { config } = await commandConfig(command, context);
      await enrolAll(context, config, resolve(context.cwd, source), options);
    });
}

async function enrolAll(context: CliContext, config: Config, source: string, options: EnrolOptions): Promise<void> {
  const absolute = (path: string): string => resolve(context.cwd, path);
  const url = serviceUrl(options.url, config);
  const appKeyFile = options.appKeyFile ? absolute(options.appKeyFile) : dataPaths(config).firstAppKeyFile;
  const appKey = await readPasswordFile(appKeyFile, 'the appKey (--app-key-file)');
  const listing = await listPictures(source, options.map === undefined ? undefined : absolute(options.map));
  const gauge = new PictureGauge({
    addon: loadAddon(),
    embedder: modelSet(loadManifest(), config.models.set).embedder,
  });

  const stop = stopSignals();
  try {
    const client = new EnrolClient({ url, appKey, timers: systemTimers, signal: stop.signal });
    const api = new EnrolApi(client, options.group);
    const groupCreated = await groupOf(api, options.create === true);
    const journal = await Journal.open(options.state ? absolute(options.state) : defaultJournal(source));
    try {
      const report = await Report.open(options.report === undefined ? undefined : absolute(options.report));
      try {
        await enrolListed(context, listing, report, (onOutcome) =>
          enrolPictures(listing.pictures, {
            api,
            gauge,
            journal,
            target: { service: url, group: options.group, groupCreated },
            maxImageBytes: config.http.maxImageBytes,
            duplicateThreshold: options.duplicateThreshold,
            strict: options.strict === true,
            signal: stop.signal,
            onOutcome,
          }),
        );
      } finally {
        await report.close();
      }
    } finally {
      await journal.close();
    }
  } finally {
    stop.release();
  }
}

/** Runs it under a progress bar; whatever ends it, says what was done. @throws SilentFailure where a picture was refused */
async function enrolListed(
  { stdout, stderr, clock }: CliContext,
  listing: Listing,
  report: Report,
  run: (onOutcome: (outcome: Outcome) => Promise<void>) => Promise<void>,
): Promise<void> {
  for (const outcome of listing.refused) await report.add(outcome);
  const total = listing.pictures.length;
  const progress = new Progress({ output: stderr, clock, label: 'enrolling', total, unit: 'count' });
  let done = 0;
  try {
    await run(async (outcome) => {
      await report.add(outcome);
      progress.update(++done);
    });
    progress.finish();
  } catch (error) {
    progress.fail();
    throw error;
  } finally {
    stdout.write(report.lines);
    stdout.write(summary(report.counts, total - done, listing.leftAlone));
  }
  if (report.counts.refused > 0) throw new SilentFailure();
}

function summary(counts: Readonly<Record<Outcome['outcome'], number>>, left: number, leftAlone: number): string {
  const { enrolled, doubtful, already, refused } = counts;
  const parts = [
    `${enrolled + doubtful} enrolled${doubtful > 0 ? ` (${doubtful} of them doubtful)` : ''}`,
    `${already} were enrolled before`,
    `${refused} refused`,
    ...(left > 0 ? [`${left} not looked at`] : []),
    ...(leftAlone > 0 ? [`${leftAlone} other files left alone`] : []),
  ];
  return `${parts.join(', ')}\n`;
}

/** Counts what became of the pictures, and keeps what a person should know: for the terminal, and in a file. */
class Report {
  readonly counts: Record<Outcome['outcome'], number> = { enrolled: 0, doubtful: 0, already: 0, refused: 0 };
  readonly #file: FileHandle | undefined;
  /** Written at the end: in between stands the progress bar. */
  readonly #lines: string[] = [];

  private constructor(file: FileHandle | undefined) {
    this.#file = file;
  }

  static async open(path: string | undefined): Promise<Report> {
    return new Report(path === undefined ? undefined : await open(path, 'w', 0o600));
  }

  get lines(): string {
    return this.#lines.join('');
  }

  async add(outcome: Outcome): Promise<void> {
    this.counts[outcome.outcome]++;
    if (outcome.reasons.length === 0) return;
    this.#lines.push(outcomeLine(outcome));
    await this.#file?.write(`${JSON.stringify(outcome)}\n`);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

/** @returns the group's time of creation @throws AppError as EnrolClient.call, and INTERNAL where it answers something else */
async function groupOf(api: EnrolApi, create: boolean): Promise<string> {
  try {
    return await api.groupCreated();
  } catch (error) {
    if (error instanceof RefusedRequest) {
      throw new AppError('INTERNAL', `the service answers for the group: ${error.message} (${error.resultCode})`);
    }
    if (!create || !(error instanceof AppError) || error.code !== 'GROUP_NOT_FOUND') throw error;
    // Who else makes it at this moment is welcome: it is asked for again.
    await api.createGroup().catch((refused: unknown) => {
      if (!(refused instanceof RefusedRequest)) throw refused;
    });
    return groupOf(api, false);
  }
}

/** The first SIGINT or SIGTERM lets end what is under way; a second one ends the process. */
function stopSignals(): { signal: AbortSignal; release: () => void } {
  const stop = new AbortController();
  const names = ['SIGTERM', 'SIGINT'] as const;
  const release = (): void => names.forEach((name) => process.off(name, onSignal));
  const onSignal = (): void => {
    release();
    stop.abort();
  };
  for (const name of names) process.on(name, onSignal);
  return { signal: stop.signal, release };
}

/** @throws AppError INVALID_PARAM */
function serviceUrl(named: string | undefined, { http }: Config): string {
  if (named === undefined) {
    if (http.port === 0) {
      throw new AppError(
        'INVALID_PARAM',
        'the configuration leaves the port open (http.port 0): name the service with --url',
      );
    }
    const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[http.host] ?? http.host;
    return `${http.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${http.port}`;
  }
  const url = URL.canParse(named) ? new URL(named) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new AppError('INVALID_PARAM', '--url must be such as http://127.0.0.1:8080, without user and password');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function groupId(value: string): string {
  if (!GROUP_ID_PATTERN.test(value)) throw new InvalidArgumentError('It has 1 to 255 of: a to z, 0 to 9, -.');
  return value;
}

function similarity(value: string): number {
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
  if (!(number >= 1 && number <= 100)) throw new InvalidArgumentError('It must be a number from 1 to 100.');
  return number;
}
