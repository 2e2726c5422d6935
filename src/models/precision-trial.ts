// The comparison of a model's two forms: interleaved runs, in stages until the result is clear, and the interval of the speed-up.
import type { Clock } from '../domain/time.js';

/** A loaded form of a model, together with an input. */
export interface TimedForm {
  /** Runs the model once. */
  run(): Promise<unknown>;
  release(): Promise<void>;
}

export interface FormTrial {
  /** Median of the time in float divided by the time in 8 bits. */
  speedup: number;
  /** Interval of the median with a confidence of at least 95 %. */
  low: number;
  high: number;
  /** True where the whole interval lies on one side of the bound. */
  isClear: boolean;
}

/**
 * Numbers of blocks after which the interval is looked at. Its ends are the values at this rank from both sides: the binomial distribution
 * gives 97 % for 6 blocks, 96 % for 12 and 98 % for 24, whatever the distribution of the times is.
 */
const STAGES = [
  { blocks: 6, rank: 1 },
  { blocks: 12, rank: 3 },
  { blocks: 24, rank: 7 },
] as const;

/**
 * Measures how much faster 8 bits are than float. A block runs float, 8 bits, 8 bits, float, so that what slows the machine down for a while,
 * or more and more, has the same effect on both forms.
 * @param parts.bound speed-up that decides: the measurement goes on while the interval has it inside, up to 24 blocks
 * @throws Error where the clock does not advance
 */
export async function measureSpeedup(parts: {
  float: Pick<TimedForm, 'run'>;
  int8: Pick<TimedForm, 'run'>;
  clock: Clock;
  bound: number;
}): Promise<FormTrial> {
  const { float, int8, clock, bound } = parts;
  const time = async (form: Pick<TimedForm, 'run'>): Promise<number> => {
    const start = clock();
    await form.run();
    return clock() - start;
  };
  const ratios: number[] = [];
  let trial: FormTrial | undefined;
  for (const { blocks, rank } of STAGES) {
    while (ratios.length < blocks) {
      const [first, second, third, fourth] = [await time(float), await time(int8), await time(int8), await time(float)];
      const ratio = (first + fourth) / (second + third);
      if (!Number.isFinite(ratio) || ratio <= 0) throw new Error('the clock of the processor time does not advance');
      ratios.push(ratio);
    }
    trial = describe(ratios, rank, bound);
    if (trial.isClear) break;
  }
  if (!trial) throw new TypeError('a trial has at least one stage');
  return trial;
}

function describe(ratios: readonly number[], rank: number, bound: number): FormTrial {
  const sorted = ratios.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const low = at(rank - 1);
  const high = at(sorted.length - rank);
  const speedup = (at((sorted.length >> 1) - 1) + at(sorted.length >> 1)) / 2;
  return { speedup, low, high, isClear: low >= bound || high < bound };
}
