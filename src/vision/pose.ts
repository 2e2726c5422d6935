// Head pose from the five landmarks: a rigid mean face under scaled orthographic projection, fitted by Gauss-Newton.
import type { Landmarks, Pose } from '../domain/face.js';

/**
 * The mean face, in units of half the eye distance: x to the picture's right, y down, z towards the camera; mirror-symmetric, so
 * that a mirrored picture has mirrored yaw and roll. Measured on the standard detector's landmarks of 1,541 LFW faces (November
 * 2026): widths and heights are the medians of those that look ahead, so that an ordinary portrait has yaw and pitch near 0; the depth of
 * the nose follows from how eyes and mouth draw together as the nose moves aside (0.92), that of the mouth from how far it moves
 * with the nose (-0.09 of it).
 */
const MODEL: readonly (readonly [number, number, number])[] = [
  [-1, 0, 0],
  [1, 0, 0],
  [0, 1.22, 0.92],
  [-0.86, 2.02, -0.08],
  [0.86, 2.02, -0.08],
];
const CENTRE_Y = MODEL.reduce((sum, point) => sum + point[1], 0) / MODEL.length;
const CENTRE_Z = MODEL.reduce((sum, point) => sum + point[2], 0) / MODEL.length;
const CENTRED = MODEL.map(([x, y, z]) => [x, y - CENTRE_Y, z - CENTRE_Z] as const);

const MAX_ITERATIONS = 12;
/** Steps below this change the angles by less than a hundredth of a degree. */
const SETTLED_RADIANS = 1e-4;
const LIMIT = (85 / 180) * Math.PI;

/** @param landmarks in pixels (not fractions: the two axes must have one unit) @returns degrees, each within -180..180 */
export function estimatePose(landmarks: Landmarks): Pose {
  const meanX = landmarks.reduce((sum, point) => sum + point.x, 0) / 5;
  const meanY = landmarks.reduce((sum, point) => sum + point.y, 0) / 5;
  const dx = landmarks[1].x - landmarks[0].x + landmarks[4].x - landmarks[3].x;
  const dy = landmarks[1].y - landmarks[0].y + landmarks[4].y - landmarks[3].y;
  // Roll is started from the eye and mouth lines; yaw, pitch and scale follow. Translation is the centroid's, and drops out.
  const roll = Math.atan2(dy, dx);
  const spread = Math.sqrt(landmarks.reduce((sum, p) => sum + (p.x - meanX) ** 2 + (p.y - meanY) ** 2, 0));
  const modelSpread = Math.sqrt(CENTRED.reduce((sum, [x, y]) => sum + x * x + y * y, 0));
  let state = [0, 0, roll, Math.max(1e-6, spread / modelSpread)];
  const observed = landmarks.flatMap((point) => [point.x - meanX, point.y - meanY]);
  for (let i = 0; i < MAX_ITERATIONS; i++) {
    const next = step(state, observed);
    const isSettled = next.every((value, j) => j === 3 || Math.abs(value - state[j]) < SETTLED_RADIANS);
    state = next;
    if (isSettled) break;
  }
  return { yaw: degrees(state[0]), pitch: degrees(state[1]), roll: degrees(wrap(state[2])) };
}

/** One damped Gauss-Newton step on [yaw, pitch, roll, scale], with a central-difference Jacobian. */
function step(state: readonly number[], observed: readonly number[]): number[] {
  const base = project(state);
  const residual = observed.map((value, i) => value - base[i]);
  const jacobian = state.map((value, j) => {
    const delta = j === 3 ? value * 1e-4 : 1e-4;
    const plus = project(state.with(j, value + delta));
    const minus = project(state.with(j, value - delta));
    return plus.map((p, i) => (p - minus[i]) / (2 * delta));
  });
  const normal = jacobian.map((row) => jacobian.map((other) => dot(row, other)));
  const right = jacobian.map((row) => dot(row, residual));
  for (let j = 0; j < 4; j++) normal[j][j] *= 1 + 1e-3;
  const update = solve(normal, right);
  return [
    clamp(state[0] + update[0], LIMIT),
    clamp(state[1] + update[1], LIMIT),
    state[2] + update[2],
    Math.max(state[3] * 0.5, state[3] + update[3]),
  ];
}

/** The model turned by pitch, then yaw, then roll, seen along z: x and y of each point in turn. */
function project([yaw, pitch, roll, scale]: readonly number[]): number[] {
  const sy = Math.sin(yaw);
  const cy = Math.cos(yaw);
  const sp = Math.sin(pitch);
  const cp = Math.cos(pitch);
  const sr = Math.sin(roll);
  const cr = Math.cos(roll);
  const out: number[] = [];
  for (const [x, y, z] of CENTRED) {
    // Tilting up moves what lies in front (z > 0) up, towards smaller y.
    const y1 = y * cp - z * sp;
    const z1 = y * sp + z * cp;
    // Turning to the picture's right moves what lies in front to greater x.
    const x2 = x * cy + z1 * sy;
    out.push(scale * (x2 * cr - y1 * sr), scale * (x2 * sr + y1 * cr));
  }
  return out;
}

/** Gaussian elimination with partial pivoting; a singular system gives no update. */
function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]]);
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let r = column + 1; r < n; r++) if (Math.abs(rows[r][column]) > Math.abs(rows[pivot][column])) pivot = r;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    const lead = rows[column][column];
    if (Math.abs(lead) < 1e-12) return new Array<number>(n).fill(0);
    for (let r = 0; r < n; r++) {
      if (r === column) continue;
      const factor = rows[r][column] / lead;
      for (let c = column; c <= n; c++) rows[r][c] -= factor * rows[column][c];
    }
  }
  return rows.map((row, i) => row[n] / row[i]);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}

function wrap(angle: number): number {
  return Math.atan2(Math.sin(angle), Math.cos(angle));
}

function degrees(radians: number): number {
  return (radians * 180) / Math.PI;
}
