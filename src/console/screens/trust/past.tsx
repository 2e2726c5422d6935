// The stored decisions: refusals by reason, and what another threshold would have decided.
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { get } from '../../api/client.js';
import { useFetch } from '../../api/use-fetch.js';
import { decisionWords } from '../../decision-words.js';
import { formatDateTime, formatFixed, formatNumber } from '../../format.js';
import { makeHash } from '../../router.js';
import { CopyButton, Select, Slider, TextInput } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Empty, ErrorNotice, Notice, Spinner, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { showAbout, showOneIn } from './show-share.js';
import {
  countReasons,
  decideAgain,
  promiseAt,
  writeYaml,
  type CameraThreshold,
  type PastDecision,
  type DecisionPage,
  type Similarities,
} from './what-if.js';
import { words } from './words.js';

const DAY_MS = 86_400_000;
const PERIODS = [1, 7, 30] as const;
/** Decisions that are looked at; older ones are left out, and the page says so. */
const MOST_DECISIONS = 5_000;
const MOST_LISTED = 20;

interface Past {
  decisions: PastDecision[];
  /** False: there are older ones in the period. */
  complete: boolean;
}

async function readPast(groupId: string, days: number, signal: AbortSignal): Promise<Past> {
  const from = new Date(Date.now() - days * DAY_MS).toISOString();
  const decisions: PastDecision[] = [];
  let before: number | undefined;
  do {
    const page = await get<DecisionPage>('decisions', { group: groupId, from, before }, signal);
    decisions.push(...page.decisions);
    ({ before } = page);
  } while (before !== undefined && decisions.length < MOST_DECISIONS);
  return { decisions, complete: before === undefined };
}

export interface PastDecisionsProps {
  found: Similarities;
  /** Ids of cameras that watch several groups. */
  severalGroups: ReadonlySet<string>;
  /** What stands above the refusals. */
  children: ComponentChildren;
}

export function PastDecisions({ found, severalGroups, children }: PastDecisionsProps) {
  const t = useWords(words);
  const [days, setDays] = useState<number>(7);
  const { groupId, cameras } = found;
  const { data, error, loading, reload } = useFetch((signal) => readPast(groupId, days, signal), [groupId, days]);
  const [cameraId, setCameraId] = useState('');
  const decisions = useMemo(
    () => (data?.decisions ?? []).filter((one) => cameraId === '' || one.cameraId === cameraId),
    [data, cameraId],
  );
  return (
    <>
      <div class="trust-column">
        {children}
        <Card title={t('refusals')}>
          <div class="trust-filters">
            <Select
              label={t('period')}
              value={String(days)}
              options={PERIODS.map((n) => [String(n), t('days', { n })])}
              onValue={(value) => setDays(Number(value))}
            />
            <Select
              label={t('camera')}
              value={cameraId}
              options={[['', t('allCameras')], ...cameras.map((one): [string, string] => [one.cameraId, one.cameraId])]}
              onValue={setCameraId}
            />
          </div>
          {error && <ErrorNotice error={error} retry={reload} />}
          {!data && loading && <Spinner />}
          {data && <Refusals decisions={decisions} />}
          {data && !data.complete && <Notice kind="info">{t('incomplete', { n: MOST_DECISIONS })}</Notice>}
        </Card>
      </div>
      <div class="trust-column">
        {data &&
          cameras
            .filter((one) => cameraId === '' || one.cameraId === cameraId)
            .map((camera) => (
              <Trial
                key={camera.cameraId}
                camera={camera}
                found={found}
                decisions={data.decisions.filter((one) => one.cameraId === camera.cameraId)}
                ofGroup={severalGroups.has(camera.cameraId)}
              />
            ))}
      </div>
    </>
  );
}

