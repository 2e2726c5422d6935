// The words around the pictures of cameras.
import { defineWords } from '../words.js';

export const liveWords = defineWords({
  en: {
    picture: 'Live picture of {camera}',
    still: 'Picture of {camera}, new every few seconds',
    connecting: 'The picture is coming …',
    lost: 'The connection to the picture is lost. It is tried again.',
    busy: 'There are too many live views. This picture is new every 3 seconds, and has no boxes.',
    background: 'The page is in the background: no pictures are fetched.',
    unknown: 'Unknown',
    looking: 'Looking',
    unnamed: 'Enrolled, without a name',
    ofThreshold: '{similarity} (needs {threshold})',
    track: 'Track {id}',
    turnLeft: 'Turn the head to the left',
    turnRight: 'Turn the head to the right',
    masked: 'mask',
  },
  ko: {
    picture: '{camera}의 실시간 영상',
    still: '{camera}의 영상, 몇 초마다 갱신',
    connecting: '영상을 불러오는 중 …',
    lost: '영상 연결이 끊겼습니다. 다시 시도합니다.',
    busy: '실시간 보기가 너무 많습니다. 이 영상은 3초마다 갱신되며 상자가 없습니다.',
    background: '페이지가 뒤에 있어 영상을 가져오지 않습니다.',
    unknown: '모르는 사람',
    looking: '확인 중',
    unnamed: '등록됨, 이름 없음',
    ofThreshold: '{similarity} (기준 {threshold})',
    track: '추적 {id}',
    turnLeft: '고개를 왼쪽으로 돌리십시오',
    turnRight: '고개를 오른쪽으로 돌리십시오',
    masked: '마스크',
  },
});
