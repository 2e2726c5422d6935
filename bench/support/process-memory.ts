// The resident memory of a service with all its processes, by kind of mapping, as Linux accounts it.
import { readdirSync, readFileSync } from 'node:fs';

/** Kinds of mappings, as the table of a bench names them. */
export const MAPPINGS = ['program', 'libraries', 'files', 'heap', 'arenas', 'stacks', 'anonymous', 'other'] as const;
export type Mapping = (typeof MAPPINGS)[number];

export interface MemoryShare {
  /** Resident bytes, shared pages included. */
  rss: number;
  /** Resident bytes, each shared page divided by the number of processes that use it. */
  pss: number;
  /** Resident bytes that no other process uses. */
  private: number;
}

export interface ProcessMemory extends MemoryShare {
  /** Number of processes: the service and the decoders that it started. */
  processes: number;
  byMapping: Record<Mapping, MemoryShare>;
}

/** Reads the memory of a process and of all that it started. A process that ends meanwhile is left out. */
export function readMemory(pid: number): ProcessMemory {
  const sum: ProcessMemory = {
    ...none(),
    processes: 0,
    byMapping: Object.fromEntries(MAPPINGS.map((name) => [name, none()])) as Record<Mapping, MemoryShare>,
  };
  for (const one of listProcesses(pid)) {
    const smaps = readText(`/proc/${one}/smaps`);
    if (smaps === '') continue;
    sum.processes++;
    for (const { mapping, share } of parseMappings(smaps)) {
      add(sum, share);
      add(sum.byMapping[mapping], share);
    }
  }
  return sum;
}

/** Reads the highest resident memory that a process has had so far, in bytes. */
export function readPeak(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readText(`/proc/${pid}/status`))?.[1] ?? Number.NaN) * 1024;
}

/** Lists a process and its descendants. */
function listProcesses(pid: number): number[] {
  const children = readdirNumbers(`/proc/${pid}/task`).flatMap((thread) =>
    readText(`/proc/${pid}/task/${thread}/children`)
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  );
  return [pid, ...children.flatMap(listProcesses)];
}

/** Reads the mappings of /proc/PID/smaps with their sizes. */
export function* parseMappings(smaps: string): Generator<{ mapping: Mapping; share: MemoryShare }> {
  for (const block of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+[^\S\n]*(.*)$/m.exec(block);
    if (!head) continue;
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(block)?.[1] ?? 0) * 1024;
    yield {
      mapping: nameMapping(BigInt(`0x${head[1]}`), head[4] ?? ''),
      share: { rss: field('Rss'), pss: field('Pss'), private: field('Private_Clean') + field('Private_Dirty') },
    };
  }
}

/** Size and alignment of the heaps of glibc's further arenas (HEAP_MAX_SIZE). */
const ARENA_BYTES = 64n * 1024n * 1024n;

function nameMapping(start: bigint, path: string): Mapping {
  if (path === '[heap]') return 'heap';
  if (path.startsWith('[stack')) return 'stacks';
  if (path.startsWith('[')) return 'other';
  if (path === '') return start % ARENA_BYTES === 0n ? 'arenas' : 'anonymous';
  if (/\/node(js)?( \(deleted\))?$/.test(path)) return 'program';
  return /\.so(\.[\d.]+)?$|\.node$/.test(path) ? 'libraries' : 'files';
}

function none(): MemoryShare {
  return { rss: 0, pss: 0, private: 0 };
}

function add(sum: MemoryShare, share: MemoryShare): void {
  sum.rss += share.rss;
  sum.pss += share.pss;
  sum.private += share.private;
}

function readdirNumbers(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
