// The shape of a person's head: a bent stack of rounded sections, with the relief of the face on it.
import type { Person } from './person.js';
import { mix, smoothstep } from './random.js';

/** Returns a smooth curve through points of rising x. Beyond its ends it is flat. */
export function curve(points: readonly (readonly [number, number])[]): (x: number) => number {
  const slopes = points.map((_, i) => {
    const a = points[Math.max(0, i - 1)];
    const b = points[Math.min(points.length - 1, i + 1)];
    return (b![1] - a![1]) / (b![0] - a![0]);
  });
  return (x) => {
    if (x <= points[0]![0]) return points[0]![1];
    for (let i = 1; i < points.length; i++) {
      const [x1, y1] = points[i]!;
      if (x > x1) continue;
      const [x0, y0] = points[i - 1]!;
      const width = x1 - x0;
      const t = (x - x0) / width;
      const t2 = t * t;
      const t3 = t2 * t;
      return (
        (2 * t3 - 3 * t2 + 1) * y0 +
        (t3 - 2 * t2 + t) * width * slopes[i - 1]! +
        (3 * t2 - 2 * t3) * y1 +
        (t3 - t2) * width * slopes[i]!
      );
    }
    return points[points.length - 1]![1];
  };
}

/** Returns the value at x of a bell-shaped curve of height 1 around 0. */
export function bell(x: number, width: number): number {
  const t = x / width;
  return t * t > 16 ? 0 : Math.exp(-t * t);
}

function bell2(x: number, width: number, y: number, height: number): number {
  const t = (x / width) ** 2 + (y / height) ** 2;
  return t > 16 ? 0 : Math.exp(-t);
}

const CHIN_CAP = -0.7;
const CROWN_CAP = 0.45;

/** A horizontal slice of the head: its height, half its width, the depth of its centre, and the distances from there to its front and back. */
export interface Section {
  y: number;
  halfWidth: number;
  centre: number;
  front: number;
  back: number;
}

/** Surface of a head in the coordinates of Person. `row` runs from 1 (crown) to -1 (chin), `angle` from 0 (front) to ±π (back), in radians. */
export class HeadSurface {
  readonly #person: Person;
  readonly #halfWidth: (row: number) => number;
  readonly #front: (row: number) => number;
  readonly #back: (row: number) => number;
  readonly #centre: (row: number) => number;
  readonly #power: number;

