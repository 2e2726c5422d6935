// The state of a camera as the stream of the status last told it, with what the list of cameras says beside it.
import type { cameraAnswer } from '../../../api/device/answers.js';
import type { CameraStatus } from '../../../camera/camera-state.js';
import type { PictureFault } from '../../../camera/picture-faults.js';
import type { Answer } from '../../api/types.js';
import { privacy, status } from '../../state.js';
import type { Kind } from '../../ui/show.js';

export type ShownCamera = Answer<typeof cameraAnswer>;

export interface CameraNow {
  state: CameraStatus;
  fault: PictureFault | undefined;
  /** Analysed frames per second; 0 while the camera does not run. */
  fps: number;
  kind: Kind;
}

/** Returns the newest state of a camera; a component that calls it is drawn anew with each message of the status. */
export function readCameraNow({ id, state, fault, analysedFps, health }: ShownCamera): CameraNow {
  const message = status.value?.cameras.find((one) => one.id === id);
  const now = (privacy.value ? 'private' : (message?.state ?? state)) as CameraStatus;
  const faultNow = (message ? message.fault : fault) as PictureFault | undefined;
  return {
    state: now,
    fault: now === 'running' ? faultNow : undefined,
    fps: now === 'running' ? (message?.analysedFps ?? analysedFps) : 0,
    kind: chooseKind(now, faultNow, health.status),
  };
}

function chooseKind(
  state: CameraStatus,
  fault: PictureFault | undefined,
  health: ShownCamera['health']['status'],
): Kind {
  if (state === 'paused' || state === 'private' || state === 'stopped' || state === 'ended') return 'off';
  if (state === 'lost' || health === 'failed') return 'bad';
  return state === 'opening' || fault !== undefined || health === 'degraded' ? 'warn' : 'ok';
}
