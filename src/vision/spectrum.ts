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

const HANN = Float32Array.from({ length: N }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / N));
const COSINE = Float32Array.from({ length: N / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / N));
const SINE = Float32Array.from({ length: N / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / N));

/** Sums the power spectra of windows, and finds the strongest peak of the sum. */
export class PeriodicityMeter {
  readonly #power = new Float32Array(N * N);
  readonly #real = new Float32Array(N * N);
  readonly #imaginary = new Float32Array(N * N);
  readonly #column = [new Float32Array(N), new Float32Array(N)] as const;
  #windows = 0;

  reset(): void {
    this.#power.fill(0);
    this.#windows = 0;
  }

  /** Adds a window. @param grey picture of `stride` pixels per row @param at index of the window's first pixel */
  add(grey: Uint8Array, stride: number, at: number): void {
    const real = this.#real;
    const imaginary = this.#imaginary;
    let mean = 0;
    for (let y = 0; y < N; y++) for (let x = 0; x < N; x++) mean += grey[at + y * stride + x]!;
    mean /= N * N;
    for (let y = 0; y < N; y++) {
      for (let x = 0; x < N; x++) real[y * N + x] = (grey[at + y * stride + x]! - mean) * HANN[y]! * HANN[x]!;
    }
    imaginary.fill(0);
    for (let y = 0; y < N; y++) transform(real.subarray(y * N, y * N + N), imaginary.subarray(y * N, y * N + N));
    const [columnReal, columnImaginary] = this.#column;
    // The spectrum of a real picture is symmetric: half of it is enough.
    for (let x = 0; x <= N / 2; x++) {
      for (let y = 0; y < N; y++) {
        columnReal[y] = real[y * N + x]!;
        columnImaginary[y] = imaginary[y * N + x]!;
      }
      transform(columnReal, columnImaginary);
      for (let y = 0; y < N; y++) this.#power[y * N + x]! += columnReal[y]! ** 2 + columnImaginary[y]! ** 2;
    }
    this.#windows++;
  }

  /** Returns the power of the strongest peak as a multiple of the mean power around it; 0 without a window. */
  strongestPeak(): number {
    if (this.#windows === 0) return 0;
    const power = this.#power;
    // A floor keeps the rounding of a flat picture from making peaks: noise of half a grey level.
    const floor = 0.25 * this.#windows * N * N * 0.14;
    let best = 0;
    for (let x = AXIS; x <= N / 2 - 1; x++) {
      for (let y = 0; y < N; y++) {
        const fy = y <= N / 2 ? y : N - y;
        if (fy < AXIS || x * x + fy * fy < LOWEST * LOWEST) continue;
        const value = power[y * N + x]!;
        if (value < best * floor) continue;
        let around = 0;
        let count = 0;
        for (let dx = -AROUND; dx <= AROUND; dx++) {
          const column = x + dx;
          if (column < AXIS || column > N / 2) continue;
          for (let dy = -AROUND; dy <= AROUND; dy++) {
            if (Math.abs(dx) <= NEAR && Math.abs(dy) <= NEAR) continue;
            around += power[((y + dy + N) % N) * N + column]!;
            count++;
          }
        }
        best = Math.max(best, value / (around / count + floor));
      }
    }
    return best;
  }
}

/** Fast Fourier transform of N complex numbers, in place. */
function transform(real: Float32Array, imaginary: Float32Array): void {
  for (let i = 1, j = 0; i < N; i++) {
    let bit = N >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    const [r, m] = [real[i]!, imaginary[i]!];
    real[i] = real[j]!;
    imaginary[i] = imaginary[j]!;
    real[j] = r;
    imaginary[j] = m;
  }
  for (let size = 2; size <= N; size *= 2) {
    const half = size / 2;
    const step = N / size;
    for (let start = 0; start < N; start += size) {
      for (let k = 0; k < half; k++) {
        const c = COSINE[k * step]!;
        const s = SINE[k * step]!;
        const [a, b] = [start + k, start + k + half];
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
