// The doors of a fleet: a table with a search, and those that are not in the fleet any more.
import { useState } from 'preact/hooks';
import { formatAgo, formatDateTime, formatDuration } from '../../format.js';
import { Button, Select, TextInput } from '../../ui/controls.js';
import { Card } from '../../ui/page.js';
import { Badge, Empty, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { findWorst, HEALTH_KINDS, needsLook, type ShownDoor } from './api.js';
import { CopyBadge } from './parts.js';
import { words } from './words.js';

/** Doors that are shown at first, and the step of the button for more. */
const PAGE_DOORS = 50;
/** A fleet with more doors than this has a search. */
const FEW_DOORS = 8;

interface DoorsCardProps {
  doors: readonly ShownDoor[];
  /** Undefined for somebody who may only look. */
  onRemove: ((door: ShownDoor) => void) | undefined;
}

export function DoorsCard({ doors, onRemove }: DoorsCardProps) {
  const t = useWords(words);
  const [search, setSearch] = useState('');
  const [only, setOnly] = useState('all');
  const [most, setMost] = useState(PAGE_DOORS);
  const inside = doors.filter(({ state }) => state === 'approved');
  const gone = doors.filter(({ state }) => state === 'refused' || state === 'removed');
  const found = inside
    .filter((door) => door.name.toLowerCase().includes(search.trim().toLowerCase()))
    .filter((door) => only === 'all' || needsLook(door))
    .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return (
    <Card title={t('doors')}>
      {inside.length > FEW_DOORS && (
        <div class="fleet-filter">
          <TextInput type="search" label={t('search')} value={search} maxLength={64} onValue={setSearch} />
          <Select
            label={t('show')}
            value={only}
            options={[
              ['all', t('allDoors')],
              ['troubled', t('troubled')],
            ]}
            onValue={setOnly}
          />
        </div>
      )}
      {found.length === 0 ? (
        <Empty>{t(inside.length === 0 ? 'noDoors' : 'noDoorFound')}</Empty>
      ) : (
        <DoorsTable doors={found.slice(0, most)} onRemove={onRemove} />
      )}
      {found.length > most && <Button onClick={() => setMost(most + PAGE_DOORS)}>{t('more')}</Button>}
      {gone.length > 0 && (
        <details class="fleet-gone">
          <summary>{t('gone', { n: gone.length })}</summary>
          <Table
            caption={t('gone', { n: gone.length })}
            headers={[t('door'), t('state'), t('seen')]}
            rows={gone.map((door) => ({
              key: door.id,
              cells: [
                door.name,
                <Badge kind="off">{t(door.state === 'removed' ? 'removed' : 'refused')}</Badge>,
                <Seen at={door.lastSeenAt} />,
              ],
            }))}
          />
        </details>
      )}
    </Card>
  );
}

function DoorsTable({ doors, onRemove }: DoorsCardProps) {
  const t = useWords(words);
  const headers = [t('door'), t('copy'), t('health'), t('seen'), t('models'), t('problems')];
  return (
    <Table
      caption={t('doors')}
      headers={onRemove ? [...headers, t('action')] : headers}
      rows={doors.map((door) => ({
        key: door.id,
        cells: [
          <span class="fleet-name">{door.name}</span>,
          <Copies door={door} />,
          door.health === undefined ? (
            <Badge kind="off">{t('unheard')}</Badge>
          ) : (
            <Badge kind={HEALTH_KINDS[door.health]}>{t(door.health)}</Badge>
          ),
          <Seen at={door.lastSeenAt} />,
          door.models.length === 0 ? '–' : door.models.join(', '),
          door.problems.length === 0 ? (
            '–'
          ) : (
            <ul class="fleet-problems">
              {door.problems.map((problem) => (
                <li key={problem}>{problem}</li>
              ))}
            </ul>
          ),
          ...(onRemove
            ? [
                <Button aria-label={t('removeNamed', { name: door.name })} onClick={() => onRemove(door)}>
                  {t('remove')}
                </Button>,
              ]
            : []),
        ],
      }))}
    />
  );
}

/** The worst state of the copies of a door, and its lag. */
function Copies({ door }: { door: ShownDoor }) {
  const t = useWords(words);
  const { lagVersions = 0, lagSeconds = 0 } = door;
  const worst = findWorst(door);
  if (worst === undefined) return <Badge kind="off">{t('noCopy')}</Badge>;
  return (
    <div class="fleet-cell">
      <CopyBadge state={worst} />
      {lagVersions > 0 && (
        <p class="help">
          {t('versionsBehind', { n: lagVersions })}
          {lagSeconds >= 1 && `, ${formatDuration(lagSeconds)}`}
        </p>
      )}
    </div>
  );
}

function Seen({ at }: { at: string | undefined }) {
  const t = useWords(words);
  if (at === undefined) return <>{t('never')}</>;
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {formatAgo(at)}
    </time>
  );
}
