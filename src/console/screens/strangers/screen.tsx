// The screen "strangers": the kept faces of people whom no door recognised, or how to keep them.
import { useEffect, useState } from 'preact/hooks';
import type {
  cameraListAnswer,
  deletedAnswer,
  privacyStateAnswer,
  unknownFaceListAnswer,
} from '../../../api/device/answers.js';
import { get, makeUrl, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { formatAgo, formatDateTime, formatNumber, formatPercent } from '../../format.js';
import { privacy } from '../../state.js';
import { Button, ButtonLink, CopyButton, Select } from '../../ui/controls.js';
import { ConfirmDialog } from '../../ui/dialog.js';
import { Card, Page } from '../../ui/page.js';
import { Empty, ErrorNotice, Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { linkTo } from '../people/api.js';
import { EnrolDialog, type Enrolled } from './enrol-dialog.js';
import { wordFailure } from './failure.js';
import { words } from './words.js';

const PAGE_FACES = 24;
const YAML = 'privacy:\n  unknownFacesHours: 24\n';

export type Stranger = Answer<typeof unknownFaceListAnswer>['faces'][number];

export default function StrangersScreen() {
  const t = useWords(words);
  const { data, error, reload } = useFetch(
    (signal) => get<Answer<typeof privacyStateAnswer>>('privacy', {}, signal),
    [],
  );
  const hours = data?.retention.unknownFacesHours;
  if (hours !== undefined && hours > 0) return <KeptStrangers hours={hours} />;
  return (
    <Page title={t('title')}>
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {data && (
        <Card title={t('notKept')} actions={<CopyButton text={YAML} label={t('copyYaml')} />}>
          <p>{t('howToKeep')}</p>
          <pre tabIndex={0}>{YAML}</pre>
        </Card>
      )}
    </Page>
  );
}

/** What a dialog is about: one face to enrol or to delete, or the deletion of all. */
type Asked = { what: 'enrol' | 'delete'; face: Stranger } | { what: 'delete-all' };

function KeptStrangers({ hours }: { hours: number }) {
  const t = useWords(words);
  const [camera, setCamera] = useState('');
  const [before, setBefore] = useState<string>();
  const [shown, setShown] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<Asked>();
  const [done, setDone] = useState<string | Enrolled>();
  const cameras = useFetch((signal) => get<Answer<typeof cameraListAnswer>>('cameras', {}, signal), []);
  const { data, error, reload } = useFetch(
    (signal) =>
      get<Answer<typeof unknownFaceListAnswer>>(
        'unknown-faces',
        { limit: PAGE_FACES, before, camera: camera || undefined },
        signal,
      ),
    [camera, before],
  );
  const isPrivate = privacy.value === true;
  // What privacy has blanked stays so: it takes another look, which is in the audit log, to see it again.
  useEffect(() => {
    if (isPrivate) setShown(new Set());
  }, [isPrivate]);
  const finish = (result: string | Enrolled): void => {
    setAsked(undefined);
    setDone(result);
    setBefore(undefined);
    reload();
  };
  const faces = data?.faces ?? [];
  return (
    <Page
      title={t('title')}
      lead={t('lead', { hours: formatNumber(hours, 1) })}
      actions={
        faces.length > 0 && (
          <Button kind="danger" onClick={() => setAsked({ what: 'delete-all' })}>
            {t('removeAll')}
          </Button>
        )
      }
    >
      {done !== undefined && <DoneNotice done={done} />}
      {isPrivate && <Notice kind="warn">{t('private')}</Notice>}
      <div class="row row-between strangers-bar">
        <Select
          label={t('camera')}
          value={camera}
          options={[['', t('allCameras')], ...(cameras.data?.cameras ?? []).map(({ id }) => [id, id] as const)]}
          onValue={(id) => {
            setCamera(id);
            setBefore(undefined);
          }}
        />
        {faces.length > 0 && !isPrivate && (
          <Button onClick={() => setShown(new Set(faces.map(({ id }) => id)))}>{t('showAll')}</Button>
        )}
      </div>
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data ? (
        !error && <Spinner />
      ) : faces.length === 0 ? (
        <Empty>{t('none')}</Empty>
      ) : (
        <ul class="strangers">
          {faces.map((face) => (
            <li key={face.id} class="card">
              <StrangerCard
                face={face}
                isShown={shown.has(face.id) && !isPrivate}
                onShow={isPrivate ? undefined : () => setShown(new Set([...shown, face.id]))}
                onEnrol={() => setAsked({ what: 'enrol', face })}
                onDelete={() => setAsked({ what: 'delete', face })}
              />
            </li>
          ))}
        </ul>
      )}
      {(before !== undefined || data?.before !== undefined) && (
        <div class="pager">
          <Button disabled={before === undefined} onClick={() => setBefore(undefined)}>
            ← {t('firstPage')}
          </Button>
          <Button disabled={data?.before === undefined} onClick={() => setBefore(data?.before)}>
            {t('next')} →
          </Button>
        </div>
      )}
      {asked?.what === 'enrol' && <EnrolDialog face={asked.face} onClose={() => setAsked(undefined)} onDone={finish} />}
      {asked?.what === 'delete' && (
        <RemoveDialog face={asked.face} onClose={() => setAsked(undefined)} onDone={finish} />
      )}
      {asked?.what === 'delete-all' && <RemoveDialog onClose={() => setAsked(undefined)} onDone={finish} />}
    </Page>
  );
}

function DoneNotice({ done }: { done: string | Enrolled }) {
  const t = useWords(words);
  if (typeof done === 'string') return <Notice kind="ok">{done}</Notice>;
  const { group, externalImageId } = done;
  return (
    <Notice kind="ok">
      <p>{t('enrolled', { id: externalImageId, group: group.groupId })}</p>
      <ButtonLink href={linkTo(group, externalImageId)}>{t('openPerson')}</ButtonLink>
    </Notice>
  );
}

interface StrangerCardProps {
  face: Stranger;
  isShown: boolean;
  onShow: (() => void) | undefined;
  onEnrol: () => void;
  onDelete: () => void;
}

function StrangerCard({ face, isShown, onShow, onEnrol, onDelete }: StrangerCardProps) {
  const t = useWords(words);
  const [isBroken, setBroken] = useState(false);
  const { id, cameraId, capturedAt, expiresAt, quality } = face;
  const time = formatDateTime(capturedAt);
  return (
    <>
      <div class="stranger-picture">
        {!isShown ? (
          <p class="quiet">{t('hidden')}</p>
        ) : isBroken ? (
          <p class="quiet">{t('pictureFailed')}</p>
        ) : (
          <img
            src={makeUrl(`unknown-faces/${id}`)}
            alt={t('alt', { camera: cameraId, time })}
            width={112}
            height={112}
            onError={() => setBroken(true)}
          />
        )}
        {!isShown && onShow && (
          <Button kind="quiet" onClick={onShow} aria-label={t('showOf', { time })}>
            {t('show')}
          </Button>
        )}
      </div>
      <div class="stranger-facts">
        <strong>{cameraId}</strong>
        <time dateTime={capturedAt}>{time}</time>
        <span class="quiet">{t('quality', { quality: formatPercent(quality) })}</span>
        <span class="quiet">{t('until', { when: formatAgo(expiresAt) })}</span>
      </div>
      <div class="row">
        <Button onClick={onEnrol} aria-label={t('enrolOf', { time })}>
          {t('enrol')}
        </Button>
        <Button onClick={onDelete} aria-label={t('removeOf', { time })}>
          {t('remove')}
        </Button>
      </div>
    </>
  );
}

interface RemoveDialogProps {
  /** Absent: all faces. */
  face?: Stranger;
  onClose: () => void;
  onDone: (text: string) => void;
}

function RemoveDialog({ face, onClose, onDone }: RemoveDialogProps) {
  const t = useWords(words);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      const path = face ? `unknown-faces/${face.id}` : 'unknown-faces';
      const { deleted } = await send<Answer<typeof deletedAnswer>>('DELETE', path);
      onDone(face ? t('removed') : t('removedAll', { n: deleted, text: formatNumber(deleted) }));
    } catch (error) {
      setFailure(wordFailure(error, t));
      setBusy(false);
    }
  };
  return (
    <ConfirmDialog
      title={t(face ? 'removeTitle' : 'removeAllTitle')}
      action={t(face ? 'remove' : 'removeAll')}
      danger
      busy={isBusy}
      onConfirm={() => void remove()}
      onCancel={onClose}
    >
      <p>{t(face ? 'removeText' : 'removeAllText')}</p>
      {failure !== undefined && <Notice kind="bad">{failure}</Notice>}
    </ConfirmDialog>
  );
}
