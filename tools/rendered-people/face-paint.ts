// Paints a person's features: brows, nostrils, lines and spots once, eyes and mouth for each expression.
import { FaceTexture, type Patch } from './face-texture.js';
import { bell } from './head-surface.js';
import { linear, mixRgb, scaleRgb, type Rgb } from './palette.js';
import type { Person } from './person.js';
import { between, mix, seededRandom, smoothstep, valueNoise } from './random.js';

/** Expression of a face; all 0 is a calm look ahead. */
export interface Expression {
  /** Eyes: 0 open .. 1 closed. */
  blink: number;
  /** Horizontal direction of the eyes: -1 to the picture's left .. 1 to its right. */
  gazeX: number;
  /** Vertical direction of the eyes: -1 down .. 1 up. */
  gazeY: number;
  /** Mouth: 0 closed .. 1 wide open. */
  mouthOpen: number;
  /** Corners of the mouth: -1 down .. 1 up. */
  smile: number;
}

const DARK = linear(20, 13, 12);
const SCLERA = linear(226, 218, 212);
const TEETH = linear(220, 212, 196);
const MOUTH_INSIDE = linear(60, 16, 18);
const CATCHLIGHT: Rgb = [1.3, 1.3, 1.35];

/** Half the width of the soft edge of a painted line, in head units: about one texel. */
const EDGE = 0.006;

/** Returns the coverage at a signed distance from an edge: 1 inside (distance < 0), 0 outside. */
function inside(distance: number): number {
  return smoothstep(EDGE, -EDGE, distance);
}

/** Returns a corner of the mouth, in head coordinates. */
export function findMouthCorner(person: Person, side: 1 | -1, expression: Expression): { x: number; y: number } {
  const { mouth, asymmetry } = person;
  return {
    x: side * mouth.halfWidth * (1 + 0.12 * expression.smile),
    y: mouth.y + mouth.cornerLift + 0.05 * expression.smile + side * asymmetry.mouthTilt,
  };
}

/** Returns the centre of an eye, in head coordinates. */
export function findEyeCentre(person: Person, side: 1 | -1): { x: number; y: number } {
  return { x: side * person.eyes.halfDistance, y: person.eyes.y + side * person.asymmetry.eyeLift };
}

/** Lists the parts of the face that an expression changes. */
export function listMovingPatches(person: Person): Patch[] {
  const { eyes, mouth } = person;
  const eye = (side: 1 | -1): Patch => {
    const { x, y } = findEyeCentre(person, side);
    return { left: x - eyes.halfWidth * 1.6, right: x + eyes.halfWidth * 1.6, bottom: y - 0.16, top: y + 0.15 };
  };
  const wide = mouth.halfWidth * 1.35;
  return [eye(-1), eye(1), { left: -wide, right: wide, bottom: mouth.y - 0.28, top: mouth.y + 0.16 }];
}

/** Paints the parts of the texture that never change. */
export function paintStill(person: Person): FaceTexture {
  const texture = new FaceTexture();
  paintSpots(texture, person);
  paintLines(texture, person);
  paintNostrils(texture, person);
  paintBrow(texture, person, -1);
  paintBrow(texture, person, 1);
  return texture;
}

/** Paints eyes and mouth. @param texture its moving patches must be in the state in which paintStill left them */
export function paintExpression(texture: FaceTexture, person: Person, expression: Expression): void {
  const [left, right, mouth] = listMovingPatches(person);
  paintEye(texture, left!, person, -1, expression);
  paintEye(texture, right!, person, 1, expression);
  paintMouth(texture, mouth!, person, expression);
}

function paintSpots(texture: FaceTexture, person: Person): void {
  const { skin, seed } = person;
  const spot = (x: number, y: number, radius: number, colour: Rgb, strength: number): void => {
    const patch = { left: x - 2 * radius, right: x + 2 * radius, bottom: y - 2 * radius, top: y + 2 * radius };
    texture.paint(patch, colour, (px, py) => strength * inside(Math.hypot(px - x, py - y) - radius));
  };
  const random = seededRandom(seed, 2);
  const freckle: Rgb = [skin.tone[0] * 0.62, skin.tone[1] * 0.48, skin.tone[2] * 0.4];
  for (let i = 0; i < skin.freckles * 150; i++) {
    const x = between(random, -0.5, 0.5) * (0.6 + 0.4 * random());
    spot(x, between(random, -0.5, 0.12), between(random, 0.006, 0.014), freckle, between(random, 0.3, 0.8));
  }
  for (const mole of skin.moles) spot(mole.x, mole.y, mole.radius, scaleRgb(skin.tone, 0.25), 0.9);
}

