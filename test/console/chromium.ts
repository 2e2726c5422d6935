// Finds and starts the browser of the tests: Chromium of the distribution, driven by playwright-core. Nothing is downloaded.
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of the browser; undefined where none is installed, and the reason for skipped tests is then printed. */
export const chromiumPath: string | undefined = PROGRAMS.find((path) => existsSync(path));
if (chromiumPath === undefined)
  console.warn('skipped: tests in a browser: chromium is not installed (scripts/setup --tests)');

/** Starts the browser. Close it with its own `close`. @throws Error where none is installed */
export async function startChromium(args: readonly string[] = []): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error(`no browser is installed: none of ${PROGRAMS.join(', ')} exists`);
  // The sandbox of Chromium refuses to run as root.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  // /dev/shm is too small in most containers.
  return chromium.launch({ executablePath: chromiumPath, args: [...sandbox, '--disable-dev-shm-usage', ...args] });
}
