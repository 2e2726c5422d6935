// A small software rasteriser: lights meshes, projects them and fills their triangles against a depth buffer.
import { textureColumn, textureRow, TEXTURE_HEIGHT, TEXTURE_WIDTH, type FaceTexture } from './face-texture.js';
import type { Mesh, Vector } from './mesh.js';
import type { Rgb } from './palette.js';

/** Distance of the viewer from the centre of the head, in head units: about a metre. */
const VIEW_DISTANCE = 9;

/** Samples of a part of the picture: colour in linear light, and depth (greater is nearer; -Infinity where nothing is drawn). */
export class Canvas {
  /** Position of the upper left sample, in samples of the whole picture. */
  left = 0;
  top = 0;
  width = 0;
  height = 0;
  colour = new Float32Array(0);
  depth = new Float32Array(0);

  /** Sets the part of the picture, and empties it. The memory is used again for the next picture. */
  reset(left: number, top: number, width: number, height: number): void {
    this.left = left;
    this.top = top;
    this.width = width;
    this.height = height;
    if (this.depth.length < width * height) {
      this.depth = new Float32Array(width * height);
      this.colour = new Float32Array(width * height * 3);
    }
    this.depth.fill(-Infinity, 0, width * height);
  }
}

/** Rows of a rotation from head to view coordinates. */
export type Rotation = readonly [number, number, number, number, number, number, number, number, number];

/** Computes a rotation from degrees with the signs of domain/face.ts, in the order pitch, yaw, roll. */
export function makeRotation(yaw: number, pitch: number, roll: number): Rotation {
  const [cy, sy] = [Math.cos((yaw * Math.PI) / 180), Math.sin((yaw * Math.PI) / 180)];
  const [cp, sp] = [Math.cos((pitch * Math.PI) / 180), Math.sin((pitch * Math.PI) / 180)];
  const [cr, sr] = [Math.cos((roll * Math.PI) / 180), Math.sin((roll * Math.PI) / 180)];
  // Pitch turns z towards y (up), then yaw turns it towards x, and a clockwise roll turns x towards -y.
  const a = [cy, -sy * sp, sy * cp];
  const b = [0, cp, sp];
  const c = [-sy, -cy * sp, cy * cp];
  return [
    cr * a[0]! + sr * b[0]!,
    cr * a[1]! + sr * b[1]!,
    cr * a[2]! + sr * b[2]!,
    -sr * a[0]! + cr * b[0]!,
    -sr * a[1]! + cr * b[1]!,
    -sr * a[2]! + cr * b[2]!,
    c[0]!,
    c[1]!,
    c[2]!,
  ];
}

/** Position and pose of a body in front of the viewer. */
export interface View {
  rotation: Rotation;
  /** Point of the body that the rotation leaves in place. */
  pivot: Vector;
  /** Position of that point, in samples of the whole picture. */
  x: number;
  y: number;
  /** Samples per head unit at the pivot's depth. */
  scale: number;
}

/** Projects a point of the body. @returns x and y in samples of the whole picture; z is the distance in front of the pivot, in head units */
export function project(view: View, x: number, y: number, z: number): { x: number; y: number; z: number } {
  const r = view.rotation;
  const dx = x - view.pivot[0];
  const dy = y - view.pivot[1];
  const dz = z - view.pivot[2];
  const vz = r[6] * dx + r[7] * dy + r[8] * dz;
  const scale = (view.scale * VIEW_DISTANCE) / (VIEW_DISTANCE - vz);
  return {
    x: view.x + scale * (r[0] * dx + r[1] * dy + r[2] * dz),
    y: view.y - scale * (r[3] * dx + r[4] * dy + r[5] * dz),
    z: vz,
  };
}

/** One lamp, and ambient light. */
export interface Lighting {
  /** Unit vector towards the lamp: x right, y up, z towards the viewer. */
  direction: Vector;
  key: Rgb;
  ambient: Rgb;
}

