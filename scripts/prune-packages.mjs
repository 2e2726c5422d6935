#!/usr/bin/env node
// Removes what this machine does not need from node_modules: prune-packages.mjs [--service] [NODE_MODULES]
//
// Without --service: the binaries of other systems and processors (240 MB of onnxruntime-node alone). With it, for an installed service, also
// every package that is in the bundles of dist, and in the rest sources, types, source maps and documents. Licences stay.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const isService = process.argv.includes('--service');
const [given] = process.argv.slice(2).filter((argument) => argument !== '--service');
const modules = resolve(given ?? fileURLToPath(new URL('../node_modules', import.meta.url)));

/** The packages that scripts/build-service.mjs leaves out of the bundles. */
const NATIVE = ['onnxruntime-node', 'sharp', 'usearch', 'classic-level'];
/** Dependencies that only install scripts and compilers use. */
const ONLY_FOR_INSTALLING = new Set(['adm-zip', 'global-agent', 'node-addon-api', 'napi-macros']);
/** Folders of sources, by package. */
const SOURCES = {
  'classic-level': ['deps', 'binding.cc', 'binding.gyp'],
  sharp: ['src', 'install'],
  usearch: ['numkong', 'include', 'cpp', 'c', 'cmake', 'fp16', 'stringzilla', 'binding.gyp'],
  'onnxruntime-node': ['script'],
};
const NEEDLESS =
  /(?:\.map|\.ts|\.mts|\.cts|\.flow|(?<!licen[cs]e|notice|third-party-notices)\.md|\.markdown|\.gyp|\.cc|\.h|\.hpp)$/i;
const NEEDLESS_FOLDERS = new Set(['test', 'tests', 'docs', 'example', 'examples', '.github']);

const here = `linux-${process.arch}`;
remove(
  ...list(join(modules, 'onnxruntime-node/bin')).flatMap((api) => [
    ...list(api).filter((path) => basename(path) !== 'linux'),
    ...list(join(api, 'linux')).filter((path) => basename(path) !== process.arch),
  ]),
);
for (const name of ['usearch', 'classic-level']) {
  remove(...list(join(modules, name, 'prebuilds')).filter((path) => basename(path) !== here));
}
remove(...list(join(modules, '@img')).filter((path) => /^sharp-/.test(basename(path)) && !path.endsWith(here)));
if (isService) {
  const needed = new Set(NATIVE.flatMap((name) => listNeeded(name)));
  remove(
    ...listPackages()
      .filter((name) => !needed.has(name))
      .map((name) => join(modules, name)),
  );
  remove(
    join(modules, '.bin'),
    ...list(modules).filter((path) => basename(path).startsWith('@') && list(path).length === 0),
  );
  for (const [name, paths] of Object.entries(SOURCES)) remove(...paths.map((path) => join(modules, name, path)));
  removeNeedless(modules);
}

/** Lists paths in a folder; none where it does not exist. */
function list(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function remove(...paths) {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}

function listPackages() {
  return list(modules).flatMap((path) => {
    const name = basename(path);
    if (name.startsWith('.')) return [];
    return name.startsWith('@') ? list(path).map((inside) => `${name}/${basename(inside)}`) : [name];
  });
}

/** Lists a package with everything that it needs at run time, so far as it is installed. */
function listNeeded(name, found = new Set()) {
  const file = join(modules, name, 'package.json');
  if (found.has(name) || ONLY_FOR_INSTALLING.has(name) || !existsSync(file)) return [...found];
  found.add(name);
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(file, 'utf8'));
  for (const one of Object.keys({ ...dependencies, ...optionalDependencies })) listNeeded(one, found);
  return [...found];
}

function removeNeedless(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && NEEDLESS_FOLDERS.has(entry.name)) remove(path);
    else if (entry.isDirectory()) removeNeedless(path);
    else if (NEEDLESS.test(entry.name)) remove(path);
  }
}
