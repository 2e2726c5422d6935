// `lintel doctor --ready SECONDS`: waits until the running service says that it is ready. scripts/install uses it.
import { setTimeout as pause } from 'node:timers/promises';
import { dataPaths } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import { getLocalServiceUrl } from '../service-url.js';
import { fetchStatus, isServiceRunning } from './service.js';

const PAUSE_MS = 250;
const ANSWER_TIMEOUT_MS = 2_000;

/** @param seconds longest time to wait @returns whether the service became ready in that time */
export async function waitUntilReady(config: Config, seconds: number): Promise<boolean> {
  const endMs = performance.now() + seconds * 1_000;
  for (;;) {
    if (await isReady(config)) return true;
    if (performance.now() + PAUSE_MS > endMs) return false;
    await pause(PAUSE_MS);
  }
}

async function isReady(config: Config): Promise<boolean> {
  // The number of a port that the system chose is not known here. The admin socket exists once every part has started.
  if (config.http.port === 0) return isServiceRunning(dataPaths(config).adminSocket);
  try {
    const url = `${getLocalServiceUrl(config.http)}/readyz`;
    return (await fetchStatus(url, AbortSignal.timeout(ANSWER_TIMEOUT_MS))) === 200;
  } catch {
    return false;
  }
}
