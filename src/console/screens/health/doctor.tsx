// The doctor's report: run by a button, its problems in a table, and the whole as a text to be copied.
import { useState } from 'preact/hooks';
import { formatReport, type DoctorReport } from '../../../domain/doctor.js';
import { get, type ApiError } from '../../api/client.js';
import { toApiError } from '../../api/use-fetch.js';
import { announce } from '../../ui/announce.js';
import { Button, CopyButton } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Badge, ErrorNotice, Notice, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

type T = ReturnType<typeof useWords<keyof typeof words.en>>;

export function DoctorCard() {
  const t = useWords(words);
  const [report, setReport] = useState<DoctorReport>();
  const [error, setError] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const made = await get<DoctorReport>('doctor');
      setReport(made);
      announce(summarise(made, t));
    } catch (caught) {
      setError(toApiError(caught));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={t('doctor')}>
      <p class="quiet">{t('doctorLead')}</p>
      <div class="row">
        <Button kind="primary" busy={busy} onClick={() => void run()}>
          {t('runDoctor')}
        </Button>
        {report && <CopyButton text={formatReport(report)} label={t('copyReport')} />}
      </div>
      {error && <ErrorNotice error={error} />}
      {report && <Report report={report} />}
    </Card>
  );
}

function Report({ report }: { report: DoctorReport }) {
  const t = useWords(words);
  const { fail, warn } = report.counts;
  const problems = report.checks.flatMap(({ title, findings }) =>
    findings.flatMap(({ level, text }, index) =>
      level === 'ok'
        ? []
        : [
            {
              key: `${title} ${index}`,
              cells: [title, <Badge kind={level === 'fail' ? 'bad' : 'warn'}>{t(level)}</Badge>, text],
            },
          ],
    ),
  );
  return (
    <>
      <Notice kind={fail > 0 ? 'bad' : warn > 0 ? 'warn' : 'ok'}>{summarise(report, t)}</Notice>
      {problems.length > 0 && (
        <Table caption={t('doctor')} headers={[t('part'), t('state'), t('finding')]} rows={problems} />
      )}
      <details>
        <summary>{t('wholeReport')}</summary>
        <pre class="report" tabIndex={0} role="region" aria-label={t('wholeReport')}>
          {formatReport(report)}
        </pre>
      </details>
    </>
  );
}

function summarise({ counts: { fail, warn } }: DoctorReport, t: T): string {
  if (fail > 0) return t('doctorFail', { n: fail });
  return warn > 0 ? t('doctorWarn', { n: warn }) : t('doctorOk');
}
