// Builds the meshes of a person: the head with its hair, ears, neck, clothes and glasses.
import { HairField, buildHairBodies } from './hair.js';
import type { HeadSurface } from './head-surface.js';
import { bell, curve } from './head-surface.js';
import { ellipsoid, gridMesh, computeNormals, tube, type Mesh } from './mesh.js';
import { mixRgb, scaleRgb, type Rgb } from './palette.js';
import type { Person } from './person.js';
import { mix, smoothstep, valueNoise } from './random.js';

const ROWS = 170;
const COLUMNS = 160;

/** Meshes of a person. */
export interface Body {
  /** Meshes that turn with the head. */
  head: Mesh[];
  /** Meshes that stay when the head turns. */
  trunk: Mesh[];
}

export function buildBody(person: Person, surface: HeadSurface): Body {
  return {
    head: [
      headMesh(person, surface),
      ...earMeshes(person, surface),
      ...buildHairBodies(person, surface),
      ...glassesMeshes(person, surface),
    ],
    trunk: [neckMesh(person), shouldersMesh(person)],
  };
}

/** Returns the angle of a column. Columns are denser in front, where the features are. */
function measureAngle(column: number): number {
  const u = (2 * column) / COLUMNS - 1;
  return Math.PI * (0.42 * u + 0.58 * u * u * u);
}

function headMesh(person: Person, surface: HeadSurface): Mesh {
  const sections = Array.from({ length: ROWS }, (_, row) => surface.section(Math.cos((Math.PI * row) / (ROWS - 1))));
  const mesh = gridMesh(
    ROWS,
    COLUMNS,
    true,
    (row, column, positions, at) => surface.point(sections[row]!, measureAngle(column), positions, at),
    person.skin.tone,
    person.skin.gloss,
  );
  const field = new HairField(person, surface);
  const { positions, colours, gloss } = mesh;
  const textured = new Uint8Array(ROWS * COLUMNS);
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const vertex = row * COLUMNS + column;
      const at = vertex * 3;
      const angle = measureAngle(column);
      const [x, y, z] = positions.subarray(at, at + 3);
      const growth = field.at(angle, x!, y!);
      const skin = skinColour(person, x!, y!, angle, surface.chinY);
      const beardColour = scaleRgb(person.beard.colour, growth.strand);
      let colour = mixRgb(skin, beardColour, growth.beard);
      const shaved = person.hair.style === 'shaved' || person.hair.style === 'bald';
      colour = mixRgb(colour, scaleRgb(person.hair.colour, growth.strand), growth.hair * (shaved ? 0.65 : 1));
      colours.set(colour, at);
      gloss[vertex] = mix(person.skin.gloss, 0.05, Math.max(growth.hair, growth.beard));
      textured[vertex] = Math.cos(angle) > 0.08 && growth.hair < 0.5 ? 1 : 0;
      const length = Math.hypot(x!, y! - 0.1, z! + 0.1) || 1;
      positions[at]! += (growth.height * x!) / length;
      positions[at + 1]! += (growth.height * (y! - 0.1)) / length;
      positions[at + 2]! += (growth.height * (z! + 0.1)) / length;
    }
  }
  return { ...mesh, normals: computeNormals(positions, mesh.indices), textured };
}

/** Computes the colour of the skin at a point, with blush, shade in hollows and mottling. */
function skinColour(person: Person, x: number, y: number, angle: number, chinY: number): Rgb {
  const { skin, nose, mouth, eyes, seed } = person;
  const side = Math.abs(x);
  const front = smoothstep(0, 0.4, Math.cos(angle));
  const spots = valueNoise(x * 9 + 40, y * 9, seed + 1) + 0.5 * valueNoise(x * 23, y * 23, seed + 2) - 0.75;
  let shade = 1 + 0.13 * skin.mottle * spots;
  const hollow =
    0.3 * bell(side - eyes.halfDistance + 0.12, 0.06) * bell(y - eyes.y, 0.08) +
    0.16 * bell(side - eyes.halfDistance, 0.18) * bell(y - eyes.y - 0.01, 0.11) +
    0.2 * bell(x, nose.alarHalfWidth) * bell(y - nose.tipY + 0.1, 0.035) +
    0.22 * bell(x, mouth.halfWidth * 0.7) * bell(y - mouth.y + mouth.lowerLip * 1.6 + 0.03, 0.03);
  shade *= 1 - hollow * front;
  shade *= mix(0.6, 1, smoothstep(chinY - 0.01, chinY + 0.12, y + 0.25 * side));
  const red =
    skin.blush *
    (bell(side - 0.38, 0.16) * bell(y + 0.27, 0.14) + 0.7 * bell(x, 0.1) * bell(y - nose.tipY, 0.1)) *
    front;
  return [
    skin.tone[0] * shade * (1 + 0.05 * red),
    skin.tone[1] * shade * (1 - 0.3 * red),
    skin.tone[2] * shade * (1 - 0.28 * red),
  ];
}

function earMeshes(person: Person, surface: HeadSurface): Mesh[] {
  if (person.hair.style === 'long' || person.hair.style === 'bob') return [];
  const y = -0.12;
  const x = surface.halfWidth(surface.rowOfY(y));
  const { height, flare } = person.ears;
  const colour = scaleRgb(person.skin.tone, 0.85);
  return [-1, 1].flatMap((side) => [
    ellipsoid([side * (x + 0.015 + flare * 0.5), y, -0.08], [0.045 + flare, height, 0.1], side * 0.5, colour, 0.03),
    ellipsoid(
      [side * (x + 0.03 + flare * 0.6), y, -0.02],
      [0.03 + flare * 0.5, height * 0.55, 0.05],
      side * 0.5,
      scaleRgb(colour, 0.6),
      0,
    ),
  ]);
}

