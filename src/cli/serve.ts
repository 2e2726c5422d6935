// lintel serve: the service, until it is told to stop.
import type { Command } from 'commander';
import type { Service } from '../main.js';
import { describeError } from '../errors.js';
import { createLog, forJournal, writesToJournal } from '../platform/log.js';
import { commandConfig, type CliContext } from './context.js';
import { SilentFailure } from './program.js';

export function registerServe(program: Command, context: CliContext): void {
  program
    .command('serve')
    .description('run the service until SIGTERM or Ctrl-C')
    .addHelpText(
      'after',
      `
The log goes to standard output, a line of JSON for each entry. Where systemd did not start it, the service says on standard error where it
listens, where the first appKey lies, and what to try.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { config } = await commandConfig(command, context);
      // The database makes its files with the modes that this leaves; systemd sets the same.
      process.umask(0o077);
      // Loaded here only: the other commands, and the doctor above all, must work where a library does not.
      const { createService } = await import('../main.js');
      const { journalStream } = context.environment;
      const log = writesToJournal(journalStream)
        ? createLog(config.log.level, forJournal())
        : createLog(config.log.level);
      const service = await createService({ config, environment: context.environment, log });
      // Heard from here on: a signal during the start stops what has been started.
      const stopped = new Promise<string>((resolve) => {
        for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
      });
      const isReady = await Promise.race([service.start().then(() => true), stopped.then(() => false)]);
      if (isReady) {
        log.info({ url: service.url, broker: service.brokerUrl }, 'ready');
        // Behind the log, which is gathered; systemd's journal has no use for it.
        log.flush(() => {
          if (context.environment.notifySocket === undefined) context.stderr.write(welcome(service));
        });
      }
      log.info({ signal: await stopped }, 'stopping');
      try {
        await service.stop();
      } catch (error) {
        log.error({ reason: describeError(error) }, 'the service did not stop cleanly');
        throw new SilentFailure();
      }
    });
}

/** For a person at a terminal. */
export function welcome({
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
