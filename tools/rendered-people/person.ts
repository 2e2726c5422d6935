// The measures, colours and styles of one rendered person, all drawn from a seed.
import { CLOTHES, FRAMES, HAIR_COLOURS, IRISES, linear, mixRgb, scaleRgb, SKIN_TONES, type Rgb } from './palette.js';
import { between, mix, pick, seededRandom, type Random } from './random.js';

export type HairStyle =
  'bald' | 'shaved' | 'short' | 'fringe' | 'receding' | 'parted' | 'curly' | 'bob' | 'long' | 'bun';
export type BeardStyle = 'none' | 'stubble' | 'moustache' | 'goatee' | 'full' | 'strap';
export type GlassesStyle = 'none' | 'round' | 'square' | 'heavy';

/**
 * A rendered person. Lengths are in head units: from the middle of the face to the chin is about 1 (11.5 cm). x grows to the picture's
 * right, y up, z towards the viewer; the eyes lie near y = 0.
 */
export interface Person {
  seed: number;
  shape: {
    headHalfWidth: number;
    cheekHalfWidth: number;
    jawHalfWidth: number;
    chinHalfWidth: number;
    /** Factor of the lengths below the nose. */
    lowerFace: number;
    /** Factor of the lengths above the brows. */
    forehead: number;
    /** Shape seen from above: 0.84 boxy .. 1 round. */
    roundness: number;
    cheekbone: number;
    /** Cheeks: -1 hollow .. 1 full. */
    cheekFill: number;
    chinBoss: number;
    chinCleft: number;
    jowl: number;
    neckHalfWidth: number;
    shoulderHalfWidth: number;
  };
  eyes: {
    halfDistance: number;
    y: number;
    halfWidth: number;
    /** Half the height of the open eye. */
    halfOpen: number;
    /** Tilt in radians; a positive one lifts the outer corner. */
    tilt: number;
    /** Upper lid: 0 open .. 1 hooded. */
    hood: number;
    socketDepth: number;
    irisRadius: number;
    iris: Rgb;
    lashes: number;
    bags: number;
    shadow: number;
  };
  brows: {
    /** Height above the eye's centre. */
    rise: number;
    thickness: number;
    halfLength: number;
    arch: number;
    tilt: number;
    density: number;
    /** Amount of hair between the brows, 0..1. */
    unibrow: number;
    ridge: number;
    colour: Rgb;
  };
  nose: {
    tipY: number;
    depth: number;
    bridgeWidth: number;
    tipWidth: number;
    alarHalfWidth: number;
    hump: number;
    bend: number;
    upturn: number;
  };
  mouth: {
    y: number;
    halfWidth: number;
    upperLip: number;
    lowerLip: number;
    /** Height of the corners; a positive one lifts them. */
    cornerLift: number;
    bow: number;
    colour: Rgb;
  };
  skin: {
    tone: Rgb;
    blush: number;
    freckles: number;
    moles: readonly { x: number; y: number; radius: number }[];
    mottle: number;
    gloss: number;
  };
  /** Age: 0 young .. 1 old. */
  age: number;
  ears: { height: number; flare: number };
  hair: { style: HairStyle; colour: Rgb; line: number; volume: number; side: 1 | -1; curl: number };
  beard: { style: BeardStyle; colour: Rgb; length: number };
  glasses: { style: GlassesStyle; colour: Rgb; halfWidth: number; halfHeight: number };
  clothes: { colour: Rgb; second: Rgb; pattern: 'plain' | 'stripes' | 'checks' };
  /** Offsets of the left half of the face from the right half. */
  asymmetry: { browLift: number; eyeLift: number; mouthTilt: number };
}

/** Draws a number like between, but more often near the ends: the embeddings of average faces are too similar. */
function apart(random: Random, low: number, high: number): number {
  const t = 2 * random() - 1;
  return mix(low, high, 0.5 + 0.5 * Math.sign(t) * Math.sqrt(Math.abs(t)));
}

