// Reads the configuration file and checks it: the result is a Config with absolute paths.
import { dirname, resolve } from 'node:path';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import { AppError } from '../errors.js';
import { readFileAtMost } from '../platform/read-file.js';
import type { Environment } from './environment.js';
import { formatPath, listProblems, type Problem } from './problems.js';
import { configSchema, type Config } from './schema.js';

export interface LoadedConfig {
  /** Every path is absolute, except those inside pipelines. */
  config: Config;
  /** Absolute path; undefined where there is no file and the defaults are used. */
  file: string | undefined;
}

export interface ConfigLoadOptions {
  /** File named on the command line; takes precedence over LINTEL_CONFIG. */
  file?: string | undefined;
  /** Folder that a relative `file` is relative to, and the paths of the defaults where there is no file. */
  cwd: string;
  environment: Pick<Environment, 'configFile'>;
}

/** The example with every key has 14 kB. */
const MAX_FILE_BYTES = 250_000;
/** Problems that are listed; the message says how many more there are. */
const MAX_PROBLEMS = 50;

/** Reads and checks the configuration. @throws AppError CONFIG_INVALID: lists every problem as `key.path: rule (line N)` */
export async function loadConfig({ file, cwd, environment }: ConfigLoadOptions): Promise<LoadedConfig> {
  const named = file ?? environment.configFile;
  if (named === undefined) return { config: resolvePaths(configSchema.parse({}), cwd), file: undefined };
  const path = resolve(cwd, named);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFileAtMost(path, MAX_FILE_BYTES));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EFBIG') throw invalid(path, [TOO_LONG]);
    const reason = code ?? 'it is not UTF-8 text';
    throw new AppError('CONFIG_INVALID', `the configuration file ${path} cannot be read (${reason})`, { cause });
  }
  return { config: parseConfig(text, path), file: path };
}

/**
 * Checks the text of a configuration file.
 * @param file its absolute path: relative paths are relative to its folder, and messages name it
 * @throws AppError CONFIG_INVALID
 */
export function parseConfig(text: string, file: string): Config {
  if (text.length > MAX_FILE_BYTES) throw invalid(file, [TOO_LONG]);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'core',
    version: '1.2',
    strict: true,
    // Checked below: the parser compares each key of a map with all others.
    uniqueKeys: false,
    stringKeys: true,
    resolveKnownTags: false,
    // Pretty errors quote the line, which contains the value.
    prettyErrors: false,
    lineCounter: lines,
  });
  const syntax = [...document.errors, ...document.warnings].map(
    (error) => [describeSyntaxError(error), error.pos[0]] as const,
  );
  const repeated = findRepeatedKeys(document).map((offset) => ['a key occurs twice', offset] as const);
  const faults = [...syntax, ...repeated];
  if (faults.length > 0) {
    throw invalid(
      file,
      shorten(faults).map(([text, offset]) => `${text} (line ${lines.linePos(offset).line})`),
      undefined,
      faults.length,
    );
  }
  let input: unknown;
  try {
    input = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw invalid(file, ['an alias (*name) has no anchor (&name) before it, or expands to too much'], cause);
  }
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) {
    const problems = listProblems(parsed.error, input);
    throw invalid(file, describe(shorten(problems), document, lines), undefined, problems.length);
  }

  const config = resolvePaths(parsed.data, dirname(file));
  if (`${config.keysDir}/`.startsWith(`${config.dataDir}/`)) {
    const path = isMap(document.contents) && document.contents.has('keysDir') ? ['keysDir'] : ['dataDir'];
    const rule = 'the keys must not lie inside dataDir: a copy of the data would contain the keys';
    throw invalid(file, describe([{ path, rule }], document, lines));
  }
  return config;
}

/**
 * Checks the text of a configuration file, or of a part of one, without reading any file.
 * @returns one line for each problem, such as `cameras[0].threshold: must be at most 100 (line 4)`; empty where there is none
 */
