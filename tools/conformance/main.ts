// `npm run conformance`: checks whether a service keeps the REST contract. The last line is `N passed, N failed`.
import { parseArgs } from 'node:util';
import { V1_CASES, V2_CASES } from './cases/all.js';
import { Client } from './client.js';
import { makePictures } from './pictures.js';
import { spawnTarget, type SpawnedTarget } from './spawn.js';
import { runCases, type Failure, type Need, type Summary } from './suite.js';
import { World } from './world.js';

const USAGE = `usage: npm run conformance -- --url URL --app-key KEY [options]
       npm run conformance -- --spawn [options]

  --url URL               base URL of the target, such as http://192.168.1.20:8080
  --app-key KEY           appKey of the target
  --secret-key KEY        secret key of that appKey; adds the cases of v2.0
  --other-app-key KEY     second appKey; adds the cases which check that no key sees another key's groups
  --spawn                 starts a service of this checkout with small limits, and runs all cases against it
  --max-image-bytes N     size limit of the target's pictures (default 3000000)
  --only TEXT             runs only the cases whose name contains TEXT
  --time-limit SECONDS    cases that have not started after this time count as failed (default 600)
  --verbose               also prints the names of the cases that pass
  --list                  prints the names of the cases and sends no request

The cases create groups whose names begin with "conformance-" and delete them again. They touch no other group.
`;

interface Options {
  url?: string;
  'app-key'?: string;
  'secret-key'?: string;
  'other-app-key'?: string;
  spawn: boolean;
  'max-image-bytes': string;
  only: string;
  'time-limit': string;
  verbose: boolean;
  list: boolean;
  help: boolean;
}

function parseOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: text,
      'app-key': text,
      'secret-key': text,
      'other-app-key': text,
      spawn: flag,
      'max-image-bytes': { type: 'string', default: '3000000' },
      only: { type: 'string', default: '' },
      'time-limit': { type: 'string', default: '600' },
      verbose: flag,
      list: flag,
      help: flag,
    },
  });
  if (!values.help && !values.list && !values.spawn && (values.url === undefined || values['app-key'] === undefined)) {
    throw new TypeError('either --spawn, or --url and --app-key must be given');
  }
  for (const name of ['max-image-bytes', 'time-limit'] as const) {
    if (!(Number(values[name]) > 0)) throw new TypeError(`--${name} must be a number above 0`);
  }
  return values;
}

async function conform(options: Options, signal: AbortSignal): Promise<Summary> {
  const cases = [...V1_CASES, ...V2_CASES].filter(({ name }) => name.includes(options.only));
  const maxImageBytes = Number(options['max-image-bytes']);
  print('rendering the pictures');
  const pictures = await makePictures();
  let target: SpawnedTarget | undefined;
  if (options.spawn) {
    print('starting a service');
    target = await spawnTarget({ picture: pictures.ann, maxImageBytes });
  }
  const url = target?.url ?? new URL(options.url ?? '').href.replace(/\/+$/, '');
  const secretKey = target?.secretKey ?? options['secret-key'];
  const client = new Client({ url, appKey: target?.appKey ?? options['app-key'] ?? '', secretKey });
  const otherAppKey = target?.otherAppKey ?? options['other-app-key'];
  const { otherSecretKey, spawned } = target ?? {};
  const world = new World({ client, pictures, maxImageBytes, secretKey, otherAppKey, otherSecretKey, spawned });
  const available = new Set<Need>();
  if (target) available.add('spawn');
  if (otherAppKey !== undefined) available.add('otherAppKey');
  if (secretKey !== undefined) available.add('secretKey');
  const startedMs = performance.now();
  try {
    await world.prepare().catch((error: unknown) => {
      const received = client.last ? `\n  asked     ${client.last.asked}\n  received  ${client.last.received}` : '';
      throw new Error(`${url} does not enrol faces: ${describeError(error)}${received}`, { cause: error });
    });
    print(`${cases.length} cases against ${url}`);
    const timeLimitMs = Number(options['time-limit']) * 1_000;
    const onResult = (name: string, failure: Failure | undefined): void => {
      if (failure) report(failure);
      else if (options.verbose) print(`ok    ${name}`);
    };
    return await runCases({ world, client, cases, available, timeLimitMs, onResult, signal });
  } finally {
    const left = await client.cleanUp(true);
    if (left.length > 0) print(`not deleted: ${left.join(', ')}`);
    await target?.stop();
    print(`${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  }
}

function report({ name, expected, exchange }: Failure): void {
  print(`FAILED  ${name}`);
  if (exchange) print(`  asked     ${exchange.asked}`);
  print(`  expected  ${expected.replaceAll('\n', '\n            ')}`);
  if (exchange) print(`  received  ${exchange.received}`);
}

function reportLeftOut(leftOut: Summary['leftOut']): void {
  const remedies: Record<Need, string> = {
    spawn: '--spawn',
    otherAppKey: '--other-app-key',
    secretKey: '--secret-key',
  };
  for (const [need, remedy] of Object.entries(remedies)) {
    const count = leftOut.filter(({ needs }) => needs === need).length;
    if (count > 0) print(`${count} left out: they need ${remedy}`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options.help || options.list) {
    process.stdout.write(options.help ? USAGE : [...V1_CASES, ...V2_CASES].map(({ name }) => `${name}\n`).join(''));
    return 0;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  try {
    const { passed, failures, leftOut } = await conform(options, interrupted.signal);
    reportLeftOut(leftOut);
    if (interrupted.signal.aborted) print('interrupted');
    print(`${passed} passed, ${failures.length} failed`);
    return failures.length === 0 && passed > 0 && !interrupted.signal.aborted ? 0 : 1;
  } catch (error) {
    print(describeError(error));
    print('0 passed, 1 failed');
    return 1;
  }
}

process.exitCode = await main();