const HAIR_STYLES: readonly HairStyle[] = [
  'bald',
  'shaved',
  'short',
  'short',
  'fringe',
  'receding',
  'parted',
  'curly',
  'bob',
  'long',
  'bun',
];

/** Draws a person from a seed. The same seed gives the same person. @param seed an integer; only its lower 32 bits are used @throws TypeError */
export function choosePerson(seed: number): Person {
  if (!Number.isSafeInteger(seed)) throw new TypeError(`a person's seed must be an integer, not ${seed}`);
  const random = seededRandom(seed, 1);
  const age = random();
  const toneAt = apart(random, 0, SKIN_TONES.length - 1);
  const toneIndex = Math.min(SKIN_TONES.length - 2, Math.floor(toneAt));
  const tone = mixRgb(SKIN_TONES[toneIndex]!, SKIN_TONES[toneIndex + 1]!, toneAt - toneIndex);
  const hair = chooseHair(random, age, toneAt);
  const shape = makeShape(random);
  const nose = chooseNose(random, toneAt);
  return {
    seed,
    age,
    shape,
    eyes: chooseEyes(random, toneAt, age),
    brows: chooseBrows(random, hair.colour),
    nose,
    mouth: chooseMouth(random, nose.tipY, shape.lowerFace, tone),
    skin: {
      tone,
      blush: random() * random(),
      freckles: toneAt < 3 && random() < 0.3 ? between(random, 0.3, 1) : 0,
      moles: Array.from({ length: random() < 0.4 ? 1 + Math.floor(random() * 3) : 0 }, () => ({
        x: between(random, -0.5, 0.5),
        y: between(random, -0.85, 0.4),
        radius: between(random, 0.012, 0.026),
      })),
      mottle: between(random, 0.3, 1),
      gloss: between(random, 0.02, 0.09),
    },
    ears: { height: between(random, 0.13, 0.2), flare: between(random, 0, 0.1) },
    hair,
    beard: chooseBeard(random, hair),
    glasses: chooseGlasses(random),
    clothes: { colour: pick(random, CLOTHES), second: pick(random, CLOTHES), pattern: pick(random, PATTERNS) },
    asymmetry: {
      browLift: between(random, -0.025, 0.025),
      eyeLift: between(random, -0.012, 0.012),
      mouthTilt: between(random, -0.02, 0.02),
    },
  };
}

const PATTERNS = ['plain', 'stripes', 'checks'] as const;

function makeShape(random: Random): Person['shape'] {
  const headHalfWidth = apart(random, 0.57, 0.73);
  const cheekHalfWidth = headHalfWidth * apart(random, 0.93, 1.06);
  const jawHalfWidth = cheekHalfWidth * apart(random, 0.68, 0.98);
  return {
    headHalfWidth,
    cheekHalfWidth,
    jawHalfWidth,
    chinHalfWidth: jawHalfWidth * apart(random, 0.38, 0.68),
    lowerFace: apart(random, 0.86, 1.16),
    forehead: apart(random, 0.9, 1.12),
    roundness: apart(random, 0.84, 1),
    cheekbone: apart(random, 0, 0.07),
    cheekFill: apart(random, -1, 1),
    chinBoss: apart(random, 0, 0.1),
    chinCleft: random() < 0.25 ? apart(random, 0.3, 1) : 0,
    jowl: random() < 0.3 ? random() : 0,
    neckHalfWidth: apart(random, 0.34, 0.46),
    shoulderHalfWidth: apart(random, 1.5, 1.95),
  };
}

