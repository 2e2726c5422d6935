// The result of one enrolment: what became of it, the quality, who is most like the person, and what to do better.
import type { ComponentChildren } from 'preact';
import type { ClosestOther, FaceMeasures } from './outcome-parts.js';
import { Better, Closest, Quality } from './outcome-parts.js';
import type { ApiError } from '../../api/client.js';
import { formatFixed } from '../../format.js';
import { makeHash } from '../../router.js';
import { ButtonLink } from '../../ui/controls.js';
import { Badge, type Kind } from '../../ui/show.js';
import { useWords, type Translate } from '../../words.js';
import { adviceWords, KNOWN_CODES, type AdviceKey, type KnownCode } from './advice-words.js';
import type { CameraEnrolment, PictureEnrolment, RefusedAnswer, Wish } from './enrol-api.js';
import { words } from './words.js';

export type Outcome = CameraEnrolment | PictureEnrolment | ApiError;
type Reason = NonNullable<RefusedAnswer['reason']>;

/** Tells whether somebody was enrolled. */
export function isEnrolled(outcome: Outcome): outcome is CameraEnrolment | PictureEnrolment {
  return 'groupId' in outcome;
}

/** Returns the kind and the word of a state. */
export function describeState(outcome: Outcome): { kind: Kind; key: 'enrolled' | 'refused' | 'failed' } {
  if (isEnrolled(outcome)) return { kind: 'ok', key: 'enrolled' };
  return outcome.reason === undefined ? { kind: 'warn', key: 'failed' } : { kind: 'bad', key: 'refused' };
}

/** Says what became of an enrolment, in one sentence. */
export function describeOutcome(
  outcome: Outcome,
  t: Translate<keyof typeof words.en>,
  a: Translate<AdviceKey>,
): string {
  if (isEnrolled(outcome)) {
    return t('enrolledAs', { id: outcome.externalImageId, n: 'faces' in outcome ? outcome.faces.length : 1 });
  }
  const key = findAdvice(outcome);
  return key === undefined ? t('unknown', { message: outcome.message }) : a(`why-${key}`);
}

function findAdvice({ code, reason }: ApiError): Reason | KnownCode | undefined {
  return (reason as Reason | undefined) ?? KNOWN_CODES.find((known) => known === code);
}

export interface OutcomeViewProps {
  outcome: Outcome;
  wish: Wish;
  /** False where the outcome is named above already. */
  hasHead?: boolean;
  /** Further buttons. */
  children?: ComponentChildren;
}

export function OutcomeView({ outcome, wish, hasHead = true, children }: OutcomeViewProps) {
  const t = useWords(words);
  const a = useWords(adviceWords);
  const { kind, key } = describeState(outcome);
  const { face, closest } = readMeasures(outcome);
  const advice = isEnrolled(outcome) ? undefined : findAdvice(outcome);
  const enrolledAs = isEnrolled(outcome) ? undefined : (outcome.details as Partial<RefusedAnswer>).enrolledAs;
  return (
    <div class="outcome">
      {hasHead && (
        <p class="outcome-head">
          <Badge kind={kind}>{t(key)}</Badge>
          <strong>{describeOutcome(outcome, t, a)}</strong>
        </p>
      )}
      {advice && <p>{a(`do-${advice}`)}</p>}
      {enrolledAs && (
        <div class="row">
          <span>
            {t('isEnrolledAs', {
              name: enrolledAs.externalImageId ?? wish.externalImageId,
              similarity: formatFixed(enrolledAs.similarity),
            })}
          </span>
          <PersonLink wish={wish} id={enrolledAs.externalImageId ?? wish.externalImageId} />
        </div>
      )}
      {isEnrolled(outcome) && <Closest closest={closest} wish={wish} />}
      {face && <Quality face={face} />}
      {isEnrolled(outcome) && face && <Better face={face} isLookalike={closest?.lookalike === true} />}
      <div class="row">
        {isEnrolled(outcome) && (
          <ButtonLink href={makePersonHash(wish, outcome.externalImageId)}>{t('openPerson')}</ButtonLink>
        )}
        {children}
      </div>
    </div>
  );
}

function PersonLink({ wish, id }: { wish: Wish; id: string }) {
  const t = useWords(words);
  return <ButtonLink href={makePersonHash(wish, id)}>{t('openOther', { name: id })}</ButtonLink>;
}

/** Makes the address of a person of the group. */
function makePersonHash({ group, appKey }: Wish, id: string): string {
  return makeHash(['people', group, id], appKey === 'default' ? {} : { appKey });
}

function readMeasures(outcome: Outcome): { face?: FaceMeasures | undefined; closest?: ClosestOther | undefined } {
  if (isEnrolled(outcome)) return outcome;
  return { face: (outcome.details as Partial<RefusedAnswer>).face };
}
