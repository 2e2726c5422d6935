// Creates temporary folders for tests, which are removed after the test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Creates a folder that is removed after the running test. Call it inside a test. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'lintel-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
