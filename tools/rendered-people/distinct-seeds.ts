// Seeds of rendered people whom the standard embedder distinguishes. They are chosen by measurement, which must be repeated when a trait changes.

/**
 * Eight people. MobileFaceNet (sha256 b7120c09…), faces found and aligned by YuNet (104ee26c…), November 2026: eleven views of each
 * (frontal, yaw ±10 and ±20, pitch ±8, roll 12, faces of 66 to 180 px, several lights, noise, a smile) give a cosine of at most 0.324
 * between two people, and at least 0.776 between two views of one. The calibration's similarity 70 is a cosine of 0.333.
 */
export const DISTINCT_SEEDS = [6, 53, 74, 106, 158, 175, 210, 238] as const;
