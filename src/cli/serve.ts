// `lintel serve`: runs the service until SIGTERM or Ctrl-C.
import type { Command } from 'commander';
import type { Config } from '../config/schema.js';
import type { Service } from '../main.js';
import { describeError } from '../errors.js';
import { createLog, forJournal, writesToJournal } from '../platform/log.js';
import { LogOutput } from '../platform/log-output.js';
import type { WorkerThreads } from '../vision/worker-threads.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { SilentFailure } from './program.js';

/** Once the service has stopped, the process ends within this time, also when a camera's library still holds a thread. */
const EXIT_DELAY_MS = 200;

export function registerServe(serve: Command, context: CliContext): void {
  serve
    .addHelpText(
      'after',
      `
The log goes to standard output, one line of JSON for each entry. Unless systemd started it, the
service also prints on standard error where it listens, where the first appKey is, and a command to
try.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { config, file: configFile } = await loadCommandConfig(command, context);
      // The database creates its files with modes that this mask limits; the systemd unit sets the same mask.
      process.umask(0o077);
      const workerThreads = await beginWorkers(config);
      // Imported here, so that the other commands, above all the doctor, work where a native library is missing.
      const { createService } = await import('../main.js');
      const { journalStream } = context.environment;
      const output = new LogOutput(process.stdout.fd);
      const log = createLog(config.log.level, writesToJournal(journalStream) ? forJournal(output) : output);
      const { environment } = context;
      const service = await createService({
        config,
        configFile,
        environment,
        log,
        droppedLogLines: () => output.dropped,
        workerThreads,
      }).catch(async (error: unknown) => {
        await workerThreads.end();
        throw error;
      });
      // From here on a signal stops the service, also during the start: then the parts that are started already are stopped.
      const stopped = new Promise<string>((resolve) => {
        for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
      });
      const isReady = await Promise.race([service.start().then(() => true), stopped.then(() => false)]);
      if (isReady) {
        log.info({ url: service.url, broker: service.brokerUrl }, 'ready');
        // Written after the log lines, which are written in batches. Under systemd it is left out, because nobody would read it.
        log.flush(() => {
          if (context.environment.notifySocket === undefined) context.stderr.write(formatWelcome(service));
        });
      }
      log.info({ signal: await stopped }, 'stopping');
      try {
        await service.stop();
      } catch (error) {
        log.error({ reason: describeError(error) }, 'the service did not stop cleanly');
        throw new SilentFailure();
      } finally {
        setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();
      }
    });
}

/** Begins the threads of the vision workers, which load while this thread loads the rest of the service. */
async function beginWorkers({ vision, cameras }: Config): Promise<WorkerThreads> {
  const [{ WorkerThreads }, { countWorkers }] = await Promise.all([
    import('../vision/worker-threads.js'),
    import('../vision/worker-shares.js'),
  ]);
  const threads = new WorkerThreads();
  threads.begin(countWorkers({ ...vision, cameras: cameras.length }));
  return threads;
}

/** Returns the text for a person at a terminal. */
export function formatWelcome({
  url,
  brokerUrl,
  firstAppKeyFile,
  modelsFallback,
}: Pick<Service, 'url' | 'brokerUrl' | 'firstAppKeyFile' | 'modelsFallback'>): string {
  return `
Lintel is ready.
  base URL   ${url}/nhn-face-reco/v1.0/appkeys/{appKey}
  appKey     in ${firstAppKeyFile}
  events     ${brokerUrl ?? 'no broker'}, topics lintel/#
  health     ${url}/healthz
${modelsFallback === undefined ? '' : `\nLess exact than it should be: ${modelsFallback}.\n`}
Try: curl "${url}/nhn-face-reco/v1.0/appkeys/$(cat ${firstAppKeyFile})/groups"
Stop it with Ctrl-C.

`;
}