function chooseEyes(random: Random, toneAt: number, age: number): Person['eyes'] {
  const iris = toneAt > 3 || random() < 0.4 ? pick(random, IRISES.slice(0, 2)) : pick(random, IRISES);
  return {
    halfDistance: apart(random, 0.226, 0.325),
    y: apart(random, -0.04, 0.04),
    halfWidth: apart(random, 0.104, 0.158),
    halfOpen: apart(random, 0.03, 0.078),
    tilt: apart(random, -0.2, 0.24),
    hood: random(),
    socketDepth: apart(random, 0.02, 0.12),
    irisRadius: apart(random, 0.046, 0.06),
    iris,
    lashes: random(),
    bags: mix(random() * 0.5, random(), age),
    shadow: random() * random(),
  };
}

function chooseBrows(random: Random, hairColour: Rgb): Person['brows'] {
  return {
    rise: apart(random, 0.125, 0.235),
    thickness: apart(random, 0.012, 0.062),
    halfLength: apart(random, 0.13, 0.2),
    arch: apart(random, -0.01, 0.07),
    tilt: apart(random, -0.34, 0.28),
    density: apart(random, 0.35, 1),
    unibrow: random() < 0.15 ? apart(random, 0.4, 1) : 0,
    ridge: apart(random, 0, 0.08),
    colour: scaleRgb(hairColour, apart(random, 0.35, 1)),
  };
}

function chooseNose(random: Random, toneAt: number): Person['nose'] {
  const broad = toneAt / 6;
  return {
    tipY: apart(random, -0.46, -0.27),
    depth: apart(random, 0.17, 0.34),
    bridgeWidth: apart(random, 0.045, 0.1),
    tipWidth: apart(random, 0.07, 0.12) + 0.02 * broad,
    alarHalfWidth: apart(random, 0.095, 0.16) + 0.02 * broad,
    hump: apart(random, -0.035, 0.05),
    bend: random() < 0.3 ? apart(random, -0.04, 0.04) : 0,
    upturn: random(),
  };
}

function chooseMouth(random: Random, noseTipY: number, lowerFace: number, tone: Rgb): Person['mouth'] {
  const base = noseTipY - 0.06;
  const chinY = -0.4 - 0.6 * lowerFace;
  const lip = mixRgb(tone, linear(150, 40, 50), apart(random, 0.15, 0.65));
  return {
    y: mix(base, chinY, apart(random, 0.24, 0.36)),
    halfWidth: apart(random, 0.175, 0.315),
    upperLip: apart(random, 0.016, 0.076),
    lowerLip: apart(random, 0.03, 0.096),
    cornerLift: apart(random, -0.02, 0.035),
    bow: random(),
    colour: scaleRgb(lip, apart(random, 0.6, 1)),
  };
}

function chooseHair(random: Random, age: number, toneAt: number): Person['hair'] {
  const fair = toneAt < 3.2;
  const natural = fair ? pick(random, HAIR_COLOURS.slice(0, 6)) : pick(random, HAIR_COLOURS.slice(0, 3));
  const grey = age > 0.6 && random() < 0.7;
  return {
    style: pick(random, HAIR_STYLES),
    colour: grey ? pick(random, HAIR_COLOURS.slice(6)) : natural,
    line: between(random, -0.1, 0.1),
    volume: between(random, 0.04, 0.12),
    side: random() < 0.5 ? 1 : -1,
    curl: random(),
  };
}

function chooseBeard(random: Random, hair: Person['hair']): Person['beard'] {
  const canGrow = hair.style !== 'bob' && hair.style !== 'long' && hair.style !== 'bun';
  const style = canGrow && random() < 0.6 ? pick(random, BEARDS) : 'none';
  return { style, colour: scaleRgb(hair.colour, between(random, 0.5, 1)), length: between(random, 0.02, 0.09) };
}

const BEARDS: readonly BeardStyle[] = ['stubble', 'moustache', 'goatee', 'full', 'full', 'strap'];

function chooseGlasses(random: Random): Person['glasses'] {
  return {
    style: random() < 0.3 ? pick(random, ['round', 'square', 'heavy'] as const) : 'none',
    colour: pick(random, FRAMES),
    halfWidth: between(random, 0.18, 0.225),
    halfHeight: between(random, 0.12, 0.18),
  };
}
