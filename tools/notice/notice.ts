// The text of the file NOTICE: what Lintel is made of beside its own code, and under which licences.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const packageSchema = z.object({
  version: z.string().optional(),
  license: z.string().optional(),
  dev: z.boolean().optional(),
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
  libc: z.array(z.string()).optional(),
});

/** The parts of package-lock.json that are read here. Keys of `packages` are folders, such as `node_modules/koa`. */
export const lockSchema = z.object({ packages: z.record(z.string(), packageSchema) });

/** The parts of models/manifest.json that are read here. */
export const manifestSchema = z.object({
  models: z.record(
    z.string(),
    z.object({
      licence: z.string(),
      origin: z.union([z.object({ repository: z.string(), commit: z.string() }), z.object({ trainedBy: z.string() })]),
    }),
  ),
});

export interface NoticeInputs {
  lock: z.infer<typeof lockSchema>;
  manifest: z.infer<typeof manifestSchema>;
  /** Text of the file LICENSE of each bundled package, by its name. */
  licences: Readonly<Record<(typeof BUNDLED)[number], string>>;
}

/** Header-only packages: development dependencies whose code is compiled into the native addon. */
const COMPILED_IN = ['node-addon-api', 'node-api-headers'];

/** Development dependencies whose code is part of the console's files (dist/console). An installation holds no folder of them. */
export const BUNDLED = ['preact', '@preact/signals', '@preact/signals-core'] as const;

/** Licences that packages write in another form than SPDX's. */
const SPDX_NAMES: ReadonlyMap<string, string> = new Map([['Apache 2.0', 'Apache-2.0']]);

const HEAD = `Lintel
Copyright 2026 The Lintel authors

Licensed under the Apache License, Version 2.0; its text is in the file LICENSE.

This file is made by "npm run notice" from package-lock.json, models/manifest.json and the licences of the bundled packages.
A test compares it with them.
`;

const MODELS = `
Models
------

Models that are not trained here are not part of this repository: an installation downloads those that it uses from their
origin.

`;

const PACKAGES = `
Packages from npm
-----------------

They are not part of this repository: an installation downloads them. Listed is what may be installed on Linux with glibc,
on x64 and arm64. Most packages bring the text of their licence, under node_modules in the folder of their name.

`;

const COMPILED = `
Compiled into the native addon
------------------------------

`;

const BUNDLE = `
Bundled into the console
------------------------

The files of the console hold code of these packages, whose licences follow.

`;

const SYSTEM = `
Libraries of the operating system
---------------------------------

The native addon is linked with OpenCV (Apache-2.0), FFmpeg (LGPL-2.1-or-later; GPL-2.0-or-later as Debian builds it) and
libjpeg-turbo (IJG, BSD-3-Clause and Zlib) of the distribution. OpenCV in turn loads GStreamer (LGPL-2.1-or-later). None of
them is part of this repository.
`;

/** Reads the licences of the bundled packages, as they are installed under node_modules. */
export function readLicences(): NoticeInputs['licences'] {
  const read = (name: string): string =>
    readFileSync(new URL(`../../node_modules/${name}/LICENSE`, import.meta.url), 'utf8');
  return {
    preact: read('preact'),
    '@preact/signals': read('@preact/signals'),
    '@preact/signals-core': read('@preact/signals-core'),
  };
}

/**
 * Returns the whole text of NOTICE.
 * @throws Error when a package of the lock file names no licence
 */
export function writeNotice({ lock, manifest, licences }: NoticeInputs): string {
  const describe = (name: string): string[] => describePackage(`node_modules/${name}`, lock);
  return [
    HEAD,
    MODELS,
    listModels(manifest),
    PACKAGES,
    listPackages(lock),
    COMPILED,
    formatTable(COMPILED_IN.map(describe)),
    BUNDLE,
    formatTable(BUNDLED.map(describe)),
    ...listLicences(licences),
    SYSTEM,
  ].join('');
}

function listModels({ models }: NoticeInputs['manifest']): string {
  return formatTable(
    Object.entries(models).map(([name, { licence, origin }]) => [
      name,
      licence,
      'trainedBy' in origin
        ? `trained by ${origin.trainedBy}`
        : `${origin.repository}, commit ${origin.commit.slice(0, 12)}`,
    ]),
  );
}

function listPackages(lock: NoticeInputs['lock']): string {
  const folders = Object.entries(lock.packages)
    .filter(([folder, entry]) => folder !== '' && entry.dev !== true && mayRunHere(entry))
    .map(([folder]) => folder);
  const rows = folders.map((folder) => describePackage(folder, lock));
  const unique = new Map(rows.map((row) => [row.join(' '), row]));
  return formatTable([...unique.values()].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

/** Returns each licence once, below the names of the packages that have it. */
function listLicences(licences: NoticeInputs['licences']): string[] {
  const texts = new Map<string, string[]>();
  for (const name of BUNDLED) texts.set(licences[name], [...(texts.get(licences[name]) ?? []), name]);
  return [...texts].map(([text, names]) => `\n${names.join(', ')}:\n\n${text.trim()}\n`);
}

function describePackage(folder: string, { packages }: NoticeInputs['lock']): string[] {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const { version, license } = packages[folder] ?? {};
  if (version === undefined || license === undefined) throw new Error(`package-lock.json has no licence for ${folder}`);
  return [`${name} ${version}`, SPDX_NAMES.get(license) ?? license];
}

/** Tells whether a package is for a platform that Lintel supports. */
function mayRunHere({ os, cpu, libc }: z.infer<typeof packageSchema>): boolean {
  return (
    (os === undefined || os.includes('linux')) &&
    (cpu === undefined || cpu.includes('x64') || cpu.includes('arm64')) &&
    (libc === undefined || libc.includes('glibc'))
  );
}

/** Returns one line for each row, the columns aligned. */
function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