function neckMesh(person: Person): Mesh {
  const radius = person.shape.neckHalfWidth;
  const rows = 24;
  const columns = 40;
  const mesh = gridMesh(
    rows,
    columns,
    true,
    (row, column, positions, at) => {
      const y = mix(-0.5, -1.85, row / (rows - 1));
      const angle = (2 * Math.PI * column) / columns - Math.PI;
      const flare = 1 + 0.35 * smoothstep(-1.35, -1.8, y);
      positions[at] = radius * flare * Math.sin(angle);
      positions[at + 1] = y;
      positions[at + 2] = -0.22 + radius * flare * 0.95 * Math.cos(angle);
    },
    person.skin.tone,
    0.02,
  );
  for (let vertex = 0; vertex < mesh.gloss.length; vertex++) {
    const shade = mix(0.42, 0.9, smoothstep(-1.0, -1.5, mesh.positions[vertex * 3 + 1]!));
    for (let k = 0; k < 3; k++) mesh.colours[vertex * 3 + k]! *= shade;
  }
  return mesh;
}

function shouldersMesh(person: Person): Mesh {
  const { shape, clothes } = person;
  const rows = 56;
  const columns = 60;
  const half = curve([
    [-4.6, shape.shoulderHalfWidth],
    [-2.7, shape.shoulderHalfWidth * 1.02],
    [-2.2, shape.shoulderHalfWidth * 0.96],
    [-1.9, shape.shoulderHalfWidth * 0.84],
    [-1.7, shape.shoulderHalfWidth * 0.58],
    [-1.56, shape.neckHalfWidth * 1.3],
    [-1.42, shape.neckHalfWidth * 1.08],
  ]);
  const mesh = gridMesh(
    rows,
    columns,
    true,
    (row, column, positions, at) => {
      const y = mix(-1.42, -4.6, (row / (rows - 1)) ** 1.7);
      const angle = (2 * Math.PI * column) / columns - Math.PI;
      const depth = mix(0.5, 0.72, smoothstep(-1.45, -2.2, y));
      positions[at] = half(y) * Math.sin(angle);
      positions[at + 1] = y - 0.14 * Math.max(0, Math.cos(angle)) * smoothstep(-1.8, -1.42, y);
      positions[at + 2] = -0.25 + depth * Math.cos(angle);
    },
    clothes.colour,
    0,
  );
  for (let vertex = 0; vertex < mesh.gloss.length; vertex++) {
    const x = mesh.positions[vertex * 3];
    const y = mesh.positions[vertex * 3 + 1];
    const across = Math.sin(y! * 28) > 0.2;
    const down = Math.sin(x! * 24) > 0.2;
    const second = clothes.pattern === 'stripes' ? across : clothes.pattern === 'checks' && across !== down;
    const weave = 0.85 + 0.3 * valueNoise(x! * 9, y! * 9, person.seed + 3);
    mesh.colours.set(scaleRgb(second ? clothes.second : clothes.colour, weave), vertex * 3);
  }
  return mesh;
}

function glassesMeshes(person: Person, surface: HeadSurface): Mesh[] {
  const { glasses, eyes } = person;
  if (glasses.style === 'none') return [];
  const thick = glasses.style === 'heavy' ? 0.026 : glasses.style === 'square' ? 0.016 : 0.011;
  const corner = glasses.style === 'round' ? 2 : 4.5;
  const halfWidth = Math.min(glasses.halfWidth, eyes.halfDistance - 0.05);
  const halfHeight = glasses.style === 'round' ? halfWidth * 0.95 : glasses.halfHeight * 0.9;
  const bridge = surface.frontPoint(0, eyes.y)[2] + 0.03;
  const y = eyes.y - 0.02;
  const meshes: Mesh[] = [];
  const depthAt = (x: number): number => bridge - 0.22 * x * x;
  for (const side of [-1, 1]) {
    const rim = Array.from({ length: 40 }, (_, i): [number, number, number] => {
      const angle = (2 * Math.PI * i) / 40;
      const c = Math.cos(angle);
      const s = Math.sin(angle);
      const radius = (Math.abs(c) ** corner + Math.abs(s) ** corner) ** (-1 / corner);
      const x = side * (eyes.halfDistance + 0.01) + halfWidth * radius * c;
      return [x, y + halfHeight * radius * s, depthAt(x)];
    });
    meshes.push(tube(rim, true, thick, glasses.colour, 0.25));
    const hinge = side * (eyes.halfDistance + 0.01 + halfWidth);
    const ear = side * (surface.halfWidth(surface.rowOfY(0)) + 0.03);
    const temple: [number, number, number][] = [
      [hinge, y + halfHeight * 0.4, depthAt(hinge)],
      [ear, y + halfHeight * 0.45, depthAt(hinge) - 0.15],
      [ear, y + 0.03, -0.1],
    ];
    meshes.push(tube(temple, false, thick, glasses.colour, 0.2));
  }
  const inner = eyes.halfDistance + 0.01 - halfWidth;
  const bow = [-1, -0.5, 0, 0.5, 1].map((t): [number, number, number] => [
    t * inner,
    y + 0.05 + 0.02 * (1 - t * t),
    depthAt(0) + 0.03,
  ]);
  meshes.push(tube(bow, false, thick, glasses.colour, 0.25));
  return meshes;
}
