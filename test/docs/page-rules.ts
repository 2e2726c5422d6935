// The rules for the pages themselves: lengths, links, anchors, JSON blocks, and tables that must be complete.
import { anchorFor, pathExists, readPage, resolveLink, type Page } from './pages.js';

export const LONGEST_LINE = 120;
export const README_LINES = 130;

export function checkLengths(page: Page): string[] {
  const problems = page.lines.flatMap((text, index) =>
    text.length > LONGEST_LINE ? [`${page.path}:${index + 1}: the line has ${text.length} characters`] : [],
  );
  if (page.path === 'README.md' && page.lines.length > README_LINES) {
    problems.push(`${page.path}: the page has ${page.lines.length} lines`);
  }
  return problems;
}

/** Checks that files and anchors of relative links exist. Links to other sites are left alone. */
export function checkLinks(page: Page): string[] {
  return page.links.flatMap(({ target, line }) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? page.path : resolveLink(page, file);
    if (file !== '' && !pathExists(path)) return [`${page.path}:${line}: the link ${target} leads nowhere`];
    if (anchor === undefined) return [];
    const { headings } = file === '' ? page : readPage(path);
    const isKnown = headings.some(({ text }) => anchorFor(text) === anchor);
    return isKnown ? [] : [`${page.path}:${line}: ${path} has no heading #${anchor}`];
  });
}

export function checkJson(page: Page): string[] {
  return page.blocks.flatMap(({ language, text, line }) => {
    if (language !== 'json') return [];
    try {
      JSON.parse(text);
      return [];
    } catch {
      return [`${page.path}:${line}: the block is no JSON`];
    }
  });
}

/** Returns the words in inline code of the first column of the tables of one name. */
export function listFirstColumn(page: Page, tableName: string): string[] {
  return page.rows
    .filter((row) => row.tableName === tableName)
    .flatMap(({ cells }) => [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code));
}