  constructor(person: Person) {
    const { shape } = person;
    this.#person = person;
    this.#power = 2 / shape.roundness;
    this.#halfWidth = curve([
      [-1, shape.chinHalfWidth],
      [-0.8, mix(shape.chinHalfWidth, shape.jawHalfWidth, 0.6) + 0.06 * shape.jowl],
      [-0.58, shape.jawHalfWidth + 0.03 * shape.jowl],
      [-0.2, shape.cheekHalfWidth],
      [0.15, shape.headHalfWidth],
      [0.5, shape.headHalfWidth * 1.03],
      [1, shape.headHalfWidth * 0.95],
    ]);
    this.#front = curve([
      [-1, 0.64],
      [-0.84, 0.7],
      [-0.6, 0.67],
      [-0.2, 0.69],
      [0, 0.68],
      [0.15, 0.72],
      [0.4, 0.71],
      [0.7, 0.62],
      [1, 0.5],
    ]);
    this.#back = curve([
      [-1, 0.25],
      [-0.7, -0.1],
      [-0.45, -0.5],
      [-0.1, -0.82],
      [0.3, -0.95],
      [1, -0.85],
    ]);
    this.#centre = curve([
      [-1, 0.4],
      [-0.7, 0.2],
      [-0.4, 0.05],
      [0, 0],
      [1, -0.1],
    ]);
  }

  get chinY(): number {
    return this.yOfRow(-1);
  }

  yOfRow(row: number): number {
    const { lowerFace, forehead } = this.#person.shape;
    if (row > 0.2) return 0.2 + (row - 0.2) * forehead;
    return row < -0.4 ? -0.4 + (row + 0.4) * lowerFace : row;
  }

  rowOfY(y: number): number {
    const { lowerFace, forehead } = this.#person.shape;
    if (y > 0.2) return Math.min(1, 0.2 + (y - 0.2) / forehead);
    return y < -0.4 ? Math.max(-1, -0.4 + (y + 0.4) / lowerFace) : y;
  }

  /** Returns the section at a row: the values that all points of the row share. */
  section(row: number): Section {
    const round = cap(row);
    const centre = this.#centre(row);
    return {
      y: this.yOfRow(row),
      halfWidth: this.#halfWidth(row) * round,
      centre,
      front: (this.#front(row) - centre) * round,
      back: (this.#back(row) - centre) * round,
    };
  }

  /** Returns half the width of the head at a row. */
  halfWidth(row: number): number {
    return this.#halfWidth(row) * cap(row);
  }

  /** Writes the point of the bare surface, with the relief of the face, to out[at..at+2]. */
  point({ y, halfWidth, centre, front, back }: Section, angle: number, out: Float32Array, at: number): void {
    const sine = Math.sin(angle);
    const cosine = Math.cos(angle);
    const m = this.#power;
    const radius = (Math.abs(sine) ** m + Math.abs(cosine) ** m) ** (-1 / m);
    const x = halfWidth * radius * sine;
    const depth = cosine > 0 ? front : back;
    out[at] = x + this.#bend(x, y);
    out[at + 1] = y;
    out[at + 2] =
      centre +
      depth * radius * Math.abs(cosine) +
      (cosine > 0 ? this.relief(x, y) * smoothstep(0.05, 0.45, cosine) : 0);
  }

  /** Returns the point of the face's front at (x, y). */
  frontPoint(x: number, y: number): [number, number, number] {
    const { halfWidth, centre, front } = this.section(this.rowOfY(y));
    const m = this.#power;
    const across = Math.min(1, Math.abs(x) / Math.max(1e-6, halfWidth));
    const cosine = (1 - across ** m) ** (1 / m);
    const z = centre + front * cosine;
    return [x + this.#bend(x, y), y, z + this.relief(x, y) * smoothstep(0.05, 0.45, cosine)];
  }

  /** Returns the sideways shift at (x, y) that a bent nose causes around its lower half. */
  #bend(x: number, y: number): number {
    const { bend, tipY } = this.#person.nose;
    return bend === 0 ? 0 : bend * bell2(x, 0.2, y - tipY, 0.2);
  }

  /** Returns the height of the face's relief over the smooth head at (x, y). */
  relief(x: number, y: number): number {
    const { shape, eyes, brows, mouth } = this.#person;
    const side = Math.abs(x);
    let z = this.#noseRelief(x, y);
    const eyeX = side - eyes.halfDistance;
    const eyeY = y - eyes.y;
    z -= eyes.socketDepth * bell2(eyeX, 0.17, eyeY - 0.03, 0.1);
    z -= 0.05 * bell2(eyeX + eyes.halfWidth + 0.02, 0.05, eyeY, 0.06);
    z += 0.052 * bell2(eyeX, 0.11, eyeY, 0.075);
    z -= 0.03 * eyes.bags * bell2(eyeX, 0.11, eyeY + 0.12, 0.03);
    z += brows.ridge * bell2(eyeX + 0.03, 0.2, eyeY - brows.rise + 0.02, 0.06);
    z += shape.cheekbone * bell2(side - 0.42, 0.17, y + 0.2, 0.12);
    z += 0.07 * shape.cheekFill * bell2(side - 0.4, 0.16, y + 0.5, 0.16);
    const fold = side - mix(0.17, mouth.halfWidth + 0.06, smoothstep(this.#person.nose.tipY, mouth.y, y));
    z -= (0.008 + 0.02 * this.#person.age) * bell(fold, 0.03) * bell(y - (mouth.y + 0.1), 0.13);
    z += this.#mouthRelief(x, y);
    return z;
  }

  #noseRelief(x: number, y: number): number {
    const { nose, eyes } = this.#person;
    const top = eyes.y + 0.06;
    const t = (top - y) / (top - nose.tipY);
    if (t < -0.4 || t > 1.5) return 0;
    const under = 1 - smoothstep(1, 1 + 0.15 / (top - nose.tipY), t);
    const rise = t <= 0 ? 0.12 * bell(t, 0.2) : mix(0.12, 1, Math.min(1, t) ** 1.35);
    const width = mix(nose.bridgeWidth, nose.tipWidth, smoothstep(0.3, 0.95, t));
    let z = nose.depth * rise * under * Math.exp(-(Math.abs(x / width) ** 2.2) * 0.8);
    z += nose.hump * bell(t - 0.45, 0.2) * bell(x, nose.bridgeWidth);
    z += 0.03 * bell2(x, 0.07, y - nose.tipY - 0.01, 0.05);
    const wing = bell2(Math.abs(x) - nose.alarHalfWidth + 0.035, 0.048, y - nose.tipY + 0.015, 0.05);
    return z + 0.5 * nose.depth * wing;
  }

  #mouthRelief(x: number, y: number): number {
    const { mouth, shape, nose } = this.#person;
    const along = (x / mouth.halfWidth) ** 2;
    const dy = y - mouth.y;
    let z = 0.05 * bell2(x, 0.26, dy, 0.17);
    if (along < 4) {
      const ends = Math.exp(-along * along);
      z += (0.018 + 0.45 * mouth.upperLip) * ends * bell(dy - 0.6 * mouth.upperLip, 0.5 * mouth.upperLip + 0.018);
      z += (0.02 + 0.45 * mouth.lowerLip) * ends * bell(dy + 0.6 * mouth.lowerLip, 0.5 * mouth.lowerLip + 0.018);
      z -= 0.03 * ends * bell(dy, 0.014);
      z -= 0.03 * Math.exp(-along) * bell(dy + mouth.lowerLip * 1.5 + 0.04, 0.035);
    }
    z -= 0.012 * bell(x, 0.025) * bell(y - mix(nose.tipY - 0.06, mouth.y, 0.5), 0.05);
    z -= 0.02 * bell2(Math.abs(x) - mouth.halfWidth - 0.03, 0.035, dy, 0.04);
    const chin = this.chinY + 0.15;
    z += shape.chinBoss * bell2(x, 0.17, y - chin, 0.1);
    return z - 0.035 * shape.chinCleft * bell2(x, 0.022, y - chin, 0.06);
  }
}

/** Returns the factor that rounds the head towards the crown and the chin. */
function cap(row: number): number {
  if (row > CROWN_CAP) return Math.sqrt(Math.max(0, 1 - ((row - CROWN_CAP) / (1 - CROWN_CAP)) ** 2));
  if (row < CHIN_CAP) return Math.sqrt(Math.max(0, 1 - ((CHIN_CAP - row) / (1 + CHIN_CAP)) ** 2));
  return 1;
}
