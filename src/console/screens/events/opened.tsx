// One event opened: the decision in words, what led to it, and whether its signature is right.
import { useEffect, useState } from 'preact/hooks';
import type { RecognitionEvent } from '../../../events/event.js';
import { get } from '../../api/client.js';
import { useFetch } from '../../api/use-fetch.js';
import { decisionWords } from '../../decision-words.js';
import { formatDateTime, formatFixed, formatUnit } from '../../format.js';
import { makeHash } from '../../router.js';
import { hasRole, privacy } from '../../state.js';
import { ButtonLink, CopyButton } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, ErrorNotice, Facts, Notice, Spinner, type Kind } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { FramesCard, LivenessCard, SimilarityCard, ThresholdCard } from './grounds.js';
import { KINDS } from './list.js';
import { readSigned, verifyEvent, type EventAnswer, type SignatureVerdict, type KeyAnswer } from './signature.js';
import { words } from './words.js';

interface Loaded {
  opened: EventAnswer;
  signingKey: KeyAnswer;
  verdict: SignatureVerdict;
}

export function OpenedEventPage({ sequence }: { sequence: string }) {
  const t = useWords(words);
  const { data, error, reload } = useFetch(
    async (signal): Promise<Loaded> => {
      const [received, signingKey] = await Promise.all([
        get<EventAnswer>(`events/${encodeURIComponent(sequence)}`, {}, signal),
        get<KeyAnswer>('signing-key', {}, signal),
      ]);
      const opened = readSigned(received);
      return { opened, signingKey, verdict: await verifyEvent(opened, signingKey) };
    },
    [sequence],
  );
  const number = Number(sequence);
  return (
    <Page
      title={t('event', { n: sequence })}
      actions={
        <>
          <ButtonLink href={makeHash(['events'])}>{t('back')}</ButtonLink>
          {number > 1 && <ButtonLink href={makeHash(['events', String(number - 1)])}>← {t('olderOne')}</ButtonLink>}
          <ButtonLink href={makeHash(['events', String(number + 1)])}>{t('newerOne')} →</ButtonLink>
        </>
      }
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {data && <Opened {...data} />}
    </Page>
  );
}

function Opened({ opened, signingKey, verdict }: Loaded) {
  const t = useWords(words);
  const { event, grounds } = opened;
  return (
    <>
      <Summary event={event} />
      {(verdict === 'wrong' || verdict === 'wrong-grounds') && (
        <Notice kind="bad">{t(verdict === 'wrong' ? 'wrongText' : 'wrongGrounds')}</Notice>
      )}
      {grounds ? (
        <>
          <FramesCard grounds={grounds} />
          <div class="event-columns">
            <SimilarityCard grounds={grounds} />
            <LivenessCard grounds={grounds} />
          </div>
          <ThresholdCard event={event} grounds={grounds} />
        </>
      ) : (
        <Notice kind="info">{t('noGrounds')}</Notice>
      )}
      <div class="event-columns">
        <Circumstances opened={opened} />
        <SignatureCard event={event} signingKey={signingKey} verdict={verdict} />
      </div>
      {hasRole('admin') && <AuditLinks event={event} />}
      <div class="row">
        <CopyButton text={JSON.stringify({ event, grounds }, null, 2)} label={t('copyJson')} />
      </div>
    </>
  );
}

function Summary({ event }: { event: RecognitionEvent }) {
  const t = useWords(words);
  const d = useWords(decisionWords);
  const { type, reason, externalImageId, faceId = '', similarity, threshold, liveness } = event;
  const figures = { similarity: formatFixed(similarity ?? 0), threshold: formatFixed(threshold) };
  return (
    <section class="card event-summary" data-type={type}>
      <Badge kind={KINDS[type]}>{d(`type-${type}`)}</Badge>
      <p class="event-verdict">
        {type === 'match'
          ? t('granted', { person: externalImageId ?? faceId, ...figures })
          : t('refused', { reason: d(`reason-${reason}`) })}
      </p>
      <p class="quiet">
        {type === 'match' ? d(`reason-${reason}`) : similarity !== undefined && t('nearest', figures)}
      </p>
      {liveness?.evidence?.map((name) => (
        <p key={name}>{d(`evidence-${name}`)}</p>
      ))}
      <Snapshot event={event} />
    </section>
  );
}