function paintLines(texture: FaceTexture, person: Person): void {
  const { age, nose, mouth, eyes, brows, skin, seed, shape } = person;
  const crease = scaleRgb(skin.tone, 0.42);
  const folds = 0.08 + 0.4 * smoothstep(0.3, 1, age);
  const top = nose.tipY + 0.02;
  const bottom = mouth.y - 0.03;
  texture.paint({ left: -0.45, right: 0.45, bottom, top }, crease, (x, y) => {
    const t = (top - y) / (top - bottom);
    const line = mix(nose.alarHalfWidth + 0.035, mouth.halfWidth + 0.085, t ** 0.8);
    return folds * bell(Math.abs(x) - line, 0.016) * Math.min(1, 4 * t) * Math.min(1, 3 * (1 - t));
  });
  const wrinkles = smoothstep(0.45, 1, age);
  if (wrinkles <= 0) return;
  const low = eyes.y + brows.rise + 0.1;
  const high = low + 0.28 * shape.forehead;
  texture.paint({ left: -0.45, right: 0.45, bottom: low, top: high }, crease, (x, y) => {
    const wave = 0.03 * (valueNoise(x * 4 + 9, 3, seed) - 0.5) - 0.06 * x * x;
    const phase = ((y - low - wave) / 0.085) % 1;
    return 0.55 * wrinkles * bell(phase - 0.5, 0.16) * smoothstep(0.42, 0.25, Math.abs(x));
  });
  texture.paint({ left: -0.09, right: 0.09, bottom: eyes.y + 0.06, top: low }, crease, (x, y) =>
    Math.min(
      0.6 * wrinkles,
      wrinkles * bell(Math.abs(x) - 0.035, 0.01) * bell(y - eyes.y - 0.6 * brows.rise - 0.05, 0.06),
    ),
  );
  for (const side of [-1, 1]) {
    const outer = side * (eyes.halfDistance + eyes.halfWidth + 0.02);
    const patch =
      side > 0
        ? { left: outer, right: outer + 0.13, bottom: eyes.y - 0.1, top: eyes.y + 0.1 }
        : { left: outer - 0.13, right: outer, bottom: eyes.y - 0.1, top: eyes.y + 0.1 };
    texture.paint(patch, crease, (x, y) => {
      const out = Math.abs(x - outer);
      const fan = (y - eyes.y) / (0.03 + out);
      return 0.5 * wrinkles * bell((((fan * 2.2) % 1) + 1.5) % 1, 0.3) * smoothstep(0.13, 0.02, out);
    });
  }
}

function paintNostrils(texture: FaceTexture, person: Person): void {
  const { nose, skin } = person;
  const reach = nose.alarHalfWidth + 0.08;
  const patch = { left: -reach, right: reach, bottom: nose.tipY - 0.12, top: nose.tipY + 0.12 };
  const shade = mixRgb(DARK, scaleRgb(skin.tone, 0.12), 0.4);
  const y0 = nose.tipY - 0.05 + 0.016 * nose.upturn;
  texture.paint(patch, scaleRgb(skin.tone, 0.35), (x, y) => {
    const wing = Math.hypot((Math.abs(x) - nose.alarHalfWidth + 0.01) / 0.045, (y - nose.tipY + 0.02) / 0.062);
    return 0.5 * bell(wing - 1, 0.24) * smoothstep(nose.alarHalfWidth - 0.02, nose.alarHalfWidth + 0.02, Math.abs(x));
  });
  texture.paint(patch, shade, (x, y) => {
    const u = (Math.abs(x) - nose.alarHalfWidth * 0.52) / (nose.alarHalfWidth * 0.36);
    const v = (y - y0 + 0.012 * u) / (0.011 + 0.008 * nose.upturn);
    return 0.85 * smoothstep(1.3, 0.6, Math.hypot(u, v));
  });
}

