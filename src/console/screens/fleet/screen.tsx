// The screen "fleet": the doors of an authority, the membership and the copies of a door, or that this device stands alone.
import { get } from '../../api/client.js';
import { useFetch, useReload } from '../../api/use-fetch.js';
import { Card, Page } from '../../ui/page.js';
import { ErrorNotice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import type { ShownFleet } from './api.js';
import { AuthorityView } from './authority.js';
import { DoorView } from './door.js';
import { words } from './words.js';

const RELOAD_MS = 3_000;
/** A large fleet takes some hundred kilobytes. */
const LARGE_RELOAD_MS = 15_000;
const LARGE_DOORS = 200;

export default function FleetScreen() {
  const t = useWords(words);
  const { data, error, reload } = useFetch((signal) => get<ShownFleet>('fleet', {}, signal), []);
  useReload(reload, data && data.doors.length > LARGE_DOORS ? LARGE_RELOAD_MS : RELOAD_MS);
  if (data?.role === 'authority') return <AuthorityView fleet={data} error={error} reload={reload} />;
  if (data?.role === 'door') return <DoorView fleet={data} error={error} reload={reload} />;
  return (
    <Page title={t('title')}>
      {error && <ErrorNotice error={error} retry={reload} />}
      {data ? (
        <Card title={t('alone')}>
          <p>{t('aloneText')}</p>
          <p>{t('aloneHow')}</p>
        </Card>
      ) : (
        !error && <Spinner />
      )}
    </Page>
  );
}
