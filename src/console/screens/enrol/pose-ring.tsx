// The ring around the pose of the face: it fills while good pictures and poses are collected, and a dot follows the face.
import { useWords } from '../../words.js';
import type { Progress } from './enrol-api.js';
import { words } from './words.js';

const RADIUS = 84;
/** Length of the whole ring, and of the gap between two parts. */
const LENGTH = 2 * Math.PI * RADIUS;
const GAP = 14;
/** Turn of the face, in degrees, at which the dot reaches the ring: a face that is turned further is not used. */
const EDGE_DEGREES = 25;

type Pose = Progress['poses'][number];

/** @param progress newest line; undefined before the first one */
export function PoseRing({ progress, posesWanted }: { progress: Progress | undefined; posesWanted: number }) {
  const t = useWords(words);
  const { collected = 0, wanted = 0, poses = [], face, reason } = progress ?? {};
  const pictures = t('pictures', { n: Math.min(collected, wanted), of: wanted });
  const label = t('ring', { pictures, poses: t('ringPoses', { n: poses.length, of: posesWanted }) });
  const part = LENGTH / posesWanted;
  return (
    <svg class="pose-ring" viewBox="0 0 200 200" role="img" aria-label={label}>
      {Array.from({ length: posesWanted }, (_, i) => (
        <g key={i} transform={`rotate(${(360 / posesWanted) * i - 90} 100 100)`}>
          <Arc length={part} share={1} kind="pose-ring-track" />
          <Arc length={part} share={fillPart(i, progress)} kind="pose-ring-fill" />
        </g>
      ))}
      {poses.map((pose, i) => (
        <circle key={i} class="pose-kept" {...place(pose)} r="6" />
      ))}
      {face && <circle class={reason ? 'pose-now pose-now-unfit' : 'pose-now'} {...place(face.pose)} r="10" />}
      {!face && <circle class="pose-centre" cx="100" cy="100" r="10" />}
    </svg>
  );
}

function Arc({ length, share, kind }: { length: number; share: number; kind: string }) {
  const gap = length < LENGTH ? GAP : 0;
  const shown = Math.max(0, share * (length - gap));
  return share === 0 ? null : (
    <circle
      class={kind}
      cx="100"
      cy="100"
      r={RADIUS}
      stroke-dasharray={`${shown} ${LENGTH}`}
      stroke-dashoffset={-gap / 2}
    />
  );
}

/** Returns how full one part of the ring is, 0..1: the first one fills with the pictures, the others with a pose each. */
function fillPart(part: number, progress: Progress | undefined): number {
  if (!progress) return 0;
  const { collected, wanted, poses } = progress;
  if (part > 0) return poses.length > part ? 1 : 0;
  return wanted === 0 ? 0 : Math.min(1, collected / wanted);
}

function place({ yaw, pitch }: Pick<Pose, 'yaw' | 'pitch'>): { cx: number; cy: number } {
  const length = Math.max(1, Math.hypot(yaw, pitch) / EDGE_DEGREES);
  const scale = (RADIUS - 14) / EDGE_DEGREES / length;
  return { cx: Math.round(100 + yaw * scale), cy: Math.round(100 - pitch * scale) };
}
