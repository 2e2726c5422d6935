// The words for cameras: their states, and the faults of their pictures.
import type { CameraStatus } from '../camera/camera-state.js';
import type { PictureFault } from '../camera/picture-faults.js';
import { defineWords, type Words } from './words.js';

/** Keys of the words. The types make a missing one an error. */
export type CameraKey = `state-${CameraStatus}` | `about-${CameraStatus}` | `fault-${PictureFault}`;

export const cameraWords: Words<CameraKey> = defineWords({
  en: {
    'state-running': 'Running',
    'state-opening': 'Opening',
    'state-lost': 'Lost',
    'state-ended': 'Ended',
    'state-paused': 'Paused',
    'state-private': 'Private',
    'state-stopped': 'Stopped',
    'about-running': 'There is no picture now.',
    'about-opening': 'The camera is being opened.',
    'about-lost': 'The camera cannot be reached. It is tried again every few seconds.',
    'about-ended': 'The file was played to its end.',
    'about-paused': 'The camera is paused: nobody is recognised here.',
    'about-private': 'Privacy is on: no camera of this device is open.',
    'about-stopped': 'The camera is stopped.',
    'fault-frozen': 'The picture is frozen.',
    'fault-covered': 'The lens is covered, or the picture is black.',
    'fault-clock-drift': 'The frames arrive late: the picture is not of now.',
    'fault-wrong-resolution': 'The picture has another size than the configuration expects.',
    'fault-blurred': 'The picture is blurred: the lens is dirty or out of focus.',
  },
  ko: {
    'state-running': '작동 중',
    'state-opening': '여는 중',
    'state-lost': '연결 끊김',
    'state-ended': '끝남',
    'state-paused': '일시 중지',
    'state-private': '비공개',
    'state-stopped': '중지됨',
    'about-running': '지금은 영상이 없습니다.',
    'about-opening': '카메라를 여는 중입니다.',
    'about-lost': '카메라에 연결할 수 없습니다. 몇 초마다 다시 시도합니다.',
    'about-ended': '파일을 끝까지 재생했습니다.',
    'about-paused': '카메라가 일시 중지되어 아무도 인식하지 않습니다.',
    'about-private': '사생활 보호가 켜져 있어 이 기기의 카메라가 모두 닫혀 있습니다.',
    'about-stopped': '카메라가 중지되었습니다.',
    'fault-frozen': '영상이 멈췄습니다.',
    'fault-covered': '렌즈가 가려졌거나 영상이 검습니다.',
    'fault-clock-drift': '프레임이 늦게 도착합니다. 영상이 지금의 것이 아닙니다.',
    'fault-wrong-resolution': '영상 크기가 설정에서 기대하는 것과 다릅니다.',
    'fault-blurred': '영상이 흐립니다. 렌즈가 더럽거나 초점이 맞지 않습니다.',
  },
});