/** Number of floats of a lit vertex: x, y, depth, lit colour (3), light on the texture (3), texture column and row. */
export const STRIDE = 11;

/** Lights and projects every vertex. @param out receives STRIDE floats per vertex */
export function lightVertices(mesh: Mesh, view: View, lighting: Lighting, out: Float32Array): void {
  const { positions, normals, colours, gloss, textured } = mesh;
  const { direction, key, ambient } = lighting;
  const r = view.rotation;
  const [px, py, pz] = view.pivot;
  // The vector halfway between the lamp and the viewer gives the highlight.
  const hx = direction[0];
  const hy = direction[1];
  const hz = direction[2] + 1;
  const hLength = Math.hypot(hx, hy, hz);
  const count = gloss.length;
  for (let vertex = 0; vertex < count; vertex++) {
    const at = vertex * 3;
    const to = vertex * STRIDE;
    const dx = positions[at]! - px;
    const dy = positions[at + 1]! - py;
    const dz = positions[at + 2]! - pz;
    const vz = r[6] * dx + r[7] * dy + r[8] * dz;
    const scale = (view.scale * VIEW_DISTANCE) / (VIEW_DISTANCE - vz);
    out[to] = view.x + scale * (r[0] * dx + r[1] * dy + r[2] * dz);
    out[to + 1] = view.y - scale * (r[3] * dx + r[4] * dy + r[5] * dz);
    out[to + 2] = vz;
    let nx = r[0] * normals[at]! + r[1] * normals[at + 1]! + r[2] * normals[at + 2]!;
    let ny = r[3] * normals[at]! + r[4] * normals[at + 1]! + r[5] * normals[at + 2]!;
    let nz = r[6] * normals[at]! + r[7] * normals[at + 1]! + r[8] * normals[at + 2]!;
    if (mesh.doubleSided && nz < 0) {
      nx = -nx;
      ny = -ny;
      nz = -nz;
    }
    const facing = nx * direction[0] + ny * direction[1] + nz * direction[2];
    const diffuse = Math.max(0, (facing + 0.25) / 1.25);
    // Red light reaches further around the edge of the shadow, as it does in skin.
    const soft = Math.max(0, (facing + 0.42) / 1.42);
    const around = 0.62 + 0.28 * ny + 0.1 * nz;
    const half = Math.max(0, (nx * hx + ny * hy + nz * hz) / hLength);
    const half4 = half * half * half * half;
    const highlight = gloss[vertex]! * half4 * half4 * half4 * half4;
    for (let k = 0; k < 3; k++) {
      const light = key[k]! * (k === 0 ? 0.5 * (diffuse + soft) : diffuse) + ambient[k]! * around;
      out[to + 3 + k] = colours[at + k]! * light + highlight * key[k]!;
      out[to + 6 + k] = light;
    }
    if (textured) {
      out[to + 9] = textureColumn(positions[at]!);
      out[to + 10] = textureRow(positions[at + 1]!);
    }
  }
}

/** Fills the triangles of a mesh. @param vertices lit vertices of lightVertices */
export function fillMesh(canvas: Canvas, mesh: Mesh, vertices: Float32Array, texture?: FaceTexture): void {
  const { indices, textured } = mesh;
  for (let i = 0; i < indices.length; i += 3) {
    const a = indices[i];
    const b = indices[i + 1];
    const c = indices[i + 2];
    const layer = texture && textured && textured[a!]! + textured[b!]! + textured[c!]! === 3 ? texture : undefined;
    fillTriangle(canvas, vertices, a! * STRIDE, b! * STRIDE, c! * STRIDE, mesh.doubleSided, layer);
  }
}

