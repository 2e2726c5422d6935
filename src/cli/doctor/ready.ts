// `lintel doctor --ready SECONDS`: waits until the running service says that it is ready; scripts/install asks so.
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../../config/schema.js';
import { dataPaths } from '../../config/paths.js';
import { askStatus, serviceUrl } from './connections.js';
import { serviceRuns } from './cameras.js';

const PAUSE_MS = 250;
const ANSWER_MS = 2_000;

/** @param seconds to wait for it @returns whether it became ready */
export async function waitUntilReady(config: Config, seconds: number): Promise<boolean> {
  const endMs = performance.now() + seconds * 1_000;
  for (;;) {
    if (await isReady(config)) return true;
    if (performance.now() + PAUSE_MS > endMs) return false;
    await pause(PAUSE_MS);
  }
}

async function isReady(config: Config): Promise<boolean> {
  // A port that the system chose is not known here: the way in for the command line is there when everything is started.
  if (config.http.port === 0) return serviceRuns(dataPaths(config).adminSocket);
  try {
    return (await askStatus(`${serviceUrl(config.http)}/readyz`, AbortSignal.timeout(ANSWER_MS))) === 200;
  } catch {
    return false;
  }
}