function paintBrow(texture: FaceTexture, person: Person, side: 1 | -1): void {
  const { brows, eyes, asymmetry, seed } = person;
  const centreX = eyes.halfDistance + 0.015;
  const centreY = eyes.y + brows.rise + side * asymmetry.browLift;
  const cosine = Math.cos(brows.tilt);
  const sine = Math.sin(brows.tilt);
  const reach = brows.halfLength * 1.15;
  const patch: Patch = {
    left: Math.min(0, side) * (centreX + reach) - 0.01,
    right: Math.max(0, side) * (centreX + reach) + 0.01,
    bottom: centreY - 0.2,
    top: centreY + 0.2,
  };
  texture.paint(patch, brows.colour, (x, y) => {
    const dx = side * x - centreX;
    const dy = y - centreY;
    const u = (dx * cosine + dy * sine) / brows.halfLength;
    const v = dy * cosine - dx * sine - brows.arch * (0.4 - (u - 0.15) ** 2);
    const taper = brows.thickness * (u < 0 ? 1 : mix(1, 0.25, u * u));
    const hairs = valueNoise(u * 16 + v * 90, v * 40, seed + 20 + side);
    const soft = 0.012 + 0.25 * brows.thickness;
    const across = smoothstep(taper + soft, taper - soft, Math.abs(v));
    const ends = smoothstep(1.1, 0.85, u) * smoothstep(-1.12, -0.85, u);
    const between = brows.unibrow * smoothstep(-0.8, -1.1, u) * smoothstep(brows.thickness + 0.02, 0, Math.abs(v));
    return brows.density * mix(0.55, 1.2, hairs) * Math.max(across * ends, 0.8 * between);
  });
}

function paintEye(texture: FaceTexture, patch: Patch, person: Person, side: 1 | -1, expression: Expression): void {
  const { eyes, skin } = person;
  const centre = findEyeCentre(person, side);
  const open = eyes.halfOpen * (1 - Math.min(1, Math.max(0, expression.blink)));
  const cosine = Math.cos(eyes.tilt);
  const sine = Math.sin(eyes.tilt);
  // Coordinates of the eye: `along` its axis, -1 at the inner corner .. 1 at the outer one, and the height above the axis.
  const along = (x: number, y: number): number =>
    (side * (x - centre.x) * cosine + (y - centre.y) * sine) / eyes.halfWidth;
  const above = (x: number, y: number): number => (y - centre.y) * cosine - side * (x - centre.x) * sine;
  const lid = (u: number): number => (Math.abs(u) >= 1 ? 0 : (1 - Math.abs(u + 0.08 * (1 - u * u)) ** 2.3) ** 0.75);
  const upper = (u: number): number => mix(-0.35 * eyes.halfOpen, 1.12 * eyes.halfOpen, open / eyes.halfOpen) * lid(u);
  const lower = (u: number): number => -0.72 * Math.max(open, 0.35 * eyes.halfOpen) * lid(-u);

  // Shade of the lid, bag below the eye, and crease above it.
  texture.paint(patch, mixRgb(scaleRgb(skin.tone, 0.35), linear(70, 40, 60), 0.3), (x, y) => {
    const u = along(x, y);
    const v = above(x, y);
    const lidShade = 0.75 * eyes.shadow * bell(u, 0.9) * bell(v - 0.05, 0.045);
    return Math.min(0.85, lidShade + 0.45 * eyes.bags * bell(u, 0.75) * bell(v + 0.03 + 1.2 * eyes.halfOpen, 0.022));
  });
  texture.paint(patch, scaleRgb(skin.tone, 0.3), (x, y) => {
    const u = along(x, y);
    const crease = upper(u) + mix(0.055, 0.014, eyes.hood) * (0.6 + 0.4 * lid(u * 0.85));
    return mix(0.65, 0.4, eyes.hood) * bell(above(x, y) - crease, 0.009) * smoothstep(1.15, 0.8, Math.abs(u));
  });
  const lit = (x: number, y: number): number => {
    const u = along(x, y);
    const v = above(x, y);
    return Math.abs(u) < 1 ? Math.min(inside(v - upper(u)), inside(lower(u) - v)) : 0;
  };
  // Eyeball: white with the shade of the lid, iris with its rim, pupil.
  const gazeX = centre.x + 0.035 * expression.gazeX;
  const gazeY = centre.y + 0.014 + 0.02 * expression.gazeY;
  const eyeball = (x: number, y: number): Rgb => {
    const fromIris = Math.hypot(x - gazeX, y - gazeY) / eyes.irisRadius;
    const u = along(x, y);
    const shade = mix(0.5, 1, smoothstep(0, 0.03, upper(u) - above(x, y))) * mix(1, 0.6, Math.abs(u) ** 3);
    const rim = scaleRgb(eyes.iris, mix(1.35, 0.35, smoothstep(0.6, 1, fromIris)));
    const ring = mixRgb(rim, SCLERA, smoothstep(0.94, 1.08, fromIris));
    return scaleRgb(mixRgb([0.004, 0.004, 0.004], ring, smoothstep(0.36, 0.48, fromIris)), shade);
  };
  texture.paint(patch, eyeball, lit);
  texture.paint(patch, CATCHLIGHT, (x, y) => {
    const glint = Math.hypot(x - gazeX + 0.35 * eyes.irisRadius, y - gazeY - 0.35 * eyes.irisRadius);
    return 0.9 * lit(x, y) * smoothstep(0.017, 0.009, glint);
  });
  // Lashes darken the upper rim, and a thin line the lower one. The inner corner is pink.
  const thick = 0.007 + 0.014 * eyes.lashes;
  texture.paint(patch, DARK, (x, y) => {
    const u = along(x, y);
    const v = above(x, y);
    const flick = eyes.lashes * 0.02 * smoothstep(0.6, 1.1, u);
    const upperLine =
      inside(Math.abs(v - upper(u) - flick - 0.4 * thick) - thick) * smoothstep(1.12, 0.98, Math.abs(u));
    const lowerLine = 0.5 * (0.4 + 0.6 * eyes.lashes) * bell(v - lower(u), 0.007) * smoothstep(1.05, 0.8, Math.abs(u));
    return Math.max(0.92 * upperLine, lowerLine);
  });
}

