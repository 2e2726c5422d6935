// Hair and beard of a head: the areas where they grow, their thickness, and the parts that are separate bodies.
import { ellipsoid, gridMesh, type Mesh } from './mesh.js';
import { scaleRgb } from './palette.js';
import type { Person } from './person.js';
import { mix, smoothstep, valueNoise } from './random.js';
import { curve, type HeadSurface } from './head-surface.js';

const DEGREES = 180 / Math.PI;

/** Hair or beard that grows at a point of the head. */
export interface Growth {
  /** Share of hair: 0 skin .. 1 hair. */
  hair: number;
  /** Share of beard: 0 skin .. 1 beard. */
  beard: number;
  /** Thickness of the hair or the beard, in head units. */
  height: number;
  /** Factor of the hair's brightness, which varies with its strands. */
  strand: number;
}

type Curve = (x: number) => number;

/** Returns the height of the hair's lower edge by the angle from the front, 0..180 degrees. */
function hairline(person: Person): Curve {
  const { hair, shape } = person;
  const front = 0.2 + 0.55 * shape.forehead + hair.line;
  const sides: [number, number][] = [
    [76, -0.02],
    [84, -0.12],
    [92, 0.06],
    [108, -0.05],
    [125, -0.42],
    [180, -0.55],
  ];
  switch (hair.style) {
    case 'bald':
      return curve([[0, 3], [60, 3], [70, 0.5], ...sides]);
    case 'fringe':
      return curve([[0, 0.3 + 0.5 * hair.line], [40, 0.28 + 0.5 * hair.line], [60, 0.16], [68, 0.1], ...sides]);
    case 'receding':
      return curve([
        [0, front + 0.12],
        [22, front + 0.3],
        [40, front + 0.26],
        [58, front - 0.08],
        [68, 0.28],
        ...sides,
      ]);
    case 'bob':
    case 'long':
      return curve([
        [0, front],
        [30, front - 0.05],
        [48, 0.42],
        [58, 0.1],
        [66, -0.4],
        [72, -0.8],
        [100, -1],
        [180, -1],
      ]);
    case 'shaved':
    case 'short':
    case 'parted':
    case 'curly':
    case 'bun':
      return curve([[0, front], [32, front - 0.02], [50, front - 0.16], [66, 0.24], ...sides]);
  }
}

/** Returns the height of a full beard's upper edge by the angle from the front, 0..180 degrees. */
function beardLine(person: Person): Curve {
  const { mouth } = person;
  return curve([
    [0, mouth.y - 0.1],
    [14, mouth.y - 0.06],
    [26, mouth.y + 0.05],
    [45, mouth.y + 0.12],
    [62, -0.34],
    [74, -0.05],
    [84, 0.05],
    [95, -0.1],
    [120, -0.9],
  ]);
}

/** Computes hair and beard at each point of a head. It is created once for a head. */
export class HairField {
  readonly #person: Person;
  readonly #line: Curve;
  readonly #beardLine: Curve;
  readonly #chinY: number;

  constructor(person: Person, surface: HeadSurface) {
    this.#person = person;
    this.#line = hairline(person);
    this.#beardLine = beardLine(person);
    this.#chinY = surface.chinY;
  }

  /** Returns the growth at a point. @param angle angle from the front in radians, positive to the right @param x and y of the point */
  at(angle: number, x: number, y: number): Growth {
    const { hair, seed } = this.#person;
    const degrees = Math.abs(angle) * DEGREES;
    const ragged = 0.05 * (valueNoise(angle * 14, y * 6, seed + 5) - 0.5);
    let line = this.#line(degrees) + ragged;
    if (hair.style === 'parted' && degrees < 75) {
      const across = x * hair.side;
      line -= 0.3 * smoothstep(-0.28, 0.5, across) - 0.05;
    }
    const amount = smoothstep(line - 0.035, line + 0.045, y) * smoothstep(this.#chinY + 0.05, this.#chinY + 0.3, y);
    const beard = this.#beardAt(degrees, x, y) * (1 - amount);
    const curls = seamless(angle, (a) => valueNoise(a * 9, y * 8, seed + 7));
    const fine = seamless(angle, (a) =>
      valueNoise(a * mix(34, 16, hair.curl), y * mix(4, 12, hair.curl) + x * 3, seed + 8),
    );
    return {
      hair: amount,
      beard,
      height: amount * this.#heightAt(y - line, y, curls, fine) + beard * this.#beardHeight(x, y, fine),
      strand: hair.style === 'curly' ? mix(0.5, 1.25, curls) : mix(0.65, 1.2, fine),
    };
  }

  #heightAt(aboveLine: number, y: number, curls: number, fine: number): number {
    const { hair } = this.#person;
    switch (hair.style) {
      case 'bald':
      case 'shaved':
        return 0.006;
      case 'curly':
        return (0.5 + hair.volume * 3) * smoothstep(-0.1, 0.5, aboveLine) * mix(0.35, 0.55, curls);
      case 'bun':
        return 0.03 + 0.01 * fine;
      case 'fringe':
      case 'short':
      case 'receding':
      case 'parted':
      case 'bob':
      case 'long':
        return hair.volume * mix(0.55, 1.25, smoothstep(0, 0.9, y)) * smoothstep(-0.12, 0.16, aboveLine) + 0.02 * fine;
    }
  }

