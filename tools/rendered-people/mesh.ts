// Triangle meshes: grids of points, their normals, and simple bodies.
import type { Rgb } from './palette.js';

/** A vector: x to the picture's right, y up, z towards the viewer. */
export type Vector = readonly [number, number, number];

/** A triangle mesh: positions and normals in head coordinates (x right, y up, z towards the viewer); colours are linear albedo. */
export interface Mesh {
  /** Positions, 3 floats per vertex. */
  positions: Float32Array;
  normals: Float32Array;
  colours: Float32Array;
  /** Strength of the highlight, 0..1 per vertex. */
  gloss: Float32Array;
  indices: Uint32Array;
  /** One byte per vertex: 1 where the face's texture lies over the vertex. */
  textured?: Uint8Array;
  doubleSided: boolean;
}

/** Writes the position of a grid's vertex to positions[at .. at + 2]. */
export type Place = (row: number, column: number, positions: Float32Array, at: number) => void;

/**
 * Builds a grid of rows x columns points. Seen from outside, rows run down and columns run to the right.
 * @param closed joins the last column to the first
 */
export function gridMesh(
  rows: number,
  columns: number,
  closed: boolean,
  place: Place,
  colour: Rgb,
  gloss: number,
  doubleSided = false,
): Mesh {
  const count = rows * columns;
  const positions = new Float32Array(count * 3);
  const colours = new Float32Array(count * 3);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = (row * columns + column) * 3;
      place(row, column, positions, at);
      colours.set(colour, at);
    }
  }
  const across = closed ? columns : columns - 1;
  const indices = new Uint32Array((rows - 1) * across * 6);
  let next = 0;
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column < across; column++) {
      const a = row * columns + column;
      const b = row * columns + ((column + 1) % columns);
      const c = a + columns;
      const d = b + columns;
      indices.set([a, c, b, b, c, d], next);
      next += 6;
    }
  }
  return {
    positions,
    normals: computeNormals(positions, indices),
    colours,
    gloss: new Float32Array(count).fill(gloss),
    indices,
    doubleSided,
  };
}

/** Computes outward normals, averaged over the triangles of each vertex. @returns 3 floats per vertex */
export function computeNormals(positions: Float32Array, indices: Uint32Array): Float32Array {
  const normals = new Float32Array(positions.length);
  for (let i = 0; i < indices.length; i += 3) {
    const a = indices[i]! * 3;
    const b = indices[i + 1]! * 3;
    const c = indices[i + 2]! * 3;
    const ux = positions[b]! - positions[a]!;
    const uy = positions[b + 1]! - positions[a + 1]!;
    const uz = positions[b + 2]! - positions[a + 2]!;
    const vx = positions[c]! - positions[a]!;
    const vy = positions[c + 1]! - positions[a + 1]!;
    const vz = positions[c + 2]! - positions[a + 2]!;
    const nx = uy * vz - uz * vy;
    const ny = uz * vx - ux * vz;
    const nz = ux * vy - uy * vx;
    for (const at of [a, b, c]) {
      normals[at]! += nx;
      normals[at + 1]! += ny;
      normals[at + 2]! += nz;
    }
  }
  for (let at = 0; at < normals.length; at += 3) {
    const length = Math.hypot(normals[at]!, normals[at + 1]!, normals[at + 2]!) || 1;
    normals[at]! /= length;
    normals[at + 1]! /= length;
    normals[at + 2]! /= length;
  }
  return normals;
}

/** Builds an ellipsoid around `centre`, turned by `turn` radians about the vertical axis. */
export function ellipsoid(centre: Vector, radii: Vector, turn: number, colour: Rgb, gloss: number): Mesh {
  const rows = 20;
  const columns = 24;
  const place: Place = (row, column, positions, at) => {
    const down = (Math.PI * row) / (rows - 1);
    const around = (2 * Math.PI * column) / columns;
    const x = radii[0] * Math.sin(down) * Math.sin(around);
    const z = radii[2] * Math.sin(down) * Math.cos(around);
    positions[at] = centre[0] + x * Math.cos(turn) + z * Math.sin(turn);
    positions[at + 1] = centre[1] + radii[1] * Math.cos(down);
    positions[at + 2] = centre[2] - x * Math.sin(turn) + z * Math.cos(turn);
  };
  return gridMesh(rows, columns, true, place, colour, gloss);
}

/** Builds a tube of the given radius along a path of points. @param closed joins the last point to the first */
export function tube(path: readonly Vector[], closed: boolean, radius: number, colour: Rgb, gloss: number): Mesh {
  const around = 8;
  const rows = closed ? path.length + 1 : path.length;
  const place: Place = (row, column, positions, at) => {
    const here = path[row % path.length];
    const before = path[closed ? (row + path.length - 1) % path.length : Math.max(0, row - 1)];
    const after = path[closed ? (row + 1) % path.length : Math.min(path.length - 1, row + 1)];
    const along = unit([after![0] - before![0], after![1] - before![1], after![2] - before![2]]);
    const helper: Vector = Math.abs(along[2]) < 0.9 ? [0, 0, 1] : [0, 1, 0];
    const u = unit(cross(along, helper));
    const v = cross(along, u);
    const angle = (2 * Math.PI * column) / around;
    for (let k = 0; k < 3; k++) {
      positions[at + k] = here![k]! + radius * (u[k]! * Math.cos(angle) + v[k]! * Math.sin(angle));
    }
  };
  return gridMesh(rows, around, true, place, colour, gloss, true);
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function unit(a: Vector): Vector {
  const length = Math.hypot(...a) || 1;
  return [a[0] / length, a[1] / length, a[2] / length];
}
