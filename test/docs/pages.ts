// The pages of documentation, split into what the rules look at: code blocks, inline code, links, headings, table rows.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CodeBlock {
  /** The word after the opening fence, such as `sh`; empty where there is none. */
  language: string;
  text: string;
  /** Number of its first line, from 1. */
  line: number;
}

export interface InlineCode {
  text: string;
  line: number;
}

export interface Link {
  target: string;
  line: number;
}

export interface TableRow {
  /** First cell of the table's header. */
  tableName: string;
  cells: string[];
  line: number;
}

export interface Heading {
  level: number;
  text: string;
  line: number;
}

export interface Page {
  /** Path from the root of the repository. */
  path: string;
  lines: string[];
  blocks: CodeBlock[];
  inlineCodes: InlineCode[];
  links: Link[];
  headings: Heading[];
  rows: TableRow[];
}

const FENCE = /^ *(```+|~~~+)([a-z]*)/;

/** Splits one Markdown file. @param path from the root of the repository @param text its content */
export function parsePage(path: string, text: string): Page {
  const lines = text.replace(/\n$/, '').split('\n');
  const page: Page = { path, lines, blocks: [], inlineCodes: [], links: [], headings: [], rows: [] };
  let block: (CodeBlock & { fence: string; content: string[] }) | undefined;
  let tableName: string | undefined;
  /** Lines of prose with the code blocks left out: a code span or a link may go over a line's end. */
  const prose: string[] = [];
  lines.forEach((text, index) => {
    const line = index + 1;
    const fence = FENCE.exec(text);
    if (block) {
      if (fence?.[1] === block.fence) {
        page.blocks.push({ language: block.language, text: unindent(block.content), line: block.line });
        block = undefined;
      } else block.content.push(text);
      prose.push('');
      return;
    }
    if (fence) {
      block = { fence: fence[1] ?? '', language: fence[2] ?? '', content: [], text: '', line: line + 1 };
      prose.push('');
      return;
    }
    const heading = /^(#+) (.*)$/.exec(text);
    if (heading) page.headings.push({ level: heading[1]?.length ?? 0, text: heading[2] ?? '', line });
    if (text.startsWith('|')) {
      const cells = text
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim());
      if (tableName === undefined) tableName = cells[0] ?? '';
      else if (!/^[-: ]*$/.test(cells.join(''))) page.rows.push({ tableName, cells, line });
    } else tableName = undefined;
    prose.push(text);
  });
  const joined = prose.join('\n');
  for (const { 1: code = '', index } of joined.matchAll(/(?<!`)`([^`]+)`(?!`)/g)) {
    page.inlineCodes.push({ text: code.replace(/\s+/g, ' '), line: lineAt(joined, index) });
  }
  const bare = joined.replace(/`[^`]*`/g, (code) => code.replace(/[^\n]/g, 'x'));
  for (const { 1: target = '', index } of bare.matchAll(/\]\(([^()\s]+)\)/g)) {
    page.links.push({ target, line: lineAt(bare, index) });
  }
  return page;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function unindent(lines: readonly string[]): string {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)?.[0].length ?? 0);
  const indent = indents.length === 0 ? 0 : Math.min(...indents);
  return lines.map((line) => line.slice(indent)).join('\n');
}

export function readPage(path: string): Page {
  return parsePage(path, readFileSync(join(ROOT, path), 'utf8'));
}

/** The pages that every reader sees: README, docs/ and the files at the root. */
export function readPages(): Page[] {
  const paths = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...listFiles('docs/*.md')];
  return paths.map(readPage);
}

/** The short READMEs inside the rooms. */
export function readRoomPages(): Page[] {
  const paths = [
    'systemd/README.md',
    'models/README.md',
    ...listFiles('src/**/README.md'),
    ...listFiles('tools/**/README.md'),
  ];
  return paths.map(readPage);
}

/** Folders that git ignores, or that hold no files of the project. */
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', 'build', 'var', 'coverage']);

/** Returns the files under a folder, as paths from the root. */
function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return LEFT_OUT.has(entry.name) ? [] : walk(path);
  });
}

/** Returns the files that match a pattern with `*`, `**` and `{a,b}`, sorted. */
export function listFiles(pattern: string): string[] {
  const source = pattern
    .replace(/[.+^$()[\]\\]/g, '\\$&')
    .replace(/\{([^}]*)\}/g, (_, choices: string) => `(${choices.replaceAll(',', '|')})`)
    .replaceAll('**/', '\u0000')
    .replaceAll('*', '[^/]*')
    .replaceAll('\u0000', '(.*/)?');
  const top = /^[\w.-]+(?=\/)/.exec(pattern)?.[0] ?? '';
  return walk(top)
    .filter((path) => new RegExp(`^${source}$`).test(path))
    .sort();
}

/** Returns the anchor that a heading gets on the hosting platform. */
export function anchorFor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Tells whether a path from the root exists; `*` and `{a,b}` are patterns. */
export function pathExists(path: string): boolean {
  return /[*{]/.test(path) ? listFiles(path).length > 0 : existsSync(join(ROOT, path));
}

/** Returns the path from the root that a link of a page points to. */
export function resolveLink(page: Page, target: string): string {
  return relative(ROOT, join(ROOT, dirname(page.path), target)) || '.';
}
