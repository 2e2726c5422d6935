// The live picture of the camera at which somebody is enrolled.
import type { cameraListAnswer } from '../../../api/device/answers.js';
import type { CameraStatus } from '../../../camera/camera-state.js';
import type { Answer } from '../../api/types.js';
import { LivePicture } from '../../live/live-picture.js';
import { status } from '../../state.js';

export function CameraPicture({ camera }: { camera: Answer<typeof cameraListAnswer>['cameras'][number] }) {
  const now = status.value?.cameras.find(({ id }) => id === camera.id);
  return <LivePicture cameraId={camera.id} state={(now?.state ?? camera.state) as CameraStatus} />;
}
