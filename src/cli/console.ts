// `lintel console open`: a link that signs in to the console once.
import { json } from 'node:stream/consumers';
import { Option, type Command } from 'commander';
import { dataPaths } from '../config/paths.js';
import type { Config } from '../config/schema.js';
import { ROLES, type Role } from '../domain/role.js';
import { AppError } from '../errors.js';
import { makeTokenRequest, TOKEN_LIFETIME_MS, type SignInToken } from '../keys/sign-in-tokens.js';
import { isLoopback } from '../platform/network.js';
import { askService } from './admin-client.js';
import { loadCommandConfig, type CliContext } from './context.js';
import { getLocalServiceUrl, parseServiceUrl } from './service-url.js';

export function registerConsole(console: Command, context: CliContext): void {
  console
    .command('open')
    .description(
      'print a link that signs in to the console, once and within a minute. It needs no key, but the rights of the service on this machine',
    )
    .addOption(
      new Option('--role <role>', 'what the session may do: viewer, operator or admin').choices(ROLES).default('admin'),
    )
    .option('--url <url>', 'address by which the browser reaches the service, such as that of an SSH tunnel')
    .action(async (options: { role: Role; url?: string }, command: Command) => {
      const { config } = await loadCommandConfig(command, context);
      if (!config.console.enabled)
        throw new AppError('CONFIG_INVALID', 'the console is switched off: console.enabled is false');
      const url = options.url === undefined ? getConsoleUrl(config) : parseServiceUrl(options.url);
      const { adminSocket } = dataPaths(config);
      const answer = await askService(adminSocket, 'POST', makeTokenRequest(options.role));
      if (!answer) {
        throw new AppError('SERVICE_UNREACHABLE', 'no service is running on this data directory: start it first');
      }
      const { token } = (await json(answer)) as SignInToken;
      // Behind "#", the token is sent to no server before the page itself uses it, and is in no log.
      context.stdout.write(`${url}/console/#/sign-in?token=${token}\n`);
      context.stderr.write(
        `Open this link within ${TOKEN_LIFETIME_MS / 1_000} seconds. It works once, and signs in with the role ${options.role}.\n`,
      );
    });
}

/** @throws AppError CONFIG_INVALID: the console takes no sign-in at the address of the service */
function getConsoleUrl({ http, console }: Pick<Config, 'http' | 'console'>): string {
  if (console.publicOrigin !== undefined) return console.publicOrigin;
  if (http.port === 0) {
    throw new AppError(
      'CONFIG_INVALID',
      'http.port is 0, so the address of the service is not known: name it with --url',
    );
  }
  const url = getLocalServiceUrl(http);
  if (!http.tls && !isLoopback(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'))) {
    throw new AppError(
      'CONFIG_INVALID',
      `the service listens on ${http.host} without TLS, where the console takes no sign-in: set http.tls, or http.host to 0.0.0.0 or 127.0.0.1`,
    );
  }
  return url;
}
