// Sends untrusted pictures to a whole service: each gets its code, in bounded time and memory, and the process survives.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestModels } from '../support/model-sets.js';
import { toImage, startService, type Service } from '../support/service.js';
import { hostileFiles, SUCCESS, type HostileFile } from './corpus.js';

/** Time limit: one second on an idle machine, doubled for a machine that runs other tests; the best of a few attempts counts. */
const MAX_MS = 2_000;
const ATTEMPTS = 3;
const MAX_MEMORY_MB = 200;

const files = await hostileFiles();

describe('a running service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lintel-hostile-'));
  let service: Service;

  beforeAll(async () => {
    service = await startService({
      folder,
      ...bestModels,
      config: { vision: { workers: 1 } },
    });
    // The first picture of a decoder takes longest, whatever the file is; and the decoder process, whose memory counts, starts with it.
    for (const { bytes, codes } of files.slice(-3)) {
      expect(codes).toContain((await service.call('POST', '/detect', { image: toImage(bytes) })).header.resultCode);
    }
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('is tested with at least sixty files', () => {
    expect(new Set(files.map(({ bytes }) => bytes.toString('base64'))).size).toBeGreaterThanOrEqual(60);
  });

  it.each(files.map((file) => [file.name, file] as const))('answers with an allowed code: %s', async (_name, file) => {
    const attempts: Attempt[] = [];
    do attempts.push(await attempt(file));
    while (attempts.length < ATTEMPTS && Math.min(...attempts.map(({ ms }) => ms)) > MAX_MS);
    if (process.env.DEBUG_HOSTILE) console.log(file.name, file.bytes.length, attempts);
    for (const { code, detail } of attempts) {
      expect(file.codes).toContain(code);
      if (code !== SUCCESS) expect(detail).toMatch(/\w/);
    }
    expect(Math.min(...attempts.map(({ ms }) => ms))).toBeLessThanOrEqual(MAX_MS);
    expect(Math.max(...attempts.map(({ memoryMb }) => memoryMb))).toBeLessThanOrEqual(MAX_MEMORY_MB);
  });

  it('survives with its first workers, and has logged no unforeseen error', async () => {
    const health = (await (await fetch(`${service.url}/healthz`)).json()) as {
      parts: Record<string, { status: string; facts?: Record<string, unknown> }>;
    };
    expect(health.parts.vision).toMatchObject({ status: 'ok', facts: { workers: 1, restarts: 0 } });
    expect(service.log.filter(({ msg }) => msg === 'a request failed for an unforeseen reason')).toEqual([]);
  });

  interface Attempt {
    code: number;
    detail: string | undefined;
    ms: number;
    /** Peak of the resident memory above the value before the request, decoder process included. */
    memoryMb: number;
  }

  async function attempt({ bytes }: HostileFile): Promise<Attempt> {
    const pids = [service.pid, ...listChildren(service.pid)];
    // Resets the peaks to the present resident memory.
    for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
    const beforeMb = pids.map((pid) => residentMb(pid, 'VmRSS'));
    const started = performance.now();
    const { header } = await service.call('POST', '/detect', { image: toImage(bytes) });
    const ms = performance.now() - started;
    return {
      code: header.resultCode,
      detail: header.detail,
      ms,
      memoryMb: pids.reduce((sum, pid, i) => sum + residentMb(pid, 'VmHWM') - beforeMb[i]!, 0),
    };
  }
});

/** Lists the decoder processes of a service: its threads start them. */
function listChildren(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function residentMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6;
}
