// A folder of a test's own, removed when the test is over.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Inside a test: a new folder that goes with it. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'lintel-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
