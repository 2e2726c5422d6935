// Holds lintel.example.yaml to the schema: every key is present and explained, every value is valid, the defaults are correct.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseConfig } from '../../src/config/load.js';
import { configSchema } from '../../src/config/schema.js';

const text = readFileSync(new URL('../../lintel.example.yaml', import.meta.url), 'utf8');

/** The file with every commented-out key made active; prose comments ("#" and one space) stay comments. */
const everything = text
  .replace(/^cameras: \[\]$/m, '')
  .replace(/^#(?=\w| {2,})/gm, '')
  .replace(/^( +)#(?=\w)/gm, '$1');

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  default?: unknown;
  description?: string;
}

/** Lists every key of the schema with its path; a list is `[]` in it. */
function* listSchemaKeys(schema: JsonSchema, path = ''): Generator<[path: string, schema: JsonSchema]> {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${key}`, child];
    yield* listSchemaKeys(child, `${path}.${key}`);
  }
  for (const child of schema.oneOf ?? []) yield* listSchemaKeys(child, path);
  if (schema.items) yield* listSchemaKeys(schema.items, `${path}[]`);
}

/** Lists every key of a value with its path in the same form. */
function* listKeys(value: unknown, path = ''): Generator<[path: string, value: unknown]> {
  if (Array.isArray(value)) {
    for (const item of value) yield* listKeys(item, `${path}[]`);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      yield [`${path}.${key}`, child];
      yield* listKeys(child, `${path}.${key}`);
    }
  }
}

const schemaKeys = new Map(listSchemaKeys(z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema));

describe('lintel.example.yaml', () => {
  it('gives the defaults when it is used unchanged', () => {
    expect(configSchema.parse(parse(text))).toEqual(configSchema.parse({}));
  });

  it('sets every key that has a default, except the one that depends on the machine', () => {
    const paths = (value: unknown): string[] => [...listKeys(value)].map(([path]) => path);
    const defaults = paths(configSchema.parse({})).filter((path) => path !== '.vision.workers');
    expect(paths(parse(text)).toSorted()).toEqual(defaults.toSorted());
  });

  it('is valid with every commented-out key made active', () => {
    expect(parseConfig(everything, '/etc/lintel/lintel.yaml').cameras.map(({ source }) => source.type)).toEqual([
      'device',
      'gstreamer',
      'url',
      'snapshot',
      'file',
    ]);
  });

  it('names every key of the schema', () => {
    const named = new Set([...listKeys(parse(everything))].map(([path]) => path));
    expect([...schemaKeys.keys()].filter((path) => !named.has(path))).toEqual([]);
  });

  it("shows a camera's defaults as they are", () => {
    const shown = [...listKeys(parse(everything))].filter(([path]) => path.startsWith('.cameras[]'));
    const wrong = shown.filter(([path, value]) => {
      const byDefault = schemaKeys.get(path)?.default;
      return byDefault !== undefined && byDefault !== value;
    });
    expect(wrong).toEqual([]);
  });

  it('gives the range of every number', () => {
    const lines = everything.split('\n');
    const without = [...schemaKeys].filter(([path, { minimum, maximum }]) => {
      if (minimum === undefined || maximum === undefined) return false;
      const key = path.slice(path.lastIndexOf('.') + 1);
      const range = `${minimum}..${maximum}`;
      return !lines.some((line, i) => line.trim().startsWith(`${key}:`) && commentAbove(lines, i).includes(range));
    });
    expect(without.map(([path]) => path)).toEqual([]);
  });

  it('explains every key', () => {
    const lines = everything.split('\n');
    // A camera's first keys and those of its source are explained by the sentence above the group that they open.
    const together = ['id', 'group', 'appKey', 'source', 'type', 'path', 'url', 'pipeline'];
    const unexplained = lines.flatMap((line, i) => {
      const key = /^[ -]*(\w+):/.exec(line)?.[1];
      return key && !commentAbove(lines, i) && !(together.includes(key) && /^ {2}/.test(line)) ? [key] : [];
    });
    expect(unexplained).toEqual([]);
  });

  it('has a description in the schema for every key that is not only a group of others', () => {
    const silent = [...schemaKeys].filter(([, { description, properties }]) => !description && !properties);
    expect(silent.map(([path]) => path)).toEqual([]);
  });
});

function commentAbove(lines: readonly string[], index: number): string {
  let first = index;
  while (/^ *#/.test(lines[first - 1] ?? '')) first--;
  return lines.slice(first, index).join(' ');
}
