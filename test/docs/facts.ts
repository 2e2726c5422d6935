// What the code has: the program, the configuration, topics, routes, metrics and names. The rules compare the pages with it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { z } from 'zod';
import { createDeviceDocument } from '../../src/api/device/openapi.js';
import { DEVICE_ROUTES } from '../../src/api/device/routes.js';
import { DIALECTS } from '../../src/api/nhn/dialects.js';
import { createNhnDocument } from '../../src/api/nhn/openapi.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { createProgram } from '../../src/cli/program.js';
import { configSchema } from '../../src/config/schema.js';
import { EVENT_TYPES } from '../../src/events/event.js';
import {
  makeChallengeTopic,
  makeCommandResultTopic,
  makeCommandTopic,
  makeEventTopic,
  makeHistoryTopic,
  makeSnapshotTopic,
  makeStatusTopic,
} from '../../src/events/topics.js';
import { namePrefixes } from '../../src/fleet/nats/permissions.js';
import { nameEventStream } from '../../src/fleet/subjects.js';
import { createMetrics } from '../../src/ops/metrics.js';
import { Written } from '../cli/terminal.js';
import { listFiles, ROOT } from './pages.js';

/** What the broker did not take. */
const REFUSED = { setAside: 0, liveRefused: 0, liveWithoutSnapshot: 0, historyRefused: 0, historyWithoutSnapshot: 0 };

/** Stands for any id in a topic or a path. */
export const ANY = '*';

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The commands with their code, which the program itself loads only when one runs. */
const LOADED = await Promise.all(COMMANDS.map(async ({ name, load }) => ({ name, registers: await load() })));

/** A fresh program whose commands do nothing: parsing a command line only checks it. */
export function createIdleProgram(): Command {
  const context = {
    stdin: Readable.from([]),
    stdout: new Written(),
    stderr: new Written(),
    cwd: '/',
    environment: {},
    clock: () => 0,
    version: '0.0.0',
  };
  const program = createProgram(context, COMMANDS);
  for (const { name, registers } of LOADED) {
    const command = program.commands.find((one) => one.name() === name);
    if (command) for (const register of registers) register(command, context);
  }
  for (const command of listCommands(program)) if (command.commands.length === 0) command.action(() => undefined);
  return program;
}

/** Returns a program and all commands below it. */
export function listCommands(program: Command): Command[] {
  return [program, ...program.commands.flatMap(listCommands)];
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

/** Returns the dotted names of all keys of the configuration, such as `models.set` and `cameras.source.path`. */
export function listConfigKeys(): string[] {
  const collect = (schema: JsonSchema, prefix: string): string[] => [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => [
      `${prefix}${name}`,
      ...collect(inner, `${prefix}${name}.`),
    ]),
    ...[schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((inner) =>
      inner === undefined ? [] : collect(inner, prefix),
    ),
  ];
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return [...new Set(collect(schema, ''))];
}

/** Every topic as its levels, ids as ANY. */
export function listTopics(): string[][] {
  const types = EVENT_TYPES.map((type) => makeEventTopic({ deviceId: ANY, cameraId: ANY, type }));
  const others = [makeHistoryTopic, makeStatusTopic, makeCommandTopic, makeCommandResultTopic].map((topic) =>
    topic(ANY),
  );
  // The gateway of the fleet's server has subjects of NATS as topics.
  const gateway = `${namePrefixes(ANY).messages}.${nameEventStream(ANY)}`.replaceAll('.', '/');
  return [...types, ...others, makeSnapshotTopic(ANY, ANY), makeChallengeTopic(ANY, ANY), gateway].map((topic) =>
    topic.split('/'),
  );
}

export interface ApiRoute {
  /** `v1.0`, `v2.0` or `device`. */
  api: string;
  method: string;
  /** The whole path, such as `/device/v1/cameras/{cameraId}`. */
  path: string;
  /** The path below the base of its API. */
  shortPath: string;
  query: string[];
}

interface OpenApi {
  paths: Record<string, Record<string, { parameters: { name: string; in: string }[] }>>;
}

export function listRoutes(): ApiRoute[] {
  const bases: [string, string][] = [
    ...DIALECTS.map(({ version, base }): [string, string] => [version, base.replace(/:(\w+)/g, '{$1}')]),
    ['device', '/device/v1'],
  ];
  const documents = [createNhnDocument(DIALECTS, '0'), createDeviceDocument(DEVICE_ROUTES, '0')] as OpenApi[];
  return documents.flatMap(({ paths }) =>
    Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { parameters }]) => {
        const [api = '', base = ''] = bases.find(([, one]) => path.startsWith(one)) ?? [];
        const query = parameters.filter((one) => one.in === 'query').map(({ name }) => name);
        return { api, method: method.toUpperCase(), path, shortPath: path.slice(base.length), query };
      }),
    ),
  );
}

/** Pages of the service outside the two documents. */
export const EXTRA_PATHS = ['/healthz', '/readyz', '/metrics', '/openapi.json', '/device/v1/openapi.json'];

/** Returns the names of Lintel's own metrics. */
export async function listMetrics(): Promise<string[]> {
  const metrics = createMetrics({
    build: { version: '0', node: '0', opencv: '0' },
    models: () => ({ modelVersion: '0', models: [] }),
    vision: () => ({ workers: 0, busy: 0, queued: 0, completed: 0, rejected: 0, overdue: 0, cancelled: 0 }),
    cameras: () => [],
    events: () => ({ published: 0, pending: 0, dropped: 0, expired: 0, stored: 0, connected: false, ...REFUSED }),
    fleet: () => undefined,
    http: () => ({ connections: 0, connectionsClosed: 0, heldBytes: 0, refused: {} }),
    gallery: () => ({ groups: 0, faces: 0 }),
    vitals: () => ({}),
    droppedLogLines: () => 0,
  });
  return [...(await metrics.text()).matchAll(/^# TYPE (lintel_\w+) /gm)].map(([, name = '']) => name);
}

/** Returns every word of the sources: names in the pages must be among them. */
export function listSourceWords(): Set<string> {
  const files = [
    ...listFiles('src/**/*.{ts,json,cc,h}'),
    ...listFiles('tools/**/*.{ts,mjs,py}'),
    ...listFiles('scripts/*'),
    ...listFiles('systemd/**'),
    'package.json',
    'eslint.config.js',
    'tsconfig.json',
    'models/manifest.json',
  ];
  return new Set(files.flatMap((file) => readText(file).match(/[\w-]+/g) ?? []));
}

/** Returns the environment variables that the code and the scripts read. */
export function listEnvironment(): Set<string> {
  const files = ['src/config/environment.ts', ...listFiles('scripts/*'), ...listFiles('test/support/*.ts')];
  return new Set(files.flatMap((file) => readText(file).match(/\bLINTEL_[A-Z_]+/g) ?? []));
}

export const NPM_SCRIPTS = (JSON.parse(readText('package.json')) as { scripts: Record<string, string> }).scripts;
