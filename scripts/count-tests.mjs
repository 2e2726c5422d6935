// Prints `N passed, N failed, N skipped` from vitest's JSON report. Usage: count-tests.mjs REPORT EXIT_STATUS
import { readFileSync } from 'node:fs';
import process from 'node:process';

const [file, status] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, 'utf8'));
// A file that could not be loaded has no tests to count, and an error outside of any test fails none.
const unloaded = report.testResults.filter(
  ({ status: state, assertionResults }) =>
    state === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
);
const failed = Math.max(report.numFailedTests + unloaded.length, status === '0' ? 0 : 1);
const skipped = report.numPendingTests + report.numTodoTests;
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