/** The picture in the event, where the camera is configured to send it. It is not shown while privacy is on. */
function Snapshot({ event: { snapshot } }: { event: RecognitionEvent }) {
  const t = useWords(words);
  const [url, setUrl] = useState<string>();
  const isHidden = privacy.value === true || snapshot === undefined;
  useEffect(() => {
    if (isHidden) return;
    const bytes = Uint8Array.from(atob(snapshot), (one) => one.charCodeAt(0));
    const made = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
    setUrl(made);
    return () => {
      URL.revokeObjectURL(made);
      setUrl(undefined);
    };
  }, [snapshot, isHidden]);
  return url === undefined || isHidden ? null : <img class="event-snapshot" src={url} alt={t('snapshot')} />;
}

function Circumstances({ opened: { event, grounds } }: { opened: EventAnswer }) {
  const t = useWords(words);
  const d = useWords(decisionWords);
  const { capturedAt, decidedAt, expiresAt, cameraId, groupId, trackId, liveness, masked, modelVersion } = event;
  const { quality, recognisability, faceId } = event;
  const after = grounds && formatUnit(grounds.decidedAfterMs / 1_000, 'second', 1);
  const items: (readonly [string, string])[] = [
    [t('camera'), cameraId],
    [t('group'), groupId],
    [t('captured'), formatDateTime(capturedAt)],
    [t('decided'), after === undefined ? formatDateTime(decidedAt) : t('after', { duration: after })],
    [t('expires'), formatDateTime(expiresAt)],
    [t('quality'), formatFixed(quality, 2)],
  ];
  if (recognisability !== undefined) items.push([t('recognisability'), formatFixed(recognisability, 2)]);
  if (masked !== undefined) items.push([t('mask'), t(masked ? 'masked' : 'bare')]);
  if (liveness) {
    const score = liveness.score === undefined ? '' : ` (${formatFixed(liveness.score, 2)})`;
    items.push([t('liveness'), d(`verdict-${liveness.verdict}`) + score]);
  }
  items.push([t('track'), String(trackId)], [t('models'), modelVersion]);
  if (faceId !== undefined) items.push([t('face'), faceId]);
  return (
    <Card title={t('facts')}>
      <Facts items={items} />
    </Card>
  );
}

const VERDICTS = {
  ok: ['ok', 'ok', 'okText'],
  wrong: ['bad', 'wrong', 'wrongText'],
  'wrong-grounds': ['bad', 'wrong', 'wrongGrounds'],
  other: ['warn', 'other', 'otherText'],
  insecure: ['off', 'insecure', 'insecureText'],
  unsupported: ['off', 'unsupported', 'unsupportedText'],
  unsigned: ['warn', 'unsigned', 'unsignedText'],
} as const satisfies Record<SignatureVerdict, readonly [Kind, keyof typeof words.en, keyof typeof words.en]>;

function SignatureCard({
  event,
  signingKey,
  verdict,
}: {
  event: RecognitionEvent;
  signingKey: KeyAnswer;
  verdict: SignatureVerdict;
}) {
  const t = useWords(words);
  const [kind, title, text] = VERDICTS[verdict];
  const { keyId = '' } = event;
  return (
    <Card title={t('signature')}>
      <p>
        <Badge kind={kind}>{t(title)}</Badge>
      </p>
      <p>{t(text, { own: keyId })}</p>
      <Facts
        items={[
          [t('signedBy'), <code key="own">{keyId}</code>],
          [t('fingerprint'), <code key="key">{signingKey.keyId}</code>],
        ]}
      />
    </Card>
  );
}

function AuditLinks({ event: { faceId, cameraId, groupId } }: { event: RecognitionEvent }) {
  const t = useWords(words);
  const links = [
    ...(faceId === undefined ? [] : [[faceId, t('aboutFace')] as const]),
    [groupId, t('aboutGroup', { group: groupId })] as const,
    [cameraId, t('aboutCamera', { camera: cameraId })] as const,
  ];
  return (
    <Card title={t('links')}>
      <ul class="event-links">
        {links.map(([about, text]) => (
          <li key={about}>
            <a href={makeHash(['audit'], { about })}>{text}</a>
          </li>
        ))}
      </ul>
    </Card>
  );
}
