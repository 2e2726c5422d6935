// The answer with one span of the history of rates and latency.
import type { z } from 'zod';
import { countHistoryBytes, type HistorySpan } from '../../ops/history.js';
import { CAMERA_LINES, SERVICE_LINES, type VitalHistory } from '../../ops/vitals.js';
import type { historyAnswer } from './answers.js';

/** @param nowMs time of the answer, epoch */
export function describeHistory(
  report: VitalHistory,
  span: HistorySpan,
  nowMs: number,
): z.output<typeof historyAnswer> {
  const { stepSeconds, ageMs, service, cameras } = report;
  return {
    span,
    stepSeconds,
    endsAt: new Date(nowMs - ageMs).toISOString(),
    bytes: countHistoryBytes(SERVICE_LINES.length + cameras.length * CAMERA_LINES.length),
    service: roundLines(service),
    cameras: cameras.map(({ id, lines }) => ({ id, lines: roundLines(lines) })),
  };
}

type Lines<Name extends string> = Record<Name, (number | null)[]>;

function roundLines<Name extends string>(lines: Lines<Name>): Lines<Name> {
  const rounded = Object.entries<(number | null)[]>(lines).map(([name, values]) => [name, values.map(round)]);
  return Object.fromEntries(rounded) as Lines<Name>;
}

/** Rounds to 4 digits, which no plot shows, so that the answer is short. */
function round(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(4));
}
