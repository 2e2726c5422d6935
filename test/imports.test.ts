// The files of src as a whole: no circle of imports, and one name for one exported type.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));
const IMPORT = /\b(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)\.js'/g;

/** Every file of src by its path, with the files that it imports: types and lazy imports included. */
function readImports(): Map<string, string[]> {
  const names = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return new Map(
    names.map((name) => {
      const text = readFileSync(join(SRC, name), 'utf8');
      const imported = [...text.matchAll(IMPORT)].map(([, path = '']) => normalize(join(dirname(name), `${path}.ts`)));
      return [name, imported];
    }),
  );
}

/** @returns the first circle that is found, as the files on the way; undefined where there is none */
function findCircle(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const visit = (file: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (finished.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const circle = visit(next, [...way, file]);
      if (circle) return circle;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
  return undefined;
}

it('no file of src imports itself by way of others', () => {
  const imports = readImports();
  expect(imports.size).toBeGreaterThan(100);
  expect(imports.get('cli/main.ts')).toContain(relative(SRC, join(SRC, 'cli/program.ts')));
  expect(findCircle(imports)).toBeUndefined();
});

it('a circle is found, also one through a lazy import', () => {
  expect(findCircle(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]]))).toEqual(['b', 'c', 'b']); // prettier-ignore
  expect([..."await import('./x.js')".matchAll(IMPORT)]).toHaveLength(1);
});

it('no two exported types of src have one name', () => {
  const files = new Map<string, string[]>();
  for (const file of readImports().keys()) {
    const text = readFileSync(join(SRC, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/^export (?:abstract )?(?:interface|type|class) (\w+)/gm)) {
      files.set(name, [...(files.get(name) ?? []), file]);
    }
  }
  expect(files.get('CameraControl')).toEqual(['camera/camera-control.ts']);
  expect([...files].filter(([, where]) => where.length > 1)).toEqual([]);
});
