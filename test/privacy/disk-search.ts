// Searches for the tests of privacy: the files that a process has open for writing, and files that contain given bytes.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface Needle {
  what: string;
  bytes: Uint8Array;
}

/** The beginnings of picture files, long enough not to stand in sealed bytes by chance. */
export const PICTURE_BEGINNINGS: readonly Needle[] = [
  { what: 'a JPEG (JFIF)', bytes: Buffer.from('ffd8ffe000104a464946', 'hex') },
  { what: 'a JPEG without a header', bytes: Buffer.from('ffd8ffdb004300', 'hex') },
  { what: 'a PNG', bytes: Buffer.from('89504e470d0a1a0a', 'hex') },
  { what: 'a WebP', bytes: Buffer.from('WEBPVP8') },
];

const WINDOW_BYTES = 48;

/** Pieces from all over some bytes, without the dull ones, which stand in other files too. */
export function splitPieces(what: string, bytes: Uint8Array, count: number): Needle[] {
  const needles: Needle[] = [];
  for (let i = 1; i <= count; i++) {
    const at = Math.floor((i * bytes.length) / (count + 1));
    const piece = bytes.subarray(at, at + WINDOW_BYTES);
    if (piece.length === WINDOW_BYTES && new Set(piece).size > 12)
      needles.push({ what: `${what}, byte ${at}`, bytes: piece });
  }
  return needles;
}

/** The same pixels with red and blue exchanged, as OpenCV has them. */
export function swapped(rgb: Uint8Array): Uint8Array {
  const bgr = Uint8Array.from(rgb);
  for (let i = 0; i + 2 < bgr.length; i += 3) [bgr[i], bgr[i + 2]] = [bgr[i + 2]!, bgr[i]!];
  return bgr;
}

/** Every regular file below the folders. */
export function filesBelow(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
}

/** A sentence for each needle that a file holds. */
export function search(files: readonly string[], needles: readonly Needle[]): string[] {
  return files.flatMap((file) => {
    const content = readFileSync(file);
    return needles
      .filter(({ bytes }) => content.includes(Buffer.from(bytes)))
      .map(({ what }) => `${file} holds ${what}`);
  });
}

interface OpenFile {
  /** Where it can be read, also when it has no name any more. */
  link: string;
  target: string;
  isForWriting: boolean;
}

/** The regular files that a process has open now. */
export function openFiles(pid: number): OpenFile[] {
  return listing(`/proc/${pid}/fd`).flatMap((fd) => {
    const link = `/proc/${pid}/fd/${fd}`;
    try {
      if (!statSync(link).isFile()) return [];
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
      return [{ link, target: readlinkSync(link), isForWriting: (parseInt(flags, 8) & 3) !== 0 }];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

/** Files that the process can write through its memory. */
export function writableMappings(pid: number): string[] {
  let maps: string[];
  try {
    maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  } catch {
    // Ended meanwhile.
    return [];
  }
  return maps.flatMap((line) => /^\S+ .w.s \S+ \S+ [1-9]\d*\s+(\/.*)$/.exec(line)?.[1] ?? []);
}

/** Looks at a process again and again, until it is told to stop. */
export class Watch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  readonly written = new Set<string>();
  looks = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), 10);
    onTestFinished(() => this.stop());
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.looks++;
    for (const { target, isForWriting } of openFiles(this.#pid)) if (isForWriting) this.written.add(target);
    for (const path of writableMappings(this.#pid)) this.written.add(path);
  }
}

/** Where there is strace, and it may look: every file that the process and its threads open for writing from now on. */
export async function traceOpens(pid: number, output: string): Promise<{ opened: () => string[] } | undefined> {
  let strace: ChildProcess;
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' });
    const calls = 'trace=open,openat,openat2,creat,memfd_create,mknod,mknodat';
    strace = spawn('strace', ['-f', '-p', String(pid), '-e', calls, '-s', '4096', '-o', output], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch {
    console.warn('skipped: the trace of the service, since there is no strace here');
    return undefined;
  }
  onTestFinished(() => void strace.kill('SIGKILL'));
  let said = '';
  const isAttached = await new Promise<boolean>((resolve) => {
    strace.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/attached/.test(said)) resolve(true);
    });
    strace.once('exit', () => resolve(false));
  });
  if (!isAttached) {
    console.warn(`skipped: the trace of the service: ${said.trim()}`);
    return undefined;
  }
  return {
    opened: () => {
      const lines = readFileSync(output, 'utf8').split('\n');
      return lines.flatMap((line) => {
        if (!/O_WRONLY|O_RDWR|O_CREAT|creat\(|memfd_create\(|mknod/.test(line) || / = -1 /.test(line)) return [];
        return /"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line;
      });
    },
  };
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
