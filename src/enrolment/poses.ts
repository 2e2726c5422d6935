// The different poses among the shots of an enrolment.
import type { Pose } from '../domain/face.js';

/** Two shots with less difference in pose show the same view. */
const MIN_POSE_DIFFERENCE_DEGREES = 6;

interface PosedShot {
  /** 0..1 */
  quality: number;
  pose: Pose;
}

/** Returns the best shot, and up to `count - 1` further ones that differ in pose from each other; fewer where there are no more. */
export function pickPoses<Shot extends PosedShot>(shots: readonly Shot[], count: number): Shot[] {
  const picked: Shot[] = [];
  for (const shot of shots.toSorted((a, b) => b.quality - a.quality)) {
    if (picked.length >= count) break;
    if (picked.every(({ pose }) => hasOtherPose(pose, shot.pose))) picked.push(shot);
  }
  return picked;
}

function hasOtherPose(a: Pose, b: Pose): boolean {
  return Math.hypot(a.yaw - b.yaw, a.pitch - b.pitch) >= MIN_POSE_DIFFERENCE_DEGREES;
}
