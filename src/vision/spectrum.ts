// Measures how periodic a face's picture is: the pixels of a screen and the dots of a print leave peaks in its spectrum, skin does not.

/** Side of the square windows that are transformed. */
export const WINDOW_PX = 64;

const N = WINDOW_PX;
/** Lowest frequency that is examined, in periods per window: coarser patterns are parts of a face. */
const LOWEST = 8;
/** Rows and columns next to the axes are left out: edges of the picture and the blocks of a JPEG lie there. */
const AXIS = 2;
/** Surroundings with which a peak is compared, in bins to each side, without the nearest ones. */
const AROUND = 5;
const NEAR = 2;

/** Columns of the sums: one for each up to N / 2, and one before them. */
const COLUMNS = N / 2 + 2;

const HANN = Float32Array.from({ length: N }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / N));
const COSINE = Float32Array.from({ length: N / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / N));
/** Place of each number after its bits are reversed, with which the transform begins. */
const REVERSED = Uint8Array.from({ length: N }, (_, i) => {
  let place = 0;
  for (let bit = 1; bit < N; bit *= 2) place = 2 * place + (i & bit ? 1 : 0);
  return place;
});
const SINE = Float32Array.from({ length: N / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / N));

/** Sums the power spectra of windows, and finds the strongest peak of the sum. */
export class PeriodicityMeter {
  readonly #power = new Float32Array(N * N);
  readonly #real = new Float32Array(N * N);
  readonly #imaginary = new Float32Array(N * N);
  readonly #line = [new Float32Array(N), new Float32Array(N)] as const;
  /** Power summed up from the first row and column on; the first row and the first columns are zero. */
  readonly #sums = new Float64Array((N + 2 * AROUND + 1) * COLUMNS);
  #windows = 0;

  reset(): void {
    this.#power.fill(0);
    this.#windows = 0;
  }

  /** Adds a window. @param grey picture of `stride` pixels per row @param at index of the window's first pixel */
  add(grey: Uint8Array, stride: number, at: number): void {
    let mean = 0;
    for (let y = 0; y < N; y++) for (let x = 0; x < N; x++) mean += grey[at + y * stride + x]!;
    mean /= N * N;
    for (let y = 0; y < N; y += 2) this.#addRows(grey, at + y * stride, stride, y, mean);
    const [real, imaginary] = this.#line;
    // The spectrum of a real picture is symmetric: half of it is enough.
    for (let x = 0; x <= N / 2; x++) {
      for (let y = 0; y < N; y++) {
        real[y] = this.#real[y * N + x]!;
        imaginary[y] = this.#imaginary[y * N + x]!;
      }
      transform(real, imaginary);
      for (let y = 0; y < N; y++) this.#power[y * N + x]! += real[y]! ** 2 + imaginary[y]! ** 2;
    }
    this.#windows++;
  }

  /** Returns the power of the strongest peak as a multiple of the mean power around it; 0 without a window. */
  strongestPeak(): number {
    if (this.#windows === 0) return 0;
    const power = this.#power;
    this.#addUp();
    // A floor keeps the rounding of a flat picture from making peaks: noise of half a grey level.
    const floor = 0.25 * this.#windows * N * N * 0.14;
    let best = 0;
    for (let x = AXIS; x <= N / 2 - 1; x++) {
      const [left, right] = [Math.max(AXIS, x - AROUND), Math.min(N / 2, x + AROUND)];
      const [nearLeft, nearRight] = [Math.max(AXIS, x - NEAR), Math.min(N / 2, x + NEAR)];
      const count = (right - left + 1) * (2 * AROUND + 1) - (nearRight - nearLeft + 1) * (2 * NEAR + 1);
      for (let y = 0; y < N; y++) {
        const fy = y <= N / 2 ? y : N - y;
        if (fy < AXIS || x * x + fy * fy < LOWEST * LOWEST) continue;
        const value = power[y * N + x]!;
        if (value < best * floor) continue;
        const around = this.#sum(left, right, y, AROUND) - this.#sum(nearLeft, nearRight, y, NEAR);
        best = Math.max(best, value / (around / count + floor));
      }
    }
    return best;
  }

  /** Transforms two rows at once, as the real and the imaginary part of one: each has a symmetric spectrum, so that both can be told apart. */
  #addRows(grey: Uint8Array, at: number, stride: number, y: number, mean: number): void {
    const [real, imaginary] = this.#line;
    for (let x = 0; x < N; x++) {
      real[x] = (grey[at + x]! - mean) * HANN[y]! * HANN[x]!;
      imaginary[x] = (grey[at + stride + x]! - mean) * HANN[y + 1]! * HANN[x]!;
    }
    transform(real, imaginary);
    const [first, second] = [y * N, (y + 1) * N];
    for (let x = 0; x <= N / 2; x++) {
      const mirrored = (N - x) % N;
      this.#real[first + x] = (real[x]! + real[mirrored]!) / 2;
      this.#imaginary[first + x] = (imaginary[x]! - imaginary[mirrored]!) / 2;
      this.#real[second + x] = (imaginary[x]! + imaginary[mirrored]!) / 2;
      this.#imaginary[second + x] = (real[mirrored]! - real[x]!) / 2;
    }
  }

  /** Adds up the power over rows and columns from AXIS on; the rows go on as if the spectrum were repeated. */
  #addUp(): void {
    const sums = this.#sums;
    for (let row = 0; row < N + 2 * AROUND; row++) {
      const y = (row + N - AROUND) % N;
      let line = 0;
      for (let x = AXIS; x <= N / 2; x++) {
        line += this.#power[y * N + x]!;
        sums[(row + 1) * COLUMNS + x + 1] = sums[row * COLUMNS + x + 1]! + line;
      }
    }
  }

  /** Returns the power in the columns from `left` to `right` and in the rows from y - reach to y + reach. */
  #sum(left: number, right: number, y: number, reach: number): number {
    const sums = this.#sums;
    const top = (y + AROUND - reach) * COLUMNS;
    const bottom = (y + AROUND + reach + 1) * COLUMNS;
    return sums[bottom + right + 1]! - sums[bottom + left]! - sums[top + right + 1]! + sums[top + left]!;
  }
}

/** Fast Fourier transform of N complex numbers, in place. */
function transform(real: Float32Array, imaginary: Float32Array): void {
  for (let i = 0; i < N; i++) {
    const j = REVERSED[i]!;
    if (i >= j) continue;
    const r = real[i]!;
    const m = imaginary[i]!;
    real[i] = real[j]!;
    imaginary[i] = imaginary[j]!;
    real[j] = r;
    imaginary[j] = m;
  }
  for (let half = 1, step = N / 2; half < N; half *= 2, step /= 2) {
    for (let k = 0; k < half; k++) {
      const c = COSINE[k * step]!;
      const s = SINE[k * step]!;
      for (let a = k; a < N; a += 2 * half) {
        const b = a + half;
        const r = real[b]! * c + imaginary[b]! * s;
        const m = imaginary[b]! * c - real[b]! * s;
        real[b] = real[a]! - r;
        imaginary[b] = imaginary[a]! - m;
        real[a]! += r;
        imaginary[a]! += m;
      }
    }
  }
}
