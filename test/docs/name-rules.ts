// The rules for names: topics, routes, configuration keys, metrics, environment variables, identifiers and paths.
import { parse } from 'yaml';
import { configSchema } from '../../src/config/schema.js';
import { EVENT_TYPES } from '../../src/events/event.js';
import { ANY, EXTRA_PATHS, listConfigKeys, listEnvironment, listRoutes, listTopics, type ApiRoute } from './facts.js';
import { pathExists, type Page } from './pages.js';

const TOPICS = listTopics();
const CONFIG_KEYS = new Set(listConfigKeys());
const CAMERA_KEYS = new Set([...CONFIG_KEYS].map((key) => key.replace(/^cameras\.(source\.|groups\.)?/, '')));
const SECTIONS = new Set([...CONFIG_KEYS].flatMap((key) => key.split('.')[0] ?? []));
const EVENT_TYPE_PLACEHOLDER = '{type}';

/** Tells what is wrong with a topic or a topic filter; `{name}` and `+` stand for one level, `#` for the rest. */
export function findTopicProblem(topic: string): string | undefined {
  const levels = topic.split('/');
  const isPart = (level: string, known: string): boolean => {
    if (level === '+') return true;
    if (known === ANY) return /^(\{\w+\}|[\w-]+)$/.test(level) && level !== EVENT_TYPE_PLACEHOLDER;
    return level === known || (level === EVENT_TYPE_PLACEHOLDER && EVENT_TYPES.some((type) => type === known));
  };
  const matches = (known: readonly string[]): boolean => {
    const wild = levels.at(-1) === '#';
    const fixed = wild ? levels.slice(0, -1) : levels;
    const isLength = wild ? known.length >= fixed.length : known.length === fixed.length;
    return isLength && fixed.every((level, i) => isPart(level, known[i] ?? ''));
  };
  return TOPICS.some(matches) ? undefined : `Lintel has no topic ${topic}`;
}

