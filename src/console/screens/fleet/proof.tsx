// The proof of deletion: how many doors have proved that they hold nobody who was deleted, and the others.
import { useState } from 'preact/hooks';
import type { fleetProofAnswer } from '../../../api/device/fleet-answers.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch, useReload } from '../../api/use-fetch.js';
import { formatDateTime } from '../../format.js';
import { Select } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Empty, ErrorNotice, Notice, Spinner, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import type { ShownGroup } from './api.js';
import { words } from './words.js';

type Proof = Answer<typeof fleetProofAnswer>;

const RELOAD_MS = 5_000;
const ALL = '';

export function ProofCard({ groups }: { groups: readonly ShownGroup[] }) {
  const t = useWords(words);
  const [group, setGroup] = useState(ALL);
  const { data, error, reload } = useFetch(
    (signal) => get<Proof>('fleet/proof', { group: group === ALL ? undefined : group }, signal),
    [group],
  );
  useReload(reload, RELOAD_MS);
  const options = groups.map(({ groupId }) => [groupId, groupId] as const);
  return (
    <Card title={t('proof')}>
      <p class="help">{t('proofLead')}</p>
      {options.length > 1 && (
        <div class="fleet-filter">
          <Select
            label={t('proofOf')}
            value={group}
            options={[[ALL, t('everyGroup')], ...options]}
            onValue={setGroup}
          />
        </div>
      )}
      {error && <ErrorNotice error={error} retry={reload} />}
      {data ? <Proved proof={data} /> : !error && <Spinner />}
    </Card>
  );
}

function Proved({ proof: { proved, waiting } }: { proof: Proof }) {
  const t = useWords(words);
  const all = proved.length + waiting.length;
  if (all === 0) return <Empty>{t('proofNone')}</Empty>;
  if (waiting.length === 0) return <Notice kind="ok">{t('proofAll', { n: all })}</Notice>;
  return (
    <>
      <p>{t('proofSome', { proved: proved.length, all, n: waiting.length })}</p>
      <Table
        caption={t('open')}
        headers={[t('door'), t('notHeard'), t('refusesFrom')]}
        rows={waiting.map(({ door, name, lastSeenAt, refusesFrom }) => ({
          key: door,
          cells: [
            name,
            lastSeenAt === undefined ? t('never') : formatDateTime(lastSeenAt),
            refusesFrom === undefined
              ? t('refusesUnknown')
              : t(Date.parse(refusesFrom) > Date.now() ? 'refusesSoon' : 'refusesNow', {
                  time: formatDateTime(refusesFrom),
                }),
          ],
        }))}
      />
    </>
  );
}
