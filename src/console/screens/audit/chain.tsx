// The check of the chain: begins it, follows it, and shows its result.
import { useEffect, useState } from 'preact/hooks';
import type { auditCheckAnswer } from '../../../api/device/audit-answers.js';
import type { ApiError } from '../../api/client.js';
import { get, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { toApiError, useFetch } from '../../api/use-fetch.js';
import { formatDateTime, formatNumber } from '../../format.js';
import { makeHash } from '../../router.js';
import { announce } from '../../ui/announce.js';
import { Button, CopyButton } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Badge, ErrorNotice, Facts } from '../../ui/show.js';
import { useWords, word } from '../../words.js';
import { words } from './words.js';

type AuditCheck = Answer<typeof auditCheckAnswer>;
type AuditReport = NonNullable<AuditCheck['report']>;

/** Interval in which a running check is followed. */
const FOLLOW_MS = 700;

export function ChainCard() {
  const t = useWords(words);
  const { data, error, reload } = useFetch((signal) => get<AuditCheck>('audit/check', {}, signal), []);
  const [begun, setBegun] = useState(false);
  const [refusal, setRefusal] = useState<ApiError>();
  const state = data?.state;
  const isRunning = state === 'running';
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(reload, FOLLOW_MS);
    return () => clearInterval(timer);
  }, [isRunning, reload]);
  useEffect(() => {
    if (!begun || !data?.report) return;
    announce(describeResult(data.report));
    setBegun(false);
  }, [begun, data]);
  const begin = async (): Promise<void> => {
    setRefusal(undefined);
    try {
      await send('POST', 'audit/check');
      setBegun(true);
      reload();
    } catch (reason) {
      setRefusal(toApiError(reason));
    }
  };
  const problem = refusal ?? error;
  return (
    <Card
      title={t('chain')}
      actions={
        <Button busy={isRunning} onClick={() => void begin()}>
          {t('check')}
        </Button>
      }
    >
      <p class="quiet">{t('chainLead')}</p>
      {problem && <ErrorNotice error={problem} retry={reload} />}
      {isRunning && (
        <p role="status">
          {t('running', { examined: formatNumber(data?.examined ?? 0), entries: formatNumber(data?.entries ?? 0) })}
        </p>
      )}
      {state === 'failed' && <p>{t('failed', { detail: data?.detail ?? '' })}</p>}
      {data?.report && <Report report={data.report} endedAt={data.endedAt ?? ''} />}
    </Card>
  );
}

function describeResult({ ok, problemCount }: AuditReport): string {
  return ok ? word(words, 'whole') : word(words, 'broken', { n: problemCount });
}

function Report({ report, endedAt }: { report: AuditReport; endedAt: string }) {
  const t = useWords(words);
  const { ok, entries, firstAt, lastAt, head, problems } = report;
  return (
    <>
      <p>
        <Badge kind={ok ? 'ok' : 'bad'}>{describeResult(report)}</Badge>
      </p>
      {problems.length > 0 && (
        <ul class="event-reasons" lang="en">
          {problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      <Facts
        items={[
          [t('checked'), formatDateTime(endedAt)],
          [t('entries'), formatNumber(entries)],
          ...(firstAt && lastAt
            ? [[t('span'), `${formatDateTime(firstAt)} – ${formatDateTime(lastAt)}`] as const]
            : []),
          [
            t('head'),
            <a key="head" href={makeHash(['audit', String(head.sequence)])}>
              {t('entry', { n: head.sequence })}
            </a>,
          ],
          [t('hash'), <code key="hash">{head.hash}</code>],
        ]}
      />
      <div class="row row-between">
        <p class="help">{t('headHelp')}</p>
        <CopyButton text={`${head.sequence} ${head.hash}`} label={t('copyHead')} />
      </div>
    </>
  );
}
