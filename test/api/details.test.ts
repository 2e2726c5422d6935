// The details of errors, read from the source: each is a sentence, also where no test provokes it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkInput, parseQuery } from '../../src/api/core/parameters.js';
import { DEVICE_ROUTES } from '../../src/api/device/routes.js';
import { STATUSES } from '../../src/api/device/statuses.js';
import { DIALECTS } from '../../src/api/nhn/dialects.js';
import { SENTENCE } from './details.js';

const SOURCE = join(import.meta.dirname, '../../src');

interface Found {
  where: string;
  text: string;
}

/** Returns the text of a literal, with `X` for each expression in it; undefined for an expression that is no literal. */
function readText(node: ts.Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => `X${literal.text}`).join('');
  }
  return undefined;
}

/** Finds the details in the source: the second argument of clientError, and `detail` in the options of an AppError. */
function findDetails(): Found[] {
  const found: Found[] = [];
  for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.startsWith('cli/')) continue;
    const source = ts.createSourceFile(file, readFileSync(join(SOURCE, file), 'utf8'), ts.ScriptTarget.Latest, true);
    const note = (node: ts.Node | undefined): void => {
      const text = readText(node);
      if (text === undefined || node === undefined) return;
      found.push({ where: `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`, text });
    };
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && node.expression.getText(source) === 'clientError') note(node.arguments[1]);
      if (ts.isNewExpression(node) && node.expression.getText(source) === 'AppError') {
        const options = node.arguments?.[2];
        if (options && ts.isObjectLiteralExpression(options)) {
          for (const property of options.properties) {
            if (ts.isPropertyAssignment(property) && property.name.getText(source) === 'detail') {
              note(property.initializer);
            }
          }
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

test('every detail in the source begins with a capital and ends with a full stop', () => {
  const details = findDetails();
  expect(details.length).toBeGreaterThan(50);
  expect(details.filter(({ text }) => !SENTENCE.test(text))).toEqual([]);
});

test('so does the message of every status of the device API', () => {
  for (const { message } of Object.values(STATUSES)) expect(message).toMatch(SENTENCE);
});

const queries = [...DEVICE_ROUTES, ...DIALECTS.flatMap(({ routes }) => routes)].flatMap(({ name, query }) => {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  return Object.keys(properties).map((parameter) => {
    const others = required.filter((other) => other !== parameter).map((other) => `&${other}=x`);
    return { operation: name, parameter, query, others: others.join('') };
  });
});

test('there are query parameters to check', () => {
  expect(queries.length).toBeGreaterThan(30);
});

test.each(queries)('$operation says that $parameter must be given once, where it is given twice', (one) => {
  const { parameter, query, others } = one;
  for (const value of ['1', '', 'true']) {
    const twice = parseQuery(`${parameter}=${value}&${parameter}=${value}${others}`);
    expect(() => checkInput(query, twice, 'parameter')).toThrow(`The parameter ${parameter} must be given once.`);
  }
});
