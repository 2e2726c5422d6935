// Prints `N passed, N failed, N skipped` from the JSON reports of vitest. Usage: count-tests.mjs EXIT_STATUS REPORT...
import { readFileSync } from 'node:fs';
import process from 'node:process';

const [status, ...files] = process.argv.slice(2);
const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
// A file that could not be loaded has no tests to count, and an error outside of any test fails none.
const unloaded = reports
  .flatMap(({ testResults }) => testResults)
  .filter(
    ({ status: state, assertionResults }) =>
      state === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
const sum = (name) => reports.reduce((total, report) => total + report[name], 0);
const failed = Math.max(sum('numFailedTests') + unloaded.length, status === '0' ? 0 : 1);
const skipped = sum('numPendingTests') + sum('numTodoTests');
console.log(`${sum('numPassedTests')} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
