// The screen "health": the state of every part, the device, its models, its last hour and day, and the doctor's report.
import type { z } from 'zod';
import type { healthAnswer, statusMessage } from '../../../api/device/answers.js';
import { formatBytes, formatDuration, formatNumber, formatUnit } from '../../format.js';
import { hasRole, status } from '../../state.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, Facts, Notice, Spinner, Table, type Kind } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { DoctorCard } from './doctor.js';
import { describeFact, nameFact } from './facts.js';
import { HistoryCard } from './history.js';
import { words } from './words.js';

type Status = z.output<typeof statusMessage>;
type Health = z.output<typeof healthAnswer>;
type T = ReturnType<typeof useWords<keyof typeof words.en>>;

const KINDS = { ok: 'ok', degraded: 'warn', failed: 'bad' } as const satisfies Record<Health['status'], Kind>;
const STATES = { ok: 'ok', degraded: 'partDegraded', failed: 'partFailed' } as const;

export default function HealthScreen() {
  const t = useWords(words);
  const message = status.value;
  return (
    <Page title={t('title')}>
      {message ? <Now message={message} /> : <Spinner />}
      <HistoryCard />
      {hasRole('admin') && <DoctorCard />}
    </Page>
  );
}

function Now({ message }: { message: Status }) {
  const t = useWords(words);
  const { health, figures, privacy } = message;
  return (
    <>
      <Notice kind={health.ready ? KINDS[health.status] : 'warn'}>
        <p>{describeHealth(health, t)}</p>
        {privacy && <p>{t('privacyOn')}</p>}
      </Notice>
      <Card title={t('now')}>
        <Facts items={listFigures(figures, t)} />
      </Card>
      <Card title={t('parts')}>
        <Table
          caption={t('parts')}
          headers={[t('part'), t('state'), t('says')]}
          rows={Object.entries(health.parts).map(([name, { status: state, detail, facts = {} }]) => ({
            key: name,
            cells: [
              namePart(name, t),
              <Badge kind={KINDS[state]}>{t(STATES[state])}</Badge>,
              <div>
                {!detail && Object.keys(facts).length === 0 && '–'}
                {detail && <p class="part-detail">{detail}</p>}
                {Object.keys(facts).length > 0 && (
                  <details open={state !== 'ok'}>
                    <summary aria-label={`${t('facts')}: ${namePart(name, t)}`}>{t('facts')}</summary>
                    <Facts
                      items={Object.entries(facts).map(([fact, value]) => [nameFact(fact), describeFact(value, t)])}
                    />
                  </details>
                )}
              </div>,
            ],
          }))}
        />
      </Card>
      <Card title={t('models')}>
        {figures.models.length === 0 ? (
          <p>{t('noModels')}</p>
        ) : (
          <Table
            caption={t('models')}
            headers={[t('model'), t('form'), t('provider')]}
            rows={figures.models.map(({ task, precision, provider }) => ({
              key: task,
              cells: [task in words.en ? t(task as 'detector') : task, precision, provider],
            }))}
          />
        )}
      </Card>
    </>
  );
}

function describeHealth({ status: state, ready, parts }: Health, t: T): string {
  const troubled = Object.entries(parts).filter(([, part]) => part.status !== 'ok');
  const failed = troubled.filter(([, part]) => part.required && part.status === 'failed');
  const name = (list: typeof troubled): string => list.map(([id]) => namePart(id, t)).join(', ');
  if (state === 'failed') return t('failed', { parts: name(failed) });
  if (!ready) return t('starting');
  return troubled.length === 0 ? t('allWell') : t('degraded', { n: troubled.length, parts: name(troubled) });
}

function namePart(name: string, t: T): string {
  const [kind = '', id] = name.split(/:(.*)/s);
  if (kind === 'camera' && id !== undefined) return t('camera', { id });
  return name in words.en ? t(name as 'store') : name;
}

function listFigures(figures: Status['figures'], t: T): [string, string][] {
  const { gallery, vision, events, machineMemoryBytes, machineMemoryFreeBytes, temperatureCelsius, diskFreeBytes } =
    figures;
  const { workers, busy, queued } = vision;
  const rows: [string, string | undefined][] = [
    [t('uptime'), formatDuration(figures.uptimeSeconds)],
    [t('temperature'), temperatureCelsius === undefined ? t('noSensor') : formatUnit(temperatureCelsius, 'celsius')],
    [t('memory'), formatBytes(figures.memoryBytes)],
    [
      t('machineMemory'),
      t('freeOf', { free: formatBytes(machineMemoryFreeBytes), all: formatBytes(machineMemoryBytes) }),
    ],
    [t('disk'), diskFreeBytes === undefined ? undefined : formatBytes(diskFreeBytes)],
    [t('loopLag'), formatUnit(figures.loopLagMs, 'millisecond')],
    [t('workers'), t('busyOf', { busy, all: workers, queued })],
    [t('faces'), t('facesIn', { n: gallery.faces, groups: gallery.groups })],
    [t('pending'), formatNumber(events.pending)],
  ];
  return rows.flatMap(([name, text]): [string, string][] => (text === undefined ? [] : [[name, text]]));
}
