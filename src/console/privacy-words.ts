// The words of the privacy switch, which stands in the head of every screen.
import { defineWords } from './words.js';

export const privacyWords = defineWords({
  en: {
    label: 'Privacy',
    isOn: 'Privacy is on',
    isOff: 'Privacy is off',
    banner: 'Privacy is on: all cameras are closed, nobody is recognised, and no pictures are shown.',
    help: 'Closes all cameras of this device at once, also after a restart.',
    offTitle: 'Switch privacy off?',
    offText: 'All cameras open again, except those that are paused. People before them are recognised.',
    offAction: 'Open the cameras',
    failed: 'Privacy could not be changed: {message}',
    notStored: 'Privacy is on, but the disk refused to store that: a restart would switch it off.',
    announceOn: 'Privacy is on. All cameras are closed.',
    announceOff: 'Privacy is off. The cameras are opened.',
  },
  ko: {
    label: '사생활 보호',
    isOn: '사생활 보호 켜짐',
    isOff: '사생활 보호 꺼짐',
    banner: '사생활 보호가 켜져 있습니다. 카메라가 모두 닫혀 있고 아무도 인식하지 않으며 영상도 표시하지 않습니다.',
    help: '이 기기의 모든 카메라를 곧바로 닫습니다. 다시 시작해도 유지됩니다.',
    offTitle: '사생활 보호를 끕니까?',
    offText: '일시 중지한 카메라를 빼고 모두 다시 열립니다. 카메라 앞의 사람을 인식합니다.',
    offAction: '카메라 열기',
    failed: '사생활 보호를 바꾸지 못했습니다: {message}',
    notStored: '사생활 보호가 켜져 있지만 디스크에 저장하지 못했습니다. 다시 시작하면 꺼집니다.',
    announceOn: '사생활 보호가 켜졌습니다. 모든 카메라가 닫혔습니다.',
    announceOff: '사생활 보호가 꺼졌습니다. 카메라를 엽니다.',
  },
});