function paintMouth(texture: FaceTexture, patch: Patch, person: Person, expression: Expression): void {
  const { mouth, asymmetry } = person;
  const half = mouth.halfWidth * (1 + 0.12 * expression.smile);
  const lift = mouth.cornerLift + 0.05 * expression.smile;
  const gap = 0.13 * Math.min(1, Math.max(0, expression.mouthOpen));
  const middle = (x: number): number => mouth.y + lift * (x / half) ** 2 + (asymmetry.mouthTilt * x) / half;
  const fall = (u: number, power: number): number => (Math.abs(u) >= 1 ? 0 : (1 - u * u) ** power);
  const top = (x: number): number => {
    const u = x / half;
    const bow = 1 - 0.4 * mouth.bow * bell(u, 0.16) + 0.12 * mouth.bow * bell(Math.abs(u) - 0.24, 0.14);
    return middle(x) + mouth.upperLip * 1.25 * fall(u, 0.85) * bow + 0.25 * gap * fall(u, 0.6);
  };
  const bottom = (x: number): number => middle(x) - (mouth.lowerLip * 1.25 + 0.9 * gap) * fall(x / half, 0.7);
  const upperRim = (x: number): number => middle(x) + 0.25 * gap * fall(x / half, 0.6);
  const lowerRim = (x: number): number => middle(x) - 0.9 * gap * fall(x / half, 0.6);

  texture.paint(
    patch,
    (x, y) => {
      const upperLip = y > middle(x);
      const grain = 0.9 + 0.2 * valueNoise(x * 70, y * 8, person.seed + 30);
      const sheen = upperLip ? 0.78 : 1 + 0.35 * bell(y - mix(lowerRim(x), bottom(x), 0.45), 0.02) * fall(x / half, 1);
      return scaleRgb(mouth.colour, grain * sheen);
    },
    (x, y) => (Math.abs(x) < half ? 0.92 * Math.min(inside(y - top(x)), inside(bottom(x) - y)) : 0),
  );
  texture.paint(
    patch,
    (x, y) => (y > mix(lowerRim(x), upperRim(x), 0.55) && Math.abs(x) < half * 0.75 ? TEETH : MOUTH_INSIDE),
    (x, y) => (gap > 0.004 && Math.abs(x) < half ? Math.min(inside(y - upperRim(x)), inside(lowerRim(x) - y)) : 0),
  );
  texture.paint(patch, DARK, (x, y) => {
    const ends = smoothstep(half * 1.06, half * 0.9, Math.abs(x));
    const line = bell(y - (gap > 0.004 ? upperRim(x) : middle(x)), 0.0085) * ends;
    const corner = bell(Math.abs(x) - half, 0.022) * bell(y - middle(x), 0.016);
    return Math.max(0.85 * line, 0.6 * corner);
  });
}
