// The last hour and the last day as plots: rates, latency, memory and temperature, each with its figures as a text.
import type { z } from 'zod';
import { useState } from 'preact/hooks';
import type { historyAnswer } from '../../../api/device/answers.js';
import { get } from '../../api/client.js';
import { useFetch, useReload } from '../../api/use-fetch.js';
import { formatBytes, formatNumber, formatUnit } from '../../format.js';
import { Button } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { chooseTicks, LinePlot, type Line, type Tick } from '../../ui/plots.js';
import { Empty, ErrorNotice, Spinner } from '../../ui/show.js';
import { language, useWords } from '../../words.js';
import { words } from './words.js';

type History = z.output<typeof historyAnswer>;
type Span = History['span'];

const SPAN_SECONDS: Record<Span, number> = { hour: 3_600, day: 86_400 };
/** Distances of the times below a plot, of which the first with few enough times is taken. */
const TICK_SECONDS = [60, 300, 900, 3_600, 21_600];
const MOST_TIMES = 5;
/** A young history is drawn over this part of its span at least. */
const LEAST_SHARE = 1 / 12;
const RELOAD_MS: Record<Span, number> = { hour: 10_000, day: 60_000 };
const KINDS = ['accent', 'ok', 'warn', 'bad', 'soft'] as const;

const MS = ['ms', 1] as const;
const RATE = ['1/s', 1] as const;

interface Subject {
  name: 'fps' | 'analysis' | 'match' | 'delay' | 'requests' | 'requestMs' | 'memory' | 'temperature' | 'loopLag';
  /** The value with its unit, in words of the page. */
  format: (value: number) => string;
  /** Symbol of the unit, behind the name, and the value of one unit: the axis has numbers alone. */
  unit: readonly [string, number];
  /** Values by the name of the line. */
  lines: [string, (number | null)[]][];
}

export function HistoryCard() {
  const t = useWords(words);
  const [span, setSpan] = useState<Span>('hour');
  const { data, error, reload } = useFetch((signal) => get<History>('status/history', { span }, signal), [span]);
  useReload(reload, RELOAD_MS[span]);
  return (
    <Card
      title={t('plots')}
      actions={
        <div class="row" role="group" aria-label={t('span')}>
          {(['hour', 'day'] as const).map((one) => (
            <Button
              key={one}
              kind={one === span ? 'primary' : 'plain'}
              aria-pressed={one === span}
              onClick={() => setSpan(one)}
            >
              {t(one)}
            </Button>
          ))}
        </div>
      }
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {data && data.span === span && <Plots history={data} />}
    </Card>
  );
}

function Plots({ history }: { history: History }) {
  const t = useWords(words);
  if (history.service.memoryBytes.length === 0) return <Empty>{t('nothingYet')}</Empty>;
  return (
    <div class="plots">
      {listSubjects(history, t('service')).map((subject) => (
        <HistoryPlot key={subject.name} subject={subject} history={history} />
      ))}
    </div>
  );
}

function HistoryPlot({ subject, history }: { subject: Subject; history: History }) {
  const t = useWords(words);
  const { name, format, unit, lines } = subject;
  const { span, stepSeconds, endsAt } = history;
  const endSeconds = Date.parse(endsAt) / 1_000;
  const shownSeconds = Math.max(history.service.memoryBytes.length * stepSeconds, SPAN_SECONDS[span] * LEAST_SHARE);
  const x = [endSeconds - shownSeconds, endSeconds] as const;
  const [symbol, size] = unit;
  const most = Math.max(...lines.flatMap(([, values]) => values.map((value) => value ?? 0))) / size;
  const top = most > 0.1 ? most * 1.1 : 1;
  const drawn: Line[] = lines.map(([line, values], index) => ({
    name: line,
    kind: KINDS[index % KINDS.length] ?? 'accent',
    points: values.map(
      (value, at) =>
        [endSeconds - (values.length - 1 - at) * stepSeconds, value === null ? undefined : value / size] as const,
    ),
  }));
  const texts = lines.map(([line, values]) => {
    const known = values.filter((value) => value !== null);
    const last = known.at(-1);
    if (last === undefined) return t('plotNone', { line });
    return t('plotLine', { line, last: format(last), most: format(Math.max(...known)) });
  });
  return (
    <div>
      <h3>{`${t(name)} (${symbol})`}</h3>
      <LinePlot
        label={t('plotLabel', { name: t(name), span: t(span), lines: texts.join('; ') })}
        x={x}
        y={[0, top]}
        xTicks={listTimes(x)}
        yTicks={chooseTicks(0, top, 3).map((at) => ({ at, text: formatNumber(at, 2) }))}
        heightPx={180}
        lines={drawn}
      />
      <p class="quiet">{texts.join('; ')}</p>
    </div>
  );
}

/** Whole hours, or parts of one, in the time zone of the browser. */
function listTimes([from, to]: readonly [number, number]): Tick[] {
  const stepSeconds = TICK_SECONDS.find((step) => (to - from) / step <= MOST_TIMES) ?? SPAN_SECONDS.day;
  const offsetSeconds = new Date(to * 1_000).getTimezoneOffset() * 60;
  const first = Math.ceil((from - offsetSeconds) / stepSeconds) * stepSeconds + offsetSeconds;
  const format = new Intl.DateTimeFormat(language.value, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const count = Math.floor((to - first) / stepSeconds) + 1;
  return Array.from({ length: count }, (_, index) => first + index * stepSeconds).map((at) => ({
    at,
    text: format.format(new Date(at * 1_000)),
  }));
}

function listSubjects({ service, cameras }: History, serviceName: string): Subject[] {
  const ofCameras = (line: keyof History['cameras'][number]['lines']): Subject['lines'] =>
    cameras.map(({ id, lines }) => [id, lines[line]]);
  const formatRate = (value: number): string => formatNumber(value, 1);
  const formatMs = (value: number): string => formatUnit(value, 'millisecond');
  const formatCelsius = (value: number): string => formatUnit(value, 'celsius');
  const subjects: Subject[] = [
    { name: 'fps', format: formatRate, unit: RATE, lines: ofCameras('analysedFps') },
    { name: 'analysis', format: formatMs, unit: MS, lines: ofCameras('analysisMs') },
    { name: 'match', format: formatMs, unit: MS, lines: ofCameras('matchMs') },
    { name: 'delay', format: formatMs, unit: MS, lines: ofCameras('delayMs') },
    { name: 'requests', format: formatRate, unit: RATE, lines: [[serviceName, service.requestsPerSecond]] },
    { name: 'requestMs', format: formatMs, unit: MS, lines: [[serviceName, service.requestMs]] },
    { name: 'memory', format: formatBytes, unit: ['MB', 1e6], lines: [[serviceName, service.memoryBytes]] },
    { name: 'temperature', format: formatCelsius, unit: ['°C', 1], lines: [[serviceName, service.temperatureCelsius]] },
    { name: 'loopLag', format: formatMs, unit: MS, lines: [[serviceName, service.loopLagMs]] },
  ];
  // A device without a sensor, or without a match, has no plot of it.
  return subjects.filter(({ lines }) => lines.some(([, values]) => values.some((value) => value !== null)));
}
