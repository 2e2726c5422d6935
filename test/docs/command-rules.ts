// The rule for commands: each one in a page names a program, a script, a command and options that exist.
import { CommanderError } from 'commander';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createIdleProgram, listCommands, listEnvironment, NPM_SCRIPTS, readText } from './facts.js';
import { listFiles, ROOT, type Page } from './pages.js';
import type { RouteBook } from './name-rules.js';
import { findTopicProblem } from './name-rules.js';
import { listSubstitutions, parseShell, replaceSubstitutions, type ShellCommand } from './shell.js';

/** Programs of the system that the pages may call. */
const SYSTEM_PROGRAMS = new Set([
  ...[
    'apt',
    'apt-get',
    'cat',
    'chmod',
    'cp',
    'curl',
    'git',
    'install',
    'journalctl',
    'mkdir',
    'mosquitto_sub',
    'mv',
    'nats',
    'openssl',
    'printf',
  ],
  ...['python3', 'systemctl', 'base64', 'age', 'age-keygen', 'cd', 'echo', 'export'],
]);
/** Options of other programs that a page explains. */
const FOREIGN_OPTIONS = new Set(['--jitless']);
/** Languages of code blocks that hold commands. */
const SHELL_LANGUAGES = new Set(['sh', 'bash']);
/** What commander says of a command line that ends too early. */
const UNFINISHED = new Set(['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help']);

const options = new Set(
  listCommands(createIdleProgram()).flatMap((command) => command.options.flatMap(({ long }) => (long ? [long] : []))),
);

/** Checks the commands of all shell blocks, and the inline code that is a command. */
export function checkCommands(page: Page, routes: RouteBook): string[] {
  const problems: string[] = [];
  const report = (line: number, problem: string | undefined): void => {
    if (problem !== undefined) problems.push(`${page.path}:${line}: ${problem}`);
  };
  const variables = new Map<string, string>();
  for (const { language, text, line } of page.blocks) {
    if (!SHELL_LANGUAGES.has(language)) continue;
    for (const command of parseShell(text, line)) {
      report(command.line, checkCommand(command.words, { variables, routes, unfinished: false }));
    }
  }
  for (const { text, line } of page.inlineCodes) {
    if (/^(sudo )?(lintel|(\.\/)?scripts\/[\w-]+|npm|npx) \S/.test(text) && !text.includes('…')) {
      for (const { words } of parseShell(text, line)) {
        report(line, checkCommand(words, { variables, routes, unfinished: true }));
      }
    } else if (text.startsWith('--')) report(line, checkOption(text));
  }
  return problems;
}

interface Situation {
  /** Variables that commands before this one have set. */
  variables: Map<string, string>;
  routes: RouteBook;
  /** True where required arguments may be left out. */
  unfinished: boolean;
}