export function listConfigProblems(text: string): string[] {
  try {
    parseConfig(text, '/lintel.yaml');
    return [];
  } catch (error) {
    if (error instanceof AppError) return error.message.split(PROBLEM_INDENT).slice(1);
    // The parser calls itself for each level of a text.
    if (error instanceof RangeError) return ['the text is nested too deeply'];
    throw error;
  }
}

/** Stands before each problem in the message of an error. */
const PROBLEM_INDENT = '\n  ';

const TOO_LONG = `the file is longer than ${MAX_FILE_BYTES.toLocaleString('en')} bytes`;

function shorten<T>(problems: readonly T[]): readonly T[] {
  return problems.slice(0, MAX_PROBLEMS);
}

/** @param count number of problems, of which `problems` may be the first */
function invalid(file: string, problems: readonly string[], cause?: unknown, count = problems.length): AppError {
  const more = count > problems.length ? [`and ${count - problems.length} more problems`] : [];
  const lines = [`the configuration ${file} is not valid:`, ...problems, ...more];
  return new AppError('CONFIG_INVALID', lines.join(PROBLEM_INDENT), { cause });
}

/** Finds the keys that their map has already. @returns offsets in characters */
function findRepeatedKeys(document: Document): number[] {
  const offsets: number[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) offsets.push(key.range?.[0] ?? 0);
        seen.add(name);
      }
    },
  });
  return offsets;
}

function describe(problems: readonly Problem[], document: Document, lines: LineCounter): string[] {
  return problems.map(({ path, rule }) => {
    const offset = findOffset(document, path);
    const where = offset === undefined ? '' : ` (line ${lines.linePos(offset).line})`;
    return `${formatPath(path) || 'the file'}: ${rule}${where}`;
  });
}

/** Finds the key in the text, or the nearest key around it where it is missing. @returns an offset in characters */
function findOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  let node: Node | null = document.contents;
  let offset: number | undefined;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = node.items[Number(part)] as Node | null;
      offset = node?.range?.[0] ?? offset;
    } else {
      break;
    }
  }
  return offset;
}

/** Describes a syntax error without the parser's own message, which can quote a value. */
function describeSyntaxError(error: YAMLError): string {
  switch (error.code) {
    case 'TAG_RESOLVE_FAILED':
      return 'tags (!name) are not allowed';
    case 'MULTIPLE_DOCS':
      return 'the file must contain only one document';
    case 'TAB_AS_INDENT':
      return 'lines must be indented with spaces, not with tabs';
    case 'NON_STRING_KEY':
      return 'a key must be text';
    default:
      return `this is not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`;
  }
}

function resolvePaths(config: Config, base: string): Config {
  const absolute = (path: string): string => resolve(base, path);
  const { http, models, mqtt, webhook, fleet, cameras, ...rest } = structuredClone(config);
  if (http.tls) http.tls = { certFile: absolute(http.tls.certFile), keyFile: absolute(http.tls.keyFile) };
  if (models.dir !== undefined) models.dir = absolute(models.dir);
  if (mqtt.passwordFile !== undefined) mqtt.passwordFile = absolute(mqtt.passwordFile);
  if (mqtt.caFile !== undefined) mqtt.caFile = absolute(mqtt.caFile);
  const { users, tls } = mqtt.embedded;
  for (const user of users ?? []) user.passwordFile = absolute(user.passwordFile);
  if (tls) mqtt.embedded.tls = { certFile: absolute(tls.certFile), keyFile: absolute(tls.keyFile) };
  if (mqtt.commands) mqtt.commands.secretFile = absolute(mqtt.commands.secretFile);
  if (webhook?.secretFile !== undefined) webhook.secretFile = absolute(webhook.secretFile);
  if (fleet?.folder !== undefined) fleet.folder = absolute(fleet.folder);
  for (const { source } of cameras) {
    if (source.type === 'file') source.path = absolute(source.path);
    if ('passwordFile' in source && source.passwordFile !== undefined) {
      source.passwordFile = absolute(source.passwordFile);
    }
  }
  const folders = { dataDir: absolute(rest.dataDir), keysDir: absolute(rest.keysDir) };
  return { ...rest, ...folders, http, models, mqtt, ...(webhook && { webhook }), ...(fleet && { fleet }), cameras };
}
