// The console in a real browser before a real service: starts both for a file of tests, and fails a test whose pages had an error.
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { chromiumPath } from './chromium.js';
import { ConsoleStage, type StageOptions } from './stage.js';

/** Other tests share the processors of this machine. */
const TEST_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 120_000;

/** A suite of tests in a browser. It is skipped, and the reason is printed, where no browser is installed. */
export function describeConsole(name: string, tests: () => void): void {
  describe.skipIf(chromiumPath === undefined)(name, { timeout: TEST_TIMEOUT_MS }, tests);
}

/** Starts a service and a browser for the tests of a suite, and ends both after them. Call it inside describeConsole. */
export function useConsole(options: StageOptions = {}): ConsoleStage {
  const stage = new ConsoleStage(options);
  beforeAll(() => stage.start(), START_TIMEOUT_MS);
  afterEach(() => stage.endTest());
  afterAll(() => stage.stop(), START_TIMEOUT_MS);
  return stage;
}
