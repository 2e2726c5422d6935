// The peers that Lintel is compared with: what is installed for each, into a folder of its own, and how it is started.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { EmbedderModel } from '../../src/models/manifest.js';
import { pickReason } from './peer-process.js';

const run = promisify(execFile);

/** How a process is started. */
export interface Command {
  file: string;
  args: string[];
  environment?: Record<string, string>;
}

export interface Peer {
  id: string;
  /** Library and version. */
  title: string;
  command: Command;
}

/** A peer that cannot be measured here. */
export interface MissingPeer {
  id: string;
  title: string;
  reason: string;
}

export interface PeerFiles {
  detector: string;
  embedder: string;
  input: Pick<EmbedderModel['input'], 'mean' | 'std'> & Pick<EmbedderModel, 'template'>;
}

/** Exact versions, so that figures of different days can be compared. */
const NPM = {
  tensorflow: [
    '@vladmandic/face-api@1.7.15',
    '@vladmandic/human@3.3.6',
    '@tensorflow/tfjs@4.22.0',
    '@tensorflow/tfjs-backend-wasm@4.22.0',
    'sharp@0.34.5',
  ],
  hnswlib: ['hnswlib-node@3.0.0'],
} as const;
const OPENCV_WHEEL = 'opencv-python-headless==5.0.0.93';
const DEBIAN_PYTHON = '/usr/bin/python3';

/** Lists the peers that find and embed faces. What is missing is installed into the folder first. */
export async function listVisionPeers(folder: string, files: PeerFiles): Promise<(Peer | MissingPeer)[]> {
  const faceApi = 'face-api.js, WASM';
  const opencv = [files.detector, files.embedder, JSON.stringify(files.input)];
  return [
    await prepare('faceapi.ssd', `${faceApi}, SSD`, () => nodePeer(folder, 'tensorflow', 'face-api.mjs', ['ssd'])),
    await prepare('faceapi.tiny', `${faceApi}, tiny`, () => nodePeer(folder, 'tensorflow', 'face-api.mjs', ['tiny'])),
    await prepare('human', 'Human, WASM', () => nodePeer(folder, 'tensorflow', 'human.mjs')),
    await prepare('opencv.debian', "OpenCV of Debian, Lintel's models", () =>
      debianPeer(folder, ['python3-opencv', 'python3-numpy'], 'cv2', 'opencv.py', opencv),
    ),
    await prepare('opencv.pypi', "OpenCV 5 of PyPI, Lintel's models", () => wheelPeer(folder, opencv)),
  ];
}

/** Lists the peers that search vectors. What is missing is installed into the folder first. */
export async function listSearchPeers(folder: string): Promise<(Peer | MissingPeer)[]> {
  const faiss = (kind: string): Promise<Command> =>
    debianPeer(folder, ['python3-faiss', 'python3-numpy'], 'faiss', 'faiss-index.py', [kind]);
  return [
    await prepare('faiss.flat', 'FAISS of Debian, flat', () => faiss('flat')),
    await prepare('faiss.hnsw', 'FAISS of Debian, HNSW', () => faiss('hnsw')),
    await prepare('hnswlib', 'hnswlib-node', () => nodePeer(folder, 'hnswlib', 'hnswlib.mjs')),
  ];
}

async function prepare(id: string, title: string, make: () => Promise<Command>): Promise<Peer | MissingPeer> {
  try {
    return { id, title, command: await make() };
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    return { id, title, reason: pickReason(stderr === '' ? message : stderr) };
  }
}

async function nodePeer(folder: string, key: keyof typeof NPM, script: string, args: string[] = []): Promise<Command> {
  const home = join(folder, key);
  const done = join(home, 'installed.json');
  if (!existsSync(done)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(
      join(home, 'package.json'),
      JSON.stringify({ name: `lintel-peer-${key.toLowerCase()}`, private: true }),
    );
    await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...NPM[key]], { cwd: home });
    writeFileSync(done, JSON.stringify(NPM[key]));
  }
  return { file: process.execPath, args: [scriptPath(script), home, ...args] };
}

/** Uses packages of Debian: those of the system where Python finds the module there, else unpacked into the folder. */
async function debianPeer(
  folder: string,
  packages: string[],
  module: string,
  script: string,
  args: string[],
): Promise<Command> {
  const root = join(folder, 'debian');
  const system = { PYTHONDONTWRITEBYTECODE: '1' };
  const unpacked = {
    ...system,
    PYTHONPATH: join(root, 'usr/lib/python3/dist-packages'),
    LD_LIBRARY_PATH: listLibraryFolders(root).join(':'),
  };
  const has = async (environment: Record<string, string>): Promise<boolean> => {
    const options = { env: { ...process.env, ...environment } };
    return run(DEBIAN_PYTHON, ['-c', `import numpy, ${module}`], options).then(
      () => true,
      () => false,
    );
  };
  const command = (environment: Record<string, string>): Command => ({
    file: DEBIAN_PYTHON,
    args: [scriptPath(script), ...args],
    environment,
  });
  if (await has(system)) return command(system);
  if (!(await has(unpacked))) {
    await unpack(root, packages);
    unpacked.LD_LIBRARY_PATH = listLibraryFolders(root).join(':');
    // Fails with Python's reason where the module still cannot be loaded.
    await run(DEBIAN_PYTHON, ['-c', `import numpy, ${module}`], { env: { ...process.env, ...unpacked } });
  }
  return command(unpacked);
}

/** Downloads packages with all that they need and that the system lacks, and unpacks them. Nothing is installed. */
async function unpack(root: string, packages: string[]): Promise<void> {
  const downloads = join(root, 'packages');
  mkdirSync(downloads, { recursive: true });
  const { stdout } = await run('apt-get', ['install', '-s', '--no-install-recommends', ...packages]);
  const wanted = [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!);
  await run('apt-get', ['download', ...wanted], { cwd: downloads });
  for (const file of readdirSync(downloads)) await run('dpkg', ['-x', join(downloads, file), root]);
}

function listLibraryFolders(root: string): string[] {
  const libraries = join(root, 'usr/lib');
  if (!existsSync(libraries)) return [];
  const machine = readdirSync(libraries).find((name) => name.endsWith('-linux-gnu'));
  if (machine === undefined) return [libraries];
  return [libraries, ...['', 'blas', 'lapack'].map((name) => join(libraries, machine, name))];
}

async function wheelPeer(folder: string, args: string[]): Promise<Command> {
  const target = join(folder, 'pypi');
  if (!existsSync(join(target, 'cv2'))) {
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', target, OPENCV_WHEEL]);
  }
  const environment = { PYTHONPATH: target, PYTHONDONTWRITEBYTECODE: '1' };
  return { file: 'python3', args: [scriptPath('opencv.py'), ...args], environment };
}

function scriptPath(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