  #beardAt(degrees: number, x: number, y: number): number {
    const { beard, mouth, nose, seed } = this.#person;
    if (beard.style === 'none') return 0;
    const side = Math.abs(x);
    const ragged = 0.06 * (valueNoise(x * 22, y * 22, seed + 6) - 0.5);
    const lips = (x / (mouth.halfWidth * 1.04)) ** 2 + ((y - mouth.y) / (mouth.lowerLip + 0.03)) ** 2;
    const offLips = degrees < 60 ? smoothstep(0.75, 1.1, lips) : 1;
    const noseBase = nose.tipY - 0.075;
    const moustache =
      degrees < 60
        ? smoothstep(noseBase + 0.02, noseBase - 0.02, y + side * 0.12 + ragged * 0.4) *
          smoothstep(mouth.y - 0.04, mouth.y - 0.01, y + side * 0.1) *
          smoothstep(mouth.halfWidth * 1.22, mouth.halfWidth * 1.02, side)
        : 0;
    const line = this.#beardLine(degrees) + ragged;
    const below = degrees < 125 ? smoothstep(line + 0.05, line - 0.04, y) : 0;
    switch (beard.style) {
      case 'moustache':
        return moustache * offLips;
      case 'goatee': {
        const ring = smoothstep(mouth.halfWidth * 1.18, mouth.halfWidth * 0.98, side + ragged);
        return Math.max(moustache, ring * below) * offLips;
      }
      case 'strap':
        return below * Math.max(smoothstep(0.16, 0.1, y - this.#chinY), smoothstep(36, 50, degrees)) * offLips;
      case 'stubble':
        return 0.45 * Math.max(moustache, below) * offLips;
      case 'full':
        return Math.max(moustache, below) * offLips;
    }
  }

  #beardHeight(x: number, y: number, fine: number): number {
    const { beard, mouth } = this.#person;
    if (beard.style === 'stubble') return 0;
    const low = smoothstep(mouth.y, this.#chinY, y);
    return beard.length * mix(0.4, 1.4, low) * mix(0.7, 1.1, fine) * (1 - 0.3 * Math.min(1, Math.abs(x) * 2));
  }
}

/** Makes noise over the angle continuous at the back of the head. */
function seamless(angle: number, noise: (angle: number) => number): number {
  const back = smoothstep(2.5, Math.PI, Math.abs(angle));
  return back > 0 ? mix(noise(angle), noise(Math.PI), back) : noise(angle);
}

/** Builds the hair that hangs or is tied behind the head. @returns an empty list for most styles */
export function buildHairBodies(person: Person, surface: HeadSurface): Mesh[] {
  const { hair } = person;
  if (hair.style === 'bun') {
    const top = surface.yOfRow(1);
    return [ellipsoid([0, top + 0.08, -0.3], [0.27, 0.23, 0.27], 0, scaleRgb(hair.colour, 0.8), 0.05)];
  }
  if (hair.style !== 'bob' && hair.style !== 'long') return [];
  const low = hair.style === 'bob' ? -0.85 + hair.line : -1.75;
  const open = mix(0.95, 1.2, hair.curl);
  const rows = 40;
  const columns = 60;
  const mesh = gridMesh(
    rows,
    columns,
    false,
    (row, column, positions, at) => {
      const y = mix(0.62, low, row / (rows - 1));
      // Points run from the right of the opening around the back to its left, so that the outer side is visible.
      const angle = mix(open, 2 * Math.PI - open, column / (columns - 1));
      const wave = 0.03 * (valueNoise(angle * 6, y * 5, person.seed + 9) - 0.5);
      const off = mix(-0.08, 0.05 + hair.volume * 0.9 + wave, smoothstep(0.62, 0.15, y));
      const wide = surface.halfWidth(Math.max(-0.25, surface.rowOfY(y))) + off;
      const taper = 1 - 0.25 * smoothstep(low + 0.25, low, y);
      positions[at] = wide * taper * Math.sin(angle);
      positions[at + 1] = y;
      positions[at + 2] = -0.12 + (0.8 * taper + wave) * Math.cos(angle) * (Math.cos(angle) > 0 ? 0.75 : 1);
    },
    hair.colour,
    0.05,
    true,
  );
  for (let at = 0; at < mesh.colours.length; at += 3) {
    const column = (at / 3) % columns;
    const row = Math.floor(at / 3 / columns);
    const strand = mix(0.55, 1.15, valueNoise(column * 0.9, row * 0.12, person.seed + 10));
    for (let k = 0; k < 3; k++) mesh.colours[at + k]! *= strand;
  }
  return [mesh];
}