function Refusals({ decisions }: { decisions: readonly PastDecision[] }) {
  const t = useWords(words);
  const d = useWords(decisionWords);
  const matches = decisions.filter(({ type }) => type === 'match').length;
  const reasons = countReasons(decisions.filter(({ type }) => type !== 'match'));
  const most = reasons[0]?.count ?? 1;
  return (
    <>
      <p>
        {t('refusalsOf', {
          refused: formatNumber(decisions.length - matches),
          all: formatNumber(decisions.length),
          matches: formatNumber(matches),
        })}
      </p>
      {reasons.length === 0 && <Empty>{t('noRefusals')}</Empty>}
      <ul class="trust-bars">
        {reasons.map(({ reason, type, count }) => (
          <li key={reason}>
            <span>
              <strong>{d(`type-${type}`)}</strong> {d(`reason-${reason}`)}
            </span>
            <span class="trust-count">{formatNumber(count)}</span>
            <span
              class={`trust-bar trust-bar-${type}`}
              style={{ width: `${Math.max(1, (100 * count) / most)}%` }}
              aria-hidden="true"
            />
          </li>
        ))}
      </ul>
    </>
  );
}

interface TrialProps {
  camera: CameraThreshold;
  found: Similarities;
  decisions: readonly PastDecision[];
  ofGroup: boolean;
}

function Trial({ camera, found, decisions, ofGroup }: TrialProps) {
  const t = useWords(words);
  const { cameraId } = camera;
  const [tried, setTried] = useState(() => Math.min(100, Math.max(1, Math.round(camera.threshold))));
  const [attempts, setAttempts] = useState('');
  const { refused, granted } = useMemo(() => decideAgain(decisions, tried), [decisions, tried]);
  const share = promiseAt(tried, found, camera);
  const oneIn = showOneIn(share);
  const perDay = Number(attempts);
  const yaml = writeYaml(cameraId, found.groupId, tried, ofGroup);
  return (
    <Card title={t('trialOf', { camera: cameraId })}>
      <Notice kind="info">{t('changesNothing', { threshold: formatFixed(camera.threshold) })}</Notice>
      <Slider
        label={t('tried', { camera: cameraId })}
        value={tried}
        min={1}
        max={100}
        text={String(tried)}
        onValue={setTried}
      />
      <p>{oneIn === undefined ? t('promiseNone') : t('promise', { n: oneIn })}</p>
      <TextInput
        label={t('attempts')}
        help={perDay > 0 ? t('perYear', { n: showAbout(share * perDay * 365) }) : t('attemptsHelp')}
        type="number"
        attributes={{ min: 0, max: 1_000_000 }}
        value={attempts}
        onValue={setAttempts}
      />
      <p role="status">{t('outcome', { all: decisions.length, refused: refused.length, granted: granted.length })}</p>
      <Changed title={t('wouldRefuse')} decisions={refused} />
      <Changed title={t('wouldGrant')} decisions={granted} />
      <p class="quiet">{t('trialHelp')}</p>
      <h3>{t('putInForce')}</h3>
      <p class="quiet">{t('putInForceHelp')}</p>
      <pre class="trust-yaml" tabIndex={0}>
        {yaml}
      </pre>
      <div>
        <CopyButton text={yaml} label={t('copyYaml')} />
      </div>
    </Card>
  );
}

function Changed({ title, decisions }: { title: string; decisions: readonly PastDecision[] }) {
  const t = useWords(words);
  if (decisions.length === 0) return null;
  return (
    <div>
      <h3>{title}</h3>
      <Table
        caption={title}
        headers={[t('event'), t('time'), t('similarity'), t('person')]}
        rows={decisions.slice(0, MOST_LISTED).map((one) => ({
          key: String(one.sequence),
          cells: [
            <a href={makeHash(['events', String(one.sequence)])}>{t('eventNumber', { n: one.sequence })}</a>,
            formatDateTime(one.decidedAt),
            formatFixed(one.similarity ?? 0),
            one.externalImageId ?? t('unknown'),
          ],
        }))}
      />
      {decisions.length > MOST_LISTED && <p class="quiet">{t('more', { n: decisions.length - MOST_LISTED })}</p>}
    </div>
  );
}
