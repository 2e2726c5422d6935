// Draws a flat picture that is held before the camera: turned in space, in perspective, as a sheet of paper, a screen or a cut-out.
import type { Pose } from '../../src/domain/face.js';
import type { Picture } from './head.js';
import { makeRotation } from './rasterise.js';

export interface SheetStance {
  /** Place of the sheet's centre, in pixels of the other picture. */
  centreX: number;
  centreY: number;
  /** Width of the sheet when it faces the camera. */
  widthPx: number;
  /** Turn of the sheet in degrees, with the signs of a head's pose. */
  pose: Pose;
  /** `plain`: a rectangle; `oval`: cut out along the largest ellipse. */
  edge: 'plain' | 'oval';
}

/** Distance of the viewer in widths of the sheet: a phone at 35 cm, a sheet of A4 at a metre. */
const VIEW_DISTANCE = 5;
/** Samples per pixel and direction. */
const SAMPLES = 2;

/** Draws the sheet over `onto`. Parts outside are left out. @param sheet at least as wide as it is drawn, for a smooth picture */
export function drawSheet(onto: Picture, sheet: Picture, { centreX, centreY, widthPx, pose, edge }: SheetStance): void {
  const r = makeRotation(pose.yaw, pose.pitch, pose.roll);
  const ratio = sheet.heightPx / sheet.widthPx;
  // Columns of the map from the plane (u to the right, v up, in widths of the sheet) to x, y and depth.
  const [ux, vx, uy, vy, uz, vz] = [r[0], r[1], r[3], r[4], r[6], r[7]];
  const place = (u: number, v: number): [number, number] => {
    const scale = (widthPx * VIEW_DISTANCE) / (VIEW_DISTANCE - uz * u - vz * v);
    return [centreX + scale * (ux * u + vx * v), centreY - scale * (uy * u + vy * v)];
  };
  const corners = [-0.5, 0.5].flatMap((u) => [-0.5, 0.5].map((v) => place(u, v * ratio)));
  const left = Math.max(0, Math.floor(Math.min(...corners.map(([x]) => x))));
  const right = Math.min(onto.widthPx, Math.ceil(Math.max(...corners.map(([x]) => x))));
  const top = Math.max(0, Math.floor(Math.min(...corners.map(([, y]) => y))));
  const bottom = Math.min(onto.heightPx, Math.ceil(Math.max(...corners.map(([, y]) => y))));
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const sum = [0, 0, 0];
      let hits = 0;
      for (let i = 0; i < SAMPLES * SAMPLES; i++) {
        const a = (column + ((i % SAMPLES) + 0.5) / SAMPLES - centreX) / (widthPx * VIEW_DISTANCE);
        const b = (centreY - row - (Math.floor(i / SAMPLES) + 0.5) / SAMPLES) / (widthPx * VIEW_DISTANCE);
        // (ux + a uz) u + (vx + a vz) v = a D, and the same for y: the point of the plane behind this sample.
        const [p, q, s, t] = [ux + a * uz, vx + a * vz, uy + b * uz, vy + b * vz];
        const determinant = p * t - q * s;
        if (Math.abs(determinant) < 1e-9) continue;
        const u = (VIEW_DISTANCE * (a * t - b * q)) / determinant;
        const v = (VIEW_DISTANCE * (b * p - a * s)) / determinant;
        if (Math.abs(u) > 0.5 || Math.abs(v) > 0.5 * ratio) continue;
        if (edge === 'oval' && (2 * u) ** 2 + ((2 * v) / ratio) ** 2 > 1) continue;
        addSample(sheet, (u + 0.5) * sheet.widthPx - 0.5, (0.5 - v / ratio) * sheet.heightPx - 0.5, sum);
        hits++;
      }
      if (hits === 0) continue;
      const cover = hits / (SAMPLES * SAMPLES);
      const at = (row * onto.widthPx + column) * 3;
      for (let k = 0; k < 3; k++) onto.rgb[at + k]! += Math.round((sum[k]! / hits - onto.rgb[at + k]!) * cover);
    }
  }
}

/** Adds a sample by bilinear interpolation. Beyond the edge the outermost pixels are repeated. */
function addSample({ widthPx, heightPx, rgb }: Picture, u: number, v: number, sum: number[]): void {
  const x = Math.min(widthPx - 1, Math.max(0, u));
  const y = Math.min(heightPx - 1, Math.max(0, v));
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const right = (Math.min(widthPx - 1, x0 + 1) - x0) * 3;
  const down = (Math.min(heightPx - 1, y0 + 1) - y0) * widthPx * 3;
  const [fx, fy] = [x - x0, y - y0];
  const at = (y0 * widthPx + x0) * 3;
  for (let k = 0; k < 3; k++) {
    const above = rgb[at + k]! * (1 - fx) + rgb[at + right + k]! * fx;
    const below = rgb[at + down + k]! * (1 - fx) + rgb[at + down + right + k]! * fx;
    sum[k]! += above * (1 - fy) + below * fy;
  }
}
