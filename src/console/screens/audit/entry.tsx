// One entry of the audit log.
import type { auditRecordAnswer } from '../../../api/device/audit-answers.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { formatDateTime } from '../../format.js';
import { makeHash } from '../../router.js';
import { ButtonLink } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { ErrorNotice, Facts, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { describeAction, describeActor, listSubject } from './describe.js';
import { words } from './words.js';

type AuditRecord = Answer<typeof auditRecordAnswer>;

export function AuditEntryPage({ sequence }: { sequence: string }) {
  const t = useWords(words);
  const path = `audit/${encodeURIComponent(sequence)}`;
  const { data, error, reload } = useFetch((signal) => get<AuditRecord>(path, {}, signal), [sequence]);
  const number = Number(sequence);
  return (
    <Page
      title={t('entry', { n: sequence })}
      actions={
        <>
          <ButtonLink href={makeHash(['audit'])}>{t('back')}</ButtonLink>
          {number > 1 && <ButtonLink href={makeHash(['audit', String(number - 1)])}>← {t('olderOne')}</ButtonLink>}
          <ButtonLink href={makeHash(['audit', String(number + 1)])}>{t('newerOne')} →</ButtonLink>
        </>
      }
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {data && (
        <>
          <Card title={describeAction(data.action)}>
            <Facts
              items={[
                [t('when'), formatDateTime(data.at)],
                [t('actor'), describeActor(data.actor)],
                [t('action'), <code key="action">{data.action}</code>],
                [t('hash'), <code key="hash">{data.hash}</code>],
                [t('previous'), <code key="previous">{data.previous}</code>],
              ]}
            />
          </Card>
          <Card title={t('subject')}>
            <Facts items={listSubject(data.subject)} />
          </Card>
        </>
      )}
    </Page>
  );
}
