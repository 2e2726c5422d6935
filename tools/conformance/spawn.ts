// Starts a service for the suite, with small quotas, a short queue and a second appKey, so that every limit can be reached.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sharedModelsDir } from '../../test/support/shared.js';
import { CLI, startService, type Service } from '../../test/support/service.js';
import { PICTURE_HOST, PictureServer } from './picture-server.js';
import type { Spawned } from './world.js';

const MAX_GROUPS = 30;
const MAX_FACES_PER_GROUP = 12;
const URL_TIMEOUT_MS = 1_000;

export interface SpawnedTarget {
  url: string;
  appKey: string;
  secretKey: string | undefined;
  otherAppKey: string;
  otherSecretKey: string | undefined;
  spawned: Spawned;
  stop(): Promise<void>;
}

/** Starts the service. @throws Error when it is not built, has no models or does not become ready */
export async function spawnTarget(options: { picture: Buffer; maxImageBytes: number }): Promise<SpawnedTarget> {
  const { picture, maxImageBytes } = options;
  if (sharedModelsDir === undefined) throw new Error('the models are missing: run scripts/setup');
  if (!existsSync(CLI)) throw new Error('the service is not built: run npm run build');
  const folder = mkdtempSync(join(tmpdir(), 'lintel-conformance-'));
  const server = new PictureServer({ picture, maxImageBytes });
  let service: Service | undefined;
  const stop = async (): Promise<void> => {
    await server.stop();
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await server.start();
    service = await startService({
      folder,
      modelsDir: sharedModelsDir,
      config: {
        http: { port: 0, maxImageBytes },
        images: { allowNetworks: [`${PICTURE_HOST}/32`], timeoutMs: URL_TIMEOUT_MS },
        vision: { workers: 2, queueLength: 6 },
        gallery: { maxGroups: MAX_GROUPS, maxFacesPerGroup: MAX_FACES_PER_GROUP },
      },
    });
    const keys = async (...args: string[]): Promise<string[]> => {
      const command = [CLI, 'keys', ...args, '--config', join(folder, 'lintel.yaml')];
      return (await promisify(execFile)(process.execPath, command)).stdout.split('\n');
    };
    const [otherAppKey = '', otherSecretKey] = await keys('add', 'other');
    const [revokedAppKey = ''] = await keys('add', 'revoked');
    await keys('revoke', 'revoked');
    return {
      url: service.url,
      appKey: service.appKey,
      secretKey: readSecret(folder),
      otherAppKey,
      otherSecretKey: otherSecretKey || undefined,
      spawned: { server, revokedAppKey, maxGroups: MAX_GROUPS, maxFacesPerGroup: MAX_FACES_PER_GROUP },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function readSecret(folder: string): string | undefined {
  const file = join(folder, 'keys', 'secret-key');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}