export function checkTopics(page: Page): string[] {
  const codes = page.inlineCodes.filter(({ text }) => /^lintel\/[\w{+#-]/.test(text));
  return codes.flatMap(({ text, line }) => at(page, line, findTopicProblem(text)));
}

/** The routes of the service, and how a page's path is compared with them. */
export class RouteBook {
  readonly routes: readonly ApiRoute[] = listRoutes();

  /** @param path with any ids in place of the parameters @param query names of the parameters given */
  findProblem(method: string, path: string, query: readonly string[] = []): string | undefined {
    if (method === 'GET' && EXTRA_PATHS.includes(path)) return undefined;
    const found = this.routes.find((route) => route.method === method && isSamePath(route.path, path));
    if (!found) return `the service has no route ${method} ${path}`;
    const unknown = query.find((name) => !found.query.includes(name));
    return unknown === undefined ? undefined : `${method} ${path} has no parameter ${unknown}`;
  }

  /** Checks routes in inline code, such as `GET /cameras`, and in the page of the APIs that none is missing. */
  check(page: Page, isComplete: boolean): string[] {
    const problems: string[] = [];
    const seen = new Set<ApiRoute>();
    for (const { text, line } of page.inlineCodes) {
      const [, method = '', path = ''] = /^(GET|POST|PUT|DELETE) (\/\S+)$/.exec(text) ?? [];
      if (method === '') continue;
      const section = page.headings.filter((heading) => heading.level === 2 && heading.line < line).at(-1)?.text ?? '';
      const api = /v\d\.\d/.exec(section)?.[0] ?? 'device';
      const route = this.routes.find(
        (one) => one.method === method && (one.path === path || (one.api === api && one.shortPath === path)),
      );
      if (route) seen.add(route);
      else
        problems.push(`${page.path}:${line}: ${section || 'the page'} names the route ${text}, which does not exist`);
    }
    if (isComplete) {
      for (const route of this.routes) {
        if (!seen.has(route)) problems.push(`${page.path}: ${route.api} lacks ${route.method} ${route.shortPath}`);
      }
    }
    return problems;
  }
}

function isSamePath(known: string, path: string): boolean {
  const source = known.replace(/[.$]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${source}$`).test(path);
}

/** Checks that every YAML block is a valid configuration, or a camera, or the source of one. */
export function checkYaml(page: Page): string[] {
  const blocks = page.blocks.filter(({ language }) => language === 'yaml');
  return blocks.flatMap(({ text, line }) => at(page, line, findConfigProblem(text)));
}

function findConfigProblem(text: string): string | undefined {
  const value: unknown = parse(text);
  if (typeof value !== 'object' || value === null) return 'the YAML block holds no keys';
  const isWhole = Object.keys(value).every((key) => SECTIONS.has(key));
  const config = isWhole ? value : { cameras: [{ id: 'camera', group: 'group', ...value }] };
  const result = configSchema.safeParse(config);
  if (result.success) return undefined;
  return result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

/** Checks keys of the configuration in inline code, such as `models.set`. */
export function checkConfigKeys(page: Page): string[] {
  return page.inlineCodes.flatMap(({ text, line }) => {
    const [, key, section] = /^(([a-z]\w*)\.[\w.]+)(: \S+)?$/i.exec(text) ?? [];
    if (key === undefined || section === undefined || !SECTIONS.has(section) || CONFIG_KEYS.has(key)) return [];
    // The name of a file, such as models.ts, is no key.
    return /\.(ts|js|json|md|yaml|jsonl|mjpg)$/.test(key) ? [] : at(page, line, `the configuration has no key ${key}`);
  });
}

/** Checks the first column of the tables whose first header is `key`: each is a key of the configuration or of a camera. */
export function checkKeyTables(page: Page): string[] {
  return page.rows
    .filter(({ tableName }) => tableName === 'key')
    .flatMap(({ cells, line }) =>
      [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)]
        .map(([, key = '']) => key)
        .filter((key) => !CAMERA_KEYS.has(key) && !CONFIG_KEYS.has(key))
        .flatMap((key) => at(page, line, `the configuration has no key ${key}`)),
    );
}

/** Checks metrics, and in the page of the APIs that none is missing. */
export function checkMetrics(page: Page, known: readonly string[], isComplete: boolean): string[] {
  const named = page.inlineCodes.filter(({ text }) => /^lintel_\w+$/.test(text));
  const problems = named.flatMap(({ text, line }) =>
    known.includes(text) ? [] : at(page, line, `there is no metric ${text}`),
  );
  if (!isComplete) return problems;
  const missing = known.filter((name) => !named.some(({ text }) => text === name));
  return [...problems, ...missing.map((name) => `${page.path}: the metric ${name} is missing`)];
}

export function checkEnvironment(page: Page): string[] {
  const known = listEnvironment();
  return page.lines.flatMap((text, index) =>
    (text.match(/\bLINTEL_[A-Z_]+/g) ?? []).flatMap((name) =>
      known.has(name) ? [] : at(page, index + 1, `nothing reads the variable ${name}`),
    ),
  );
}

/** Checks identifiers of more than one word, such as `eventTtlMs`: they occur in the sources. */
export function checkIdentifiers(page: Page, words: ReadonlySet<string>): string[] {
  return page.inlineCodes.flatMap(({ text, line }) => {
    const name = /^([A-Za-z]\w*[a-z][A-Z]\w*|[a-z]+(-[a-z]+)+)(\(\))?$/.exec(text)?.[1];
    return name === undefined || words.has(name) ? [] : at(page, line, `the sources have no name ${name}`);
  });
}

/** Folders of the repository; a path in inline code that begins with one of them must exist. */
const REPOSITORY_PATH =
  /^\.?\/?((src|test|tools|scripts|docs|models|systemd|bench|demo|\.ci|\.github)(\/[\w.*{},-]+)*\/?)$/;
/** Folders that git ignores: setup makes them. */
const MADE_BY_SETUP = /^models\/files(\/|$)/;
/** Files that the service makes; their names occur in the sources. */
const MADE_BY_SERVICE = /^(var|\/etc\/lintel)\/keys\/([\w.-]+)$/;

export function checkPaths(page: Page, words: ReadonlySet<string>): string[] {
  return page.inlineCodes.flatMap(({ text, line }) => {
    const key = MADE_BY_SERVICE.exec(text)?.[2];
    if (key !== undefined) {
      const isMade = key.split('.').every((part) => words.has(part));
      return isMade ? [] : at(page, line, `nothing makes the file ${text}`);
    }
    const path = text.includes('/') ? REPOSITORY_PATH.exec(text)?.[1] : undefined;
    if (path === undefined || MADE_BY_SETUP.test(path) || pathExists(path)) return [];
    return at(page, line, `there is no ${path}`);
  });
}

function at(page: Page, line: number, problem: string | undefined): string[] {
  return problem === undefined ? [] : [`${page.path}:${line}: ${problem}`];
}
