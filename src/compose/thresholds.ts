// The thresholds that the cameras apply to the people of a group now.
import type { ThresholdInForce, WatchedGroupState } from '../api/device/services.js';
import { listWatchedGroups, type CameraConfig } from '../config/camera-schema.js';
import { findThreshold } from '../recognition/group-threshold.js';

/** Lists the threshold of each camera that recognises people of a group, in the order of the configuration, as recognition computes it. */
export function listThresholds(
  cameras: readonly CameraConfig[],
  { appKey, groupId, scales, enrolledFaces }: WatchedGroupState,
): ThresholdInForce[] {
  return cameras.flatMap((camera) => {
    const { id: cameraId, agree, outOf } = camera;
    return listWatchedGroups(camera)
      .filter((watched) => watched.appKey === appKey && watched.group === groupId)
      .map((watched) => ({
        cameraId,
        threshold: findThreshold(watched, camera, scales, enrolledFaces),
        ...('targetFalseAcceptPerAttempt' in watched && {
          targetFalseAcceptPerAttempt: watched.targetFalseAcceptPerAttempt,
        }),
        agree,
        outOf,
      }));
  });
}
