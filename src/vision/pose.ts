// Head pose from the five landmarks: a rigid mean face under scaled orthographic projection, fitted by Gauss-Newton.
import type { Landmarks, Pose } from '../domain/face.js';

/**
 * Landmarks of the mean face, in units of half the eye distance: x to the picture's right, y down, z towards the camera. It is
 * mirror-symmetric, so that a mirrored picture has mirrored yaw and roll. Measured on the standard detector's landmarks of 1,541 faces of
 * LFW (November 2026): widths and heights are the medians of the faces that look straight ahead, so that an ordinary portrait has yaw and
 * pitch near 0. The depth of the nose (0.92) follows from how much eyes and mouth draw together as the nose moves aside, the depth of the
 * mouth from how far it moves with the nose (by -0.09 of the nose's movement).
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
/** Root of the summed squares of the model's x and y. */
const MODEL_SPREAD = Math.sqrt(CENTRED.reduce((sum, [x, y]) => sum + x * x + y * y, 0));

const MAX_ITERATIONS = 12;
/** Step size at which the fit ends: smaller steps change the angles by less than a hundredth of a degree. */
const SETTLED_RADIANS = 1e-4;
/** Largest yaw and pitch of the fit: 85 degrees. */
const LIMIT_RADIANS = (85 / 180) * Math.PI;

/** The fitted values: yaw, pitch and roll in radians, and the scale in pixels per unit of the model. */
type PoseState = readonly [yaw: number, pitch: number, roll: number, scale: number];

/**
 * Estimates the head pose.
 * @param landmarks in pixels, not in fractions of the picture: both axes must have the same unit
 * @returns degrees; yaw and pitch within -85..85, roll within -180..180
 */
export function estimatePose(landmarks: Landmarks): Pose {
  const meanX = landmarks.reduce((sum, point) => sum + point.x, 0) / 5;
  const meanY = landmarks.reduce((sum, point) => sum + point.y, 0) / 5;
  const dx = landmarks[1].x - landmarks[0].x + landmarks[4].x - landmarks[3].x;
  const dy = landmarks[1].y - landmarks[0].y + landmarks[4].y - landmarks[3].y;
  // The fit starts from the roll of the lines between the eyes and between the corners of the mouth. The translation is that of the
  // centroid, and is not fitted.
  const roll = Math.atan2(dy, dx);
  const spread = Math.sqrt(landmarks.reduce((sum, p) => sum + (p.x - meanX) ** 2 + (p.y - meanY) ** 2, 0));
  let state: PoseState = [0, 0, roll, Math.max(1e-6, spread / MODEL_SPREAD)];
  const observed = landmarks.flatMap((point) => [point.x - meanX, point.y - meanY]);
  for (let i = 0; i < MAX_ITERATIONS; i++) {
    const next = improve(state, observed);
    const hasSettled = ([0, 1, 2] as const).every((j) => Math.abs(next[j] - state[j]) < SETTLED_RADIANS);
    state = next;
    if (hasSettled) break;
  }
  const [yaw, pitch, turned] = state;
  return { yaw: toDegrees(yaw), pitch: toDegrees(pitch), roll: toDegrees(wrapAngle(turned)) };
}

/** Makes one damped Gauss-Newton step, with a Jacobian by central differences. */
function improve(state: PoseState, observed: readonly number[]): PoseState {
  const base = project(state);
  const residual = observed.map((value, i) => value - base[i]!);
  const jacobian = state.map((value, j) => {
    const delta = j === 3 ? value * 1e-4 : 1e-4;
    const plus = project(moveParameter(state, j, delta));
    const minus = project(moveParameter(state, j, -delta));
    return plus.map((p, i) => (p - minus[i]!) / (2 * delta));
  });
  const normal = jacobian.map((row) => jacobian.map((other) => dot(row, other)));
  const right = jacobian.map((row) => dot(row, residual));
  for (let j = 0; j < 4; j++) normal[j]![j]! *= 1 + 1e-3;
  const update = solveLinear(normal, right);
  return [
    clamp(state[0] + update[0]!, LIMIT_RADIANS),
    clamp(state[1] + update[1]!, LIMIT_RADIANS),
    state[2] + update[2]!,
    Math.max(state[3] * 0.5, state[3] + update[3]!),
  ];
}

function moveParameter([yaw, pitch, roll, scale]: PoseState, index: number, delta: number): PoseState {
  switch (index) {
    case 0:
      return [yaw + delta, pitch, roll, scale];
    case 1:
      return [yaw, pitch + delta, roll, scale];
    case 2:
      return [yaw, pitch, roll + delta, scale];
    default:
      return [yaw, pitch, roll, scale + delta];
  }
}

/** Projects the model, turned by pitch, then yaw, then roll, along z. @returns x and y of each point in turn: 10 numbers, in pixels */
function project([yaw, pitch, roll, scale]: PoseState): number[] {
  const sy = Math.sin(yaw);
  const cy = Math.cos(yaw);
  const sp = Math.sin(pitch);
  const cp = Math.cos(pitch);
  const sr = Math.sin(roll);
  const cr = Math.cos(roll);
  const out: number[] = [];
  for (const [x, y, z] of CENTRED) {
    // Tilting up moves points in front (z > 0) up, to smaller y.
    const y1 = y * cp - z * sp;
    const z1 = y * sp + z * cp;
    // Turning to the picture's right moves points in front to greater x.
    const x2 = x * cy + z1 * sy;
    out.push(scale * (x2 * cr - y1 * sr), scale * (x2 * sr + y1 * cr));
  }
  return out;
}

/** Solves a linear system by Gaussian elimination with partial pivoting. @returns zeros where the system is singular */
function solveLinear(matrix: readonly number[][], right: readonly number[]): number[] {
  const n = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let r = column + 1; r < n; r++) if (Math.abs(rows[r]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = r;
    const pivotRow = rows[pivot]!;
    rows[pivot] = rows[column]!;
    rows[column] = pivotRow;
    const lead = pivotRow[column]!;
    if (Math.abs(lead) < 1e-12) return new Array<number>(n).fill(0);
    for (const row of rows) {
      if (row === pivotRow) continue;
      const factor = row[column]! / lead;
      for (let c = column; c <= n; c++) row[c]! -= factor * pivotRow[c]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function clamp(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value));
}

/** Brings an angle into -pi..pi. */
function wrapAngle(angle: number): number {
  return Math.atan2(Math.sin(angle), Math.cos(angle));
}

function toDegrees(radians: number): number {
  return (radians * 180) / Math.PI;
}
