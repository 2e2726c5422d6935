// From the configuration file to a checked Config with absolute paths.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import { AppError } from '../errors.js';
import type { Environment } from './environment.js';
import { keyPath, problemsOf, type Problem } from './problems.js';
import { configSchema, type Config } from './schema.js';

export interface LoadedConfig {
  /** Every path in it is absolute, except those of devices and inside pipelines. */
  config: Config;
  /** Absolute; undefined where there is no file and the defaults are used. */
  file: string | undefined;
}

export interface LoadOptions {
  /** The file named on the command line; wins over LINTEL_CONFIG. */
  file?: string | undefined;
  /** What a relative `file` is relative to, and the paths of the configuration where there is no file. */
  cwd: string;
  environment: Pick<Environment, 'configFile'>;
}

const MAX_FILE_CHARACTERS = 1_000_000;

/** @throws AppError CONFIG_INVALID: lists every problem as `key.path: rule (line N)` */
export async function loadConfig({ file, cwd, environment }: LoadOptions): Promise<LoadedConfig> {
  const named = file ?? environment.configFile;
  if (named === undefined) return { config: resolvePaths(configSchema.parse({}), cwd), file: undefined };
  const path = resolve(cwd, named);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'not a text in UTF-8';
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
  if (text.length > MAX_FILE_CHARACTERS) throw invalid(file, ['the file is longer than 1,000,000 characters']);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'core',
    version: '1.2',
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    resolveKnownTags: false,
    // Pretty errors quote the line, and with it the value.
    prettyErrors: false,
    lineCounter: lines,
  });
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    throw invalid(
      file,
      syntax.map((error) => `${syntaxRule(error)} (line ${lines.linePos(error.pos[0]).line})`),
    );
  }
  let input: unknown;
  try {
    input = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw invalid(file, ['an alias (*name) has no anchor (&name) before it, or stands for too much'], cause);
  }
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw invalid(file, describe(problemsOf(parsed.error, input), document, lines));

  const config = resolvePaths(parsed.data, dirname(file));
  if (`${config.keysDir}/`.startsWith(`${config.dataDir}/`)) {
    const path = isMap(document.contents) && document.contents.has('keysDir') ? ['keysDir'] : ['dataDir'];
    const rule = 'the keys must not lie inside dataDir: whoever copies the data would have the keys with it';
    throw invalid(file, describe([{ path, rule }], document, lines));
  }
  return config;
}

function invalid(file: string, problems: readonly string[], cause?: unknown): AppError {
  return new AppError('CONFIG_INVALID', [`the configuration ${file} is not valid:`, ...problems].join('\n  '), {
    cause,
  });
}

function describe(problems: readonly Problem[], document: Document, lines: LineCounter): string[] {
  return problems.map(({ path, rule }) => {
    const offset = offsetOf(document, path);
    const where = offset === undefined ? '' : ` (line ${lines.linePos(offset).line})`;
    return `${keyPath(path) || 'the file'}: ${rule}${where}`;
  });
}

/** Where the key stands in the text, or the nearest key around it where it is missing. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
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

/** The parser's own messages can quote a value. */
function syntaxRule(error: YAMLError): string {
  switch (error.code) {
    case 'DUPLICATE_KEY':
      return 'a key stands there twice';
    case 'TAG_RESOLVE_FAILED':
      return 'tags (!name) are not allowed';
    case 'MULTIPLE_DOCS':
      return 'there must be one document in the file';
    case 'TAB_AS_INDENT':
      return 'tabs must not indent a line; use spaces';
    case 'NON_STRING_KEY':
      return 'a key must be a text';
    default:
      return `this is not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`;
  }
}

function resolvePaths(config: Config, base: string): Config {
  const absolute = (path: string): string => resolve(base, path);
  const { http, models, mqtt, webhook, cameras, ...rest } = structuredClone(config);
  if (http.tls) http.tls = { certFile: absolute(http.tls.certFile), keyFile: absolute(http.tls.keyFile) };
  if (models.dir !== undefined) models.dir = absolute(models.dir);
  if (mqtt.passwordFile !== undefined) mqtt.passwordFile = absolute(mqtt.passwordFile);
  if (mqtt.caFile !== undefined) mqtt.caFile = absolute(mqtt.caFile);
  if (mqtt.commands) mqtt.commands.secretFile = absolute(mqtt.commands.secretFile);
  if (webhook?.secretFile !== undefined) webhook.secretFile = absolute(webhook.secretFile);
  for (const { source } of cameras) {
    if (source.type === 'file') source.path = absolute(source.path);
    if (source.type === 'url' && source.passwordFile !== undefined) source.passwordFile = absolute(source.passwordFile);
  }
  const folders = { dataDir: absolute(rest.dataDir), keysDir: absolute(rest.keysDir) };
  return { ...rest, ...folders, http, models, mqtt, ...(webhook && { webhook }), cameras };
}