function fillTriangle(
  canvas: Canvas,
  v: Float32Array,
  a: number,
  b: number,
  c: number,
  doubleSided: boolean,
  texture: FaceTexture | undefined,
): void {
  const ax = v[a];
  const ay = v[a + 1];
  const bx = v[b];
  const by = v[b + 1];
  const cx = v[c];
  const cy = v[c + 1];
  const area = (bx! - ax!) * (cy! - ay!) - (by! - ay!) * (cx! - ax!);
  // y runs down in the picture: a triangle that faces the viewer has a negative area.
  if (area === 0 || (area > 0 && !doubleSided)) return;
  const { left, top, width, height, depth, colour } = canvas;
  const x0 = Math.max(left, Math.ceil(Math.min(ax!, bx!, cx!) - 0.5));
  const x1 = Math.min(left + width - 1, Math.floor(Math.max(ax!, bx!, cx!) - 0.5));
  const y0 = Math.max(top, Math.ceil(Math.min(ay!, by!, cy!) - 0.5));
  const y1 = Math.min(top + height - 1, Math.floor(Math.max(ay!, by!, cy!) - 0.5));
  if (x0 > x1 || y0 > y1) return;
  const scale = 1 / area;
  for (let y = y0; y <= y1; y++) {
    const qy = y + 0.5;
    for (let x = x0; x <= x1; x++) {
      const qx = x + 0.5;
      const wa = ((bx! - qx) * (cy! - qy) - (by! - qy) * (cx! - qx)) * scale;
      const wb = ((cx! - qx) * (ay! - qy) - (cy! - qy) * (ax! - qx)) * scale;
      const wc = 1 - wa - wb;
      if (wa < 0 || wb < 0 || wc < 0) continue;
      const pixel = (y - top) * width + x - left;
      const z = wa * v[a + 2]! + wb * v[b + 2]! + wc * v[c + 2]!;
      if (z <= depth[pixel]!) continue;
      depth[pixel] = z;
      let red = wa * v[a + 3]! + wb * v[b + 3]! + wc * v[c + 3]!;
      let green = wa * v[a + 4]! + wb * v[b + 4]! + wc * v[c + 4]!;
      let blue = wa * v[a + 5]! + wb * v[b + 5]! + wc * v[c + 5]!;
      if (texture) {
        const column = wa * v[a + 9]! + wb * v[b + 9]! + wc * v[c + 9]!;
        const row = wa * v[a + 10]! + wb * v[b + 10]! + wc * v[c + 10]!;
        const column0 = Math.floor(column);
        const row0 = Math.floor(row);
        if (column0 >= 0 && row0 >= 0 && column0 < TEXTURE_WIDTH - 1 && row0 < TEXTURE_HEIGHT - 1) {
          const fx = column - column0;
          const fy = row - row0;
          const t = texture.texels;
          const at = (row0 * TEXTURE_WIDTH + column0) * 4;
          const below = at + TEXTURE_WIDTH * 4;
          const w00 = (1 - fx) * (1 - fy);
          const w10 = fx * (1 - fy);
          const w01 = (1 - fx) * fy;
          const w11 = fx * fy;
          const cover = t[at + 3]! * w00 + t[at + 7]! * w10 + t[below + 3]! * w01 + t[below + 7]! * w11;
          if (cover > 0) {
            const keep = 1 - cover;
            const lr = wa * v[a + 6]! + wb * v[b + 6]! + wc * v[c + 6]!;
            const lg = wa * v[a + 7]! + wb * v[b + 7]! + wc * v[c + 7]!;
            const lb = wa * v[a + 8]! + wb * v[b + 8]! + wc * v[c + 8]!;
            red = red * keep + lr * (t[at]! * w00 + t[at + 4]! * w10 + t[below]! * w01 + t[below + 4]! * w11);
            green =
              green * keep + lg * (t[at + 1]! * w00 + t[at + 5]! * w10 + t[below + 1]! * w01 + t[below + 5]! * w11);
            blue = blue * keep + lb * (t[at + 2]! * w00 + t[at + 6]! * w10 + t[below + 2]! * w01 + t[below + 6]! * w11);
          }
        }
      }
      const at = pixel * 3;
      colour[at] = red;
      colour[at + 1] = green;
      colour[at + 2] = blue;
    }
  }
}
