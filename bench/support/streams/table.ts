// The table of the bench of habits, for people.
import { printTable } from '../report.js';
import type { StreamResult } from './judge.js';

export function printStreams(results: readonly StreamResult[]): void {
  const head = ['kind', 'events', 'noticed after', 'delivered', 'age ms', 'reading ms/s', 'all ms/s', 'MB', 'result'];
  const rows = results.map((result) => {
    const { kind, events, notices, delivered, deliverable, medianAgeMs, worstAgeMs, missed } = result;
    return [
      kind,
      shortenEvents(events),
      notices.map(({ what, tookMs }) => `${what} ${tookMs === undefined ? 'never' : `${tookMs} ms`}`).join(', '),
      deliverable > 0 ? `${delivered} of ${deliverable}` : String(delivered),
      medianAgeMs === undefined ? '' : `${medianAgeMs} / ${worstAgeMs}`,
      result.readingMs.toFixed(0),
      result.cpuMs.toFixed(0),
      result.memoryMb.toFixed(0),
      missed.length === 0 ? 'ok' : 'MISSED',
    ];
  });
  printTable([head, ...rows]);
  const missed = results.filter((one) => one.missed.length > 0);
  console.log(`\n${results.length} kinds, ${missed.length} with a missed expectation`);
  for (const { kind, missed: problems } of missed) for (const problem of problems) console.log(`  ${kind}: ${problem}`);
}

function shortenEvents(events: readonly string[]): string {
  return events.length === 0 ? 'none' : events.map((event) => event.replace(/^match /, '')).join(' + ');
}
