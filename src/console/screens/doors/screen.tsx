// The screen "doors": all cameras, or one of them.
import type { cameraListAnswer } from '../../../api/device/answers.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import type { ScreenProps } from '../../screens.js';
import { status } from '../../state.js';
import { ButtonLink } from '../../ui/controls.js';
import { PrivacySwitch } from '../../privacy-switch.js';
import { Card, Page } from '../../ui/page.js';
import { Empty, ErrorNotice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { CameraPage } from './camera-page.js';
import { CameraTile } from './camera-tile.js';
import { words } from './words.js';

/** Interval in which the list of cameras is read again. */
const REFRESH_MS = 10_000;

export default function DoorsScreen({ path }: ScreenProps) {
  const t = useWords(words);
  const [opened] = path;
  // Health, picture size and groups change with the state; the stream of the status has the rest.
  const states = status.value?.cameras.map(({ id, state, fault }) => `${id} ${state} ${fault ?? ''}`).join() ?? '';
  // Counters and viewers change all the time.
  const round = Math.floor(Date.parse(status.value?.at ?? '') / REFRESH_MS) || 0;
  const { data, error, reload } = useFetch(
    (signal) => get<Answer<typeof cameraListAnswer>>('cameras', {}, signal),
    [states, opened, round],
  );
  const cameras = data?.cameras;
  const camera = cameras?.find(({ id }) => id === opened);
  if (camera && cameras)
    return <CameraPage key={camera.id} camera={camera} others={cameras.filter((one) => one !== camera)} />;
  return (
    <Page
      title={t('title')}
      {...(opened === undefined
        ? { lead: t('lead') }
        : { actions: <ButtonLink href="#/doors">{t('all')}</ButtonLink> })}
    >
      {error && <ErrorNotice error={error} retry={reload} />}
      {!cameras && !error && <Spinner />}
      {cameras && opened !== undefined && <Empty>{t('missing', { camera: opened })}</Empty>}
      {cameras?.length === 0 && <Empty>{t('none')}</Empty>}
      {cameras && opened === undefined && cameras.length > 0 && (
        <Card>
          <PrivacySwitch />
        </Card>
      )}
      {cameras && opened === undefined && cameras.length > 0 && (
        <ul class="tiles">
          {cameras.map((one) => (
            <CameraTile key={one.id} camera={one} />
          ))}
        </ul>
      )}
    </Page>
  );
}
