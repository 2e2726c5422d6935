// The words for decisions: types of events, their reasons, verdicts on liveness, and the evidence of a print or a screen.
import type { EvidenceName, Reason, RecognitionEvent } from '../events/event.js';
import { defineWords, type Words } from './words.js';

type Verdict = NonNullable<RecognitionEvent['liveness']>['verdict'];

/** Keys of the words. The types make a missing one an error: a new reason of an event needs its words here. */
export type DecisionKey =
  `type-${RecognitionEvent['type']}` | `reason-${Reason}` | `verdict-${Verdict}` | `evidence-${EvidenceName}`;

export const decisionWords: Words<DecisionKey> = defineWords({
  en: {
    'type-match': 'Match',
    'type-unknown': 'Unknown',
    'type-spoof': 'Not alive',
    'type-uncertain': 'Uncertain',
    'reason-agreed': 'Enough frames agree on one person.',
    'reason-below-threshold': 'No enrolled face is similar enough.',
    'reason-empty-group': 'Nobody is enrolled in the group.',
    'reason-tie': 'Two enrolled people are equally similar.',
    'reason-disagreement': 'The frames do not agree on one person.',
    'reason-not-alive': 'The face looks like a print or a screen.',
    'reason-too-few-frames': 'The person left before there were enough good frames, or the camera is too slow.',
    'reason-masked': 'An enrolled person, but the camera refuses masks.',
    'reason-liveness-unsure': 'An enrolled person, but it was not clear whether the face is alive.',
    'reason-liveness-missing': 'An enrolled person, but there is no model that checks liveness.',
    'reason-challenge-failed': 'An enrolled person, but the head was not turned as asked.',
    'reason-clock-wrong': 'An enrolled person, but the clock of the device cannot be trusted.',
    'reason-camera-fault': 'An enrolled person, but the picture of the camera cannot be trusted.',
    'reason-group-unusable': 'The group is missing, or was enrolled under other models.',
    'reason-gallery-stale': 'The copy of the group is too old: this door has not heard from the fleet for too long.',
    'verdict-live': 'alive',
    'verdict-spoof': 'not alive',
    'verdict-unsure': 'not sure yet',
    'verdict-unavailable': 'not checked',
    'evidence-border': 'Straight edges enclose the face, as those of a sheet or a screen do.',
    'evidence-pattern': 'The face has a regular pattern, such as the dots of a print.',
    'evidence-grey': 'The face has no colour, although its surroundings have.',
    'evidence-flat': 'The face turns as a flat picture does.',
    'evidence-still': 'Nothing of the face has moved for seconds.',
  },
  ko: {
    'type-match': '일치',
    'type-unknown': '모르는 사람',
    'type-spoof': '위조',
    'type-uncertain': '불확실',
    'reason-agreed': '충분한 프레임이 한 사람으로 일치합니다.',
    'reason-below-threshold': '충분히 비슷한 등록 얼굴이 없습니다.',
    'reason-empty-group': '그룹에 등록된 사람이 없습니다.',
    'reason-tie': '등록된 두 사람이 똑같이 비슷합니다.',
    'reason-disagreement': '프레임들이 한 사람으로 일치하지 않습니다.',
    'reason-not-alive': '인쇄물이나 화면의 얼굴로 보입니다.',
    'reason-too-few-frames': '좋은 프레임이 충분해지기 전에 사람이 떠났거나 카메라가 너무 느립니다.',
    'reason-masked': '등록된 사람이지만 이 카메라는 마스크를 허용하지 않습니다.',
    'reason-liveness-unsure': '등록된 사람이지만 실제 얼굴인지 분명하지 않았습니다.',
    'reason-liveness-missing': '등록된 사람이지만 실제 얼굴인지 확인할 모델이 없습니다.',
    'reason-challenge-failed': '등록된 사람이지만 요청한 대로 고개를 돌리지 않았습니다.',
    'reason-clock-wrong': '등록된 사람이지만 기기의 시계를 믿을 수 없습니다.',
    'reason-camera-fault': '등록된 사람이지만 카메라 영상을 믿을 수 없습니다.',
    'reason-group-unusable': '그룹이 없거나 다른 모델로 등록되었습니다.',
    'reason-gallery-stale': '그룹 사본이 너무 오래되었습니다. 이 출입문이 오랫동안 플릿의 소식을 받지 못했습니다.',
    'verdict-live': '실제 얼굴',
    'verdict-spoof': '위조 얼굴',
    'verdict-unsure': '아직 불확실',
    'verdict-unavailable': '확인 안 함',
    'evidence-border': '종이나 화면처럼 곧은 테두리가 얼굴을 둘러싸고 있습니다.',
    'evidence-pattern': '인쇄 망점처럼 규칙적인 무늬가 얼굴에 있습니다.',
    'evidence-grey': '주변에는 색이 있는데 얼굴에는 색이 없습니다.',
    'evidence-flat': '얼굴이 평평한 그림처럼 돌아갑니다.',
    'evidence-still': '얼굴이 몇 초 동안 전혀 움직이지 않았습니다.',
  },
});