function checkCommand(given: ShellCommand['words'], situation: Situation): string | undefined {
  const words = [...given];
  for (const word of words) {
    for (const inner of listSubstitutions(word)) {
      const problem = parseShell(inner, 1).map((command) => checkCommand(command.words, situation));
      const first = problem.find((one) => one !== undefined);
      if (first !== undefined) return first;
    }
  }
  while (/^[A-Z_]+=/.test(words[0] ?? '')) {
    const [name = '', value = ''] = splitOnce(words.shift() ?? '', '=');
    if (name.startsWith('LINTEL_') && !listEnvironment().has(name)) return `nothing reads the variable ${name}`;
    situation.variables.set(name, value);
  }
  if (words[0] === 'sudo') words.shift();
  const [program, ...args] = words;
  if (program === undefined) return undefined;
  if (program === 'lintel' || program === './scripts/lintel') return checkLintel(args, situation.unfinished);
  if (/^(\.\/)?(scripts|\.ci)\//.test(program)) return checkScript(program.replace('./', ''), args);
  if (program === 'npm') return checkNpm(args);
  if (program === 'npx') return checkNpx(args);
  if (program === 'curl') return checkCurl(args, situation);
  if (program === 'mosquitto_sub') return checkSubscriber(args);
  if (program === 'python3' || program === 'node') return checkFile(args[0] ?? '');
  return SYSTEM_PROGRAMS.has(program) ? undefined : `no program ${program} is known`;
}

function checkLintel(args: readonly string[], unfinished: boolean): string | undefined {
  try {
    createIdleProgram().parse(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0 || (unfinished && UNFINISHED.has(error.code))) return undefined;
    return `lintel ${args.join(' ')}: ${error.message}`;
  }
}

function checkScript(path: string, args: readonly string[]): string | undefined {
  if (!existsSync(join(ROOT, path))) return `there is no script ${path}`;
  return checkArguments(path, args) ?? checkPaths(args);
}

/** Each option must appear in the text of the program that takes it. */
function checkArguments(file: string, args: readonly string[]): string | undefined {
  const text = readTool(file);
  const unknown = args.find((arg) => arg.startsWith('-') && !hasOption(text, splitOnce(arg, '=')[0] ?? arg));
  return unknown === undefined ? undefined : `${file} has no option ${unknown}`;
}

/** Returns the text of a program; of a tool with a folder of its own, the text of all its files. */
function readTool(file: string): string {
  const folder = /^tools\/\w[\w-]*(?=\/)/.exec(file)?.[0];
  return (folder === undefined ? [file] : listFiles(`${folder}/*.{ts,py,mjs}`)).map(readText).join('\n');
}

function hasOption(text: string, option: string): boolean {
  const name = option.replace(/^-+/, '');
  return new RegExp(`(^|[^\\w-])${option}(?![\\w-])|^ +'?${name}'?: (text|flag|\\{)`, 'm').test(text);
}

function checkPaths(args: readonly string[]): string | undefined {
  const path = args.find((arg) => /^(src|test|tools|bench)\//.test(arg) && !existsSync(join(ROOT, arg)));
  return path === undefined ? undefined : `there is no ${path}`;
}

function checkNpm(args: readonly string[]): string | undefined {
  const [verb = '', ...rest] = args;
  if (verb === 'ci' || verb === 'install') return undefined;
  const name = verb === 'run' ? (rest.shift() ?? '') : verb;
  if (name.includes('{')) return undefined;
  const script = NPM_SCRIPTS[name];
  if (script === undefined) return `package.json has no script ${name}`;
  const file = /\b(?:tsx|node) (\S+)/.exec(script)?.[1];
  const scriptArgs = rest.filter((arg) => arg !== '--');
  if (file === undefined) return checkPaths(scriptArgs);
  const text = readTool(file);
  const word = scriptArgs.find((arg) => /^[a-z]+$/.test(arg) && !new RegExp(`\\b${arg}\\b`).test(text));
  if (word !== undefined) return `npm run ${name} knows no ${word}`;
  return checkArguments(file, scriptArgs);
}

function checkNpx(args: readonly string[]): string | undefined {
  const [tool, ...rest] = args;
  if (tool === 'vitest') return checkPaths(rest);
  if (tool === 'tsx') return checkFile(rest[0] ?? '') ?? checkArguments(rest[0] ?? '', rest.slice(1));
  return `npx ${tool ?? ''} is not known`;
}

function checkFile(path: string): string | undefined {
  return existsSync(join(ROOT, path)) ? undefined : `there is no ${path}`;
}

/** Options of curl that take a value. */
const CURL_VALUES = new Set(['-H', '-d', '-F', '-o', '-X']);

function checkCurl(args: readonly string[], { variables, routes }: Situation): string | undefined {
  let method: string | undefined;
  let hasBody = false;
  let url: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '-X') method = args[i + 1];
    if (arg === '-d' || arg === '-F') hasBody = true;
    if (CURL_VALUES.has(arg)) i++;
    else if (!arg.startsWith('-')) url = arg;
  }
  if (url === undefined) return 'curl has no URL';
  const expanded = url.replace(/\$\{?([A-Z_]+)\}?/g, (_, name: string) => variables.get(name) ?? '');
  const address = replaceSubstitutions(expanded, 'ID');
  if (!address.startsWith('http://127.0.0.1:8080/')) return `curl calls ${address}, which is not the service`;
  const { pathname, searchParams } = new URL(address);
  return routes.findProblem(method ?? (hasBody ? 'POST' : 'GET'), pathname, [...searchParams.keys()]);
}

function checkSubscriber(args: readonly string[]): string | undefined {
  const topics = args.filter((_, i) => args[i - 1] === '-t');
  return topics.map(findTopicProblem).find((problem) => problem !== undefined);
}

/** An option by itself, such as `--ready-timeout SECONDS`, belongs to some command, script or tool. */
function checkOption(text: string): string | undefined {
  const option = splitOnce(text.split(' ')[0] ?? '', '=')[0] ?? '';
  if (options.has(option) || FOREIGN_OPTIONS.has(option)) return undefined;
  const files = [
    ...listFiles('scripts/*'),
    ...listFiles('tools/train/*.py'),
    ...Object.values(NPM_SCRIPTS).flatMap((script) => /\b(?:tsx|node) (\S+)/.exec(script)?.[1] ?? []),
  ];
  const isKnown = files.some((file) => hasOption(readTool(file), option));
  return isKnown ? undefined : `nothing takes the option ${option}`;
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
