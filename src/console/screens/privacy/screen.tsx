// The screen "privacy": whether it is on, since when and by whom, what it means, and what is kept of people.
import type { privacyStateAnswer } from '../../../api/device/answers.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { formatAgo, formatDateTime, formatNumber } from '../../format.js';
import { PrivacySwitch } from '../../privacy-switch.js';
import { privacy, status } from '../../state.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, ErrorNotice, Facts, Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { words } from './words.js';

type PrivacyState = Answer<typeof privacyStateAnswer>;

/** Interval in which the last change is read again. */
const REFRESH_MS = 4_000;

export default function PrivacyScreen() {
  const t = useWords(words);
  // The cameras are closed first, and who closed them is stored after that: so it is asked for again a little later.
  const round = Math.floor(Date.parse(status.value?.at ?? '') / REFRESH_MS) || 0;
  const { data, error, reload } = useFetch(
    (signal) => get<PrivacyState>('privacy', {}, signal),
    [privacy.value, round],
  );
  return (
    <Page title={t('title')}>
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {data && !data.stored && <Notice kind="bad">{t('notStored')}</Notice>}
      {data && (
        <div class="grid">
          <Card title={t('state')}>
            <PrivacySwitch />
            <StateFacts state={data} />
          </Card>
          <Card title={t('meaning')}>
            <ul class="plain-list">
              <li>{t('meansCameras')}</li>
              <li>{t('meansPictures')}</li>
              <li>{t('meansDoors')}</li>
              <li>{t('meansAudit')}</li>
            </ul>
          </Card>
          <Kept retention={data.retention} />
        </div>
      )}
    </Page>
  );
}

function StateFacts({ state: { on, changedAt, changedBy } }: { state: PrivacyState }) {
  const t = useWords(words);
  const isOn = privacy.value ?? on;
  const badge = <Badge kind={isOn ? 'bad' : 'ok'}>{t(isOn ? 'isOn' : 'isOff')}</Badge>;
  if (changedAt === undefined)
    return (
      <Facts
        items={[
          [t('state'), badge],
          [t('since'), t('never')],
        ]}
      />
    );
  const by = changedBy === 'cli' ? t('commandLine') : changedBy?.replace(/^admin:/, '');
  return (
    <Facts
      items={[
        [t('state'), badge],
        [t('since'), `${formatDateTime(changedAt)} (${formatAgo(changedAt)})`],
        [t('by'), by],
      ]}
    />
  );
}

function Kept({ retention }: { retention: PrivacyState['retention'] }) {
  const t = useWords(words);
  const { unknownFacesHours, unknownFacesMax, eventsHours, eventsMax } = retention;
  const limit = (key: 'eventsValue' | 'strangersValue', hours: number, most: number): string => {
    const time = hours >= 48 ? t('days', { n: round(hours / 24) }) : t('hours', { n: round(hours) });
    return t(key, { time, n: formatNumber(most) });
  };
  return (
    <Card title={t('kept')}>
      <Facts
        items={[
          [t('pictures'), t('picturesValue')],
          [t('events'), limit('eventsValue', eventsHours, eventsMax)],
          [
            t('strangers'),
            unknownFacesHours > 0 ? limit('strangersValue', unknownFacesHours, unknownFacesMax) : t('strangersNone'),
          ],
        ]}
      />
      <p class="help">{t('keptHelp')}</p>
    </Card>
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
