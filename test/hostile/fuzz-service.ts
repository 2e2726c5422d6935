// Starts a service for fuzzing, with a group and a picture. The test and the long run share it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { startService, type Service } from '../support/service.js';
import { fuzz, type FuzzReport } from './fuzz-run.js';

export interface FuzzServiceOptions {
  folder: string;
  modelsDir: string;
  /** Folder of the models. */
  set: string;
  seed: number;
  /** See FuzzOptions. Default: 0. */
  from?: number;
  count?: number;
  seconds?: number;
}

export interface FuzzServiceReport extends FuzzReport {
  /** State of the service afterwards: whether it answers, the health of its vision, and the unforeseen errors in its log. */
  aftermath: { answers: boolean; vision: unknown; unforeseen: unknown[]; exitCode: number | null };
}

export async function fuzzService({
  folder,
  modelsDir,
  set,
  seed,
  from = 0,
  count,
  seconds,
}: FuzzServiceOptions): Promise<FuzzServiceReport> {
  const service = await startService({ folder, modelsDir, set, config: { vision: { workers: 1 } } });
  let exitCode: number | null = null;
  let report: FuzzReport;
  let aftermath: Omit<FuzzServiceReport['aftermath'], 'exitCode'>;
  try {
    const picture = await sharp({ create: { width: 90, height: 90, channels: 3, background: '#867' } })
      .jpeg()
      .toBuffer();
    await service.call('POST', '/groups', { groupId: 'fuzzed' });
    const targets = {
      appKey: service.appKey,
      secretKey: readFileSync(join(folder, 'keys/secret-key'), 'utf8').trim(),
      groupId: 'fuzzed',
      faceId: '0'.repeat(8) + '-0000-4000-8000-000000000000',
      picture,
    };
    report = await fuzz({ url: service.url, targets, seed, from, count, seconds });
    aftermath = await readAftermath(service);
  } finally {
    exitCode = await service.stop();
  }
  return { ...report, aftermath: { ...aftermath, exitCode } };
}

async function readAftermath(service: Service): Promise<Omit<FuzzServiceReport['aftermath'], 'exitCode'>> {
  const { parts } = (await (await fetch(`${service.url}/healthz`)).json()) as {
    parts: { vision: { status: string; facts: Record<string, unknown> } };
  };
  return {
    answers: (await service.call('GET', '/groups')).header.isSuccessful,
    vision: { status: parts.vision.status, restarts: parts.vision.facts.restarts },
    unforeseen: service.log.filter(({ msg }) => msg === 'a request failed for an unforeseen reason'),
  };
}
