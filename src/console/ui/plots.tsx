// Plots as SVG: lines over time and bars, with axes, and with a text in place of the picture for screen readers.
import { useId } from 'preact/hooks';

const WIDTH = 640;
const MARGIN = { left: 52, right: 12, top: 12, bottom: 26 };

/** A scale from values to pixels of the drawing. */
type Scale = (value: number) => number;

export interface Tick {
  at: number;
  text: string;
}

export interface Line {
  name: string;
  /** x and y of each point; a gap where y is undefined. */
  points: readonly (readonly [number, number | undefined])[];
  kind?: 'accent' | 'ok' | 'warn' | 'bad' | 'soft';
  /** True: points alone, without a line. */
  dots?: boolean;
  /** True: the points are marked on the line. */
  marked?: boolean;
}

interface PlotFrame {
  /** What the plot shows, in a sentence, with its main figures: the text alternative. */
  label: string;
  x: readonly [number, number];
  y: readonly [number, number];
  xTicks: readonly Tick[];
  yTicks: readonly Tick[];
  heightPx?: number;
  /** Levels drawn across the plot, such as a threshold. */
  levels?: readonly { at: number; text: string; kind?: 'bad' | 'warn' }[];
  /** Levels drawn from top to bottom. */
  marks?: readonly { at: number; text: string; kind?: 'bad' | 'warn' }[];
}

export function LinePlot({ lines, ...frame }: PlotFrame & { lines: readonly Line[] }) {
  return (
    <Plot
      {...frame}
      keys={lines.map(({ name, kind = 'accent' }) => ({ name, kind }))}
      draw={(x, y) =>
        lines.map(({ name, points, kind = 'accent', dots, marked }) => (
          <g key={name} class={`plot-${kind}`}>
            {!dots && <path class="plot-line" d={tracePath(points, x, y)} />}
            {(dots || marked || points.length === 1) &&
              points.map(
                ([px, py]) => py !== undefined && <circle key={px} class="plot-dot" cx={x(px)} cy={y(py)} r="3.5" />,
              )}
          </g>
        ))
      }
    />
  );
}

export interface BarSeries {
  name: string;
  /** From, to, and height of each bar. */
  bars: readonly (readonly [number, number, number])[];
  kind?: 'accent' | 'ok' | 'warn' | 'bad' | 'soft';
}

export function BarPlot({ series, ...frame }: PlotFrame & { series: readonly BarSeries[] }) {
  return (
    <Plot
      {...frame}
      keys={series.map(({ name, kind = 'accent' }) => ({ name, kind }))}
      draw={(x, y) =>
        series.map(({ name, bars, kind = 'accent' }) => (
          <g key={name} class={`plot-${kind}`}>
            {bars.map(([from, to, height]) => (
              <rect
                key={from}
                class="plot-bar"
                x={x(from)}
                y={y(height)}
                width={Math.max(1, x(to) - x(from) - 1)}
                height={Math.max(0, y(0) - y(height))}
              />
            ))}
          </g>
        ))
      }
    />
  );
}

interface PlotProps extends PlotFrame {
  keys: readonly { name: string; kind: string }[];
  draw: (x: Scale, y: Scale) => preact.ComponentChildren;
}

function Plot({ label, x, y, xTicks, yTicks, heightPx = 200, levels = [], marks = [], keys, draw }: PlotProps) {
  const id = useId();
  const toX = scale(x, MARGIN.left, WIDTH - MARGIN.right);
  const toY = scale(y, heightPx - MARGIN.bottom, MARGIN.top);
  return (
    <figure class="plot">
      <svg viewBox={`0 0 ${WIDTH} ${heightPx}`} role="img" aria-labelledby={id}>
        <title id={id}>{label}</title>
        {yTicks.map(({ at, text }) => (
          <g key={at}>
            <line class="plot-grid" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={toY(at)} y2={toY(at)} />
            <text x={MARGIN.left - 6} y={toY(at) + 4} text-anchor="end">
              {text}
            </text>
          </g>
        ))}
        {xTicks.map(({ at, text }) => (
          <text key={at} x={toX(at)} y={heightPx - 8} text-anchor="middle">
            {text}
          </text>
        ))}
        {draw(toX, toY)}
        {levels.map(({ at, text, kind = 'warn' }) => (
          <g key={text} class={`plot-${kind}`}>
            <line class="plot-level" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={toY(at)} y2={toY(at)} />
            {/* Lines are mostly above a high level, so its text is below it. */}
            <text x={WIDTH - MARGIN.right} y={toY(at) + (toY(at) < heightPx / 4 ? 16 : -5)} text-anchor="end">
              {text}
            </text>
          </g>
        ))}
        {marks.map(({ at, text, kind = 'warn' }) => (
          <g key={text} class={`plot-${kind}`}>
            <line class="plot-level" x1={toX(at)} x2={toX(at)} y1={MARGIN.top} y2={heightPx - MARGIN.bottom} />
            {toX(at) > 0.8 * WIDTH ? (
              <text x={toX(at) - 5} y={MARGIN.top + 12} text-anchor="end">
                {text}
              </text>
            ) : (
              <text x={toX(at) + 5} y={MARGIN.top + 12}>
                {text}
              </text>
            )}
          </g>
        ))}
      </svg>
      {keys.length > 1 && (
        <figcaption class="plot-keys">
          {keys.map(({ name, kind }) => (
            <span key={name} class={`plot-key plot-${kind}`}>
              {name}
            </span>
          ))}
        </figcaption>
      )}
    </figure>
  );
}

function scale([from, to]: readonly [number, number], start: number, end: number): Scale {
  const span = to === from ? 1 : to - from;
  return (value) => Math.round((start + ((value - from) / span) * (end - start)) * 10) / 10;
}

function tracePath(points: Line['points'], x: Scale, y: Scale): string {
  let isGap = true;
  return points
    .map(([px, py]) => {
      if (py === undefined) {
        isGap = true;
        return '';
      }
      const step = `${isGap ? 'M' : 'L'}${x(px)} ${y(py)}`;
      isGap = false;
      return step;
    })
    .join('');
}

/** Round values for the ticks of an axis. @returns about `wanted` values from `from` to `to` */
export function chooseTicks(from: number, to: number, wanted = 4): number[] {
  if (!(to > from)) return [from];
  const rough = (to - from) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((one) => one >= rough) ?? rough;
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}
