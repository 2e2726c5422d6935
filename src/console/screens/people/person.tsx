// One person: what is known of them, the closest other person, their faces, and the changes.
import { useState } from 'preact/hooks';
import type { closestPersonAnswer, facesDeletedAnswer } from '../../../api/device/people-answers.js';
import { get, send } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import { formatDate, formatDateTime, formatFixed, formatNumber, formatPercent } from '../../format.js';
import { navigate } from '../../router.js';
import { hasRole } from '../../state.js';
import { Button } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, ErrorNotice, Facts, Notice, Spinner, Table } from '../../ui/show.js';
import { useWords } from '../../words.js';
import {
  groupPath,
  linkTo,
  type PersonFace,
  type PersonGroup,
  type GroupName,
  type Person,
  type PersonFaces,
} from './api.js';
import { DeleteDialog, MoveDialog, RenameDialog } from './dialogs.js';
import { CopyNotice, PersonState } from './persons.js';
import { ProofNotice, type Done } from './proof.js';
import { words } from './words.js';

const PAGE_FACES = 50;

export interface PersonViewProps {
  group: GroupName;
  externalImageId: string;
}

/** The last change and where it led: the page of a renamed person shows it as well. */
let lastChange: { hash: string; done: Done } | undefined;

export function PersonView({ group, externalImageId }: PersonViewProps) {
  const t = useWords(words);
  const { appKey } = group;
  const own = linkTo(group, externalImageId);
  const [dialog, setDialog] = useState<'rename' | 'move' | 'delete'>();
  const [leaving, setLeaving] = useState<PersonFace>();
  const [done, setDone] = useState(lastChange?.hash === own ? lastChange.done : undefined);
  const [isGone, setGone] = useState(false);
  const [limit, setLimit] = useState(PAGE_FACES);
  const about = useFetch((signal) => get<PersonGroup>(groupPath(group), { appKey }, signal), []);
  const { data, error, reload } = useFetch((signal) => readFaces(group, externalImageId, limit, signal), [limit]);
  const person = isGone ? undefined : data?.person;
  // Of a copy, people are changed at the authority of the fleet.
  const mayChange = hasRole('operator') && about.data !== undefined && !about.data.copyOf;
  const close = (): void => {
    setDialog(undefined);
    setLeaving(undefined);
  };
  const follow = (change: Done, where: PersonViewProps): void => {
    lastChange = { hash: linkTo(where.group, where.externalImageId), done: change };
    navigate(lastChange.hash, true);
  };
  return (
    <Page
      title={externalImageId}
      lead={t('noPortraits')}
      actions={
        person &&
        mayChange && (
          <>
            <Button onClick={() => setDialog('rename')}>{t('rename')}</Button>
            <Button onClick={() => setDialog('move')}>{t('move')}</Button>
            <Button kind="danger" onClick={() => setDialog('delete')}>
              {t('removePerson')}
            </Button>
          </>
        )
      }
    >
      <p>
        <a href={linkTo(group)}>← {t('backTo', { id: group.groupId })}</a>
      </p>
      {about.data && <CopyNotice group={about.data} />}
      {done && <ProofNotice done={done} />}
      {error && !isGone && <ErrorNotice error={error} retry={reload} />}
      {!data && !error && <Spinner />}
      {person && data && (
        <>
          <div class="person-cards">
            <AboutCard person={person} createdAt={about.data?.createdAt} />
            <ClosestCard key={data.faces.length} group={group} person={person} />
          </div>
          <FacesCard
            faces={data.faces}
            createdAt={about.data?.createdAt}
            onDelete={mayChange ? setLeaving : undefined}
            onMore={data.before === undefined ? undefined : () => setLimit(limit + PAGE_FACES)}
          />
        </>
      )}
      {dialog === 'rename' && (
        <RenameDialog group={group} externalImageId={externalImageId} onClose={close} onDone={follow} />
      )}
      {dialog === 'move' && (
        <MoveDialog group={group} externalImageId={externalImageId} onClose={close} onDone={follow} />
      )}
      {dialog === 'delete' && person && (
        <DeleteDialog
          title={t('removePersonTitle', { id: externalImageId })}
          text={t('removePersonText', { n: person.faces, text: formatNumber(person.faces) })}
          action={t('removePerson')}
          typed={externalImageId}
          remove={async () => {
            const query = { appKey, externalImageId };
            const answer = await send<Answer<typeof facesDeletedAnswer>>(
              'DELETE',
              `${groupPath(group)}/persons`,
              undefined,
              query,
            );
            return { text: t('personRemoved', { id: externalImageId }), proof: answer.audit };
          }}
          onClose={close}
          onDone={(change) => {
            close();
            setDone(change);
            setGone(true);
          }}
        />
      )}
      {leaving && person && (
        <DeleteDialog
          title={t('removeFaceTitle')}
          text={person.faces === 1 ? `${t('removeFaceText')} ${t('removeLastFace')}` : t('removeFaceText')}
          action={t('remove')}
          remove={async () => {
            const path = `${groupPath(group)}/faces/${leaving.faceId}`;
            const answer = await send<Answer<typeof facesDeletedAnswer>>('DELETE', path, undefined, { appKey });
            return { text: t('faceRemoved'), proof: answer.audit };
          }}
          onClose={close}
          onDone={(change) => {
            close();
            setDone(change);
            if (person.faces === 1) setGone(true);
            else reload();
          }}
        />
      )}
    </Page>
  );
}

/** Reads the newest faces of a person, up to a number that is a multiple of a page. */
async function readFaces(
  { groupId, appKey }: GroupName,
  externalImageId: string,
  limit: number,
  signal: AbortSignal,
): Promise<PersonFaces> {
  const read = (before: string | undefined): Promise<PersonFaces> =>
    get<PersonFaces>(
      `${groupPath({ groupId, appKey })}/faces`,
      { appKey, externalImageId, limit: PAGE_FACES, before },
      signal,
    );
  let page = await read(undefined);
  const faces = [...page.faces];
  while (page.before !== undefined && faces.length < limit) {
    page = await read(page.before);
    faces.push(...page.faces);
  }
  return { ...page, faces };
}

function AboutCard({ person, createdAt }: { person: Person; createdAt: string | undefined }) {
  const t = useWords(words);
  const { faces, masked, recognisable, quality, recognisability, problem } = person;
  return (
    <Card title={t('about')} actions={<PersonState person={person} />}>
      {problem && (
        <Notice kind="warn">{t(problem === 'model-not-installed' ? 'problemModels' : 'problemFaces')}</Notice>
      )}
      <Facts
        items={[
          [t('faces'), formatNumber(faces)],
          ...(recognisable === undefined
            ? []
            : [[t('usable'), t('ofFaces', { n: formatNumber(recognisable), all: formatNumber(faces) })] as const]),
          [t('withMask'), formatNumber(masked)],
          [t('quality'), <Range range={quality} />],
          [t('recognisability'), <Range range={recognisability} />],
          [t('first'), <EnrolmentTime at={person.firstEnrolledAt} createdAt={createdAt} />],
          [t('last'), <EnrolmentTime at={person.lastEnrolledAt} createdAt={createdAt} />],
        ]}
      />
    </Card>
  );
}

function Range({ range }: { range: Person['quality'] }) {
  const t = useWords(words);
  if (!range) return <span class="quiet">{t('notMeasured')}</span>;
  const best = formatPercent(range.best);
  const worst = formatPercent(range.worst);
  return <>{best === worst ? best : t('range', { best, worst })}</>;
}

/** A time, or that it is not recorded: no face is older than its group. */
function EnrolmentTime({ at, createdAt }: { at: string | undefined; createdAt: string | undefined }) {
  const t = useWords(words);
  if (at !== undefined) return <time dateTime={at}>{formatDateTime(at)}</time>;
  return (
    <span class="quiet">
      {createdAt === undefined ? t('notRecorded') : t('notRecordedAfter', { date: formatDate(createdAt) })}
    </span>
  );
}

function ClosestCard({ group, person }: { group: GroupName; person: Person }) {
  const t = useWords(words);
  const { externalImageId, problem } = person;
  const isInstalled = problem !== 'model-not-installed';
  const { data, error, reload } = useFetch(
    async (signal): Promise<Answer<typeof closestPersonAnswer>> =>
      isInstalled
        ? get<Answer<typeof closestPersonAnswer>>(
            `${groupPath(group)}/closest`,
            { appKey: group.appKey, externalImageId },
            signal,
          )
        : {},
    [],
  );
  const closest = data?.closest;
  const badge = closest && (
    <Badge kind={closest.lookalike ? 'warn' : 'ok'}>{t(closest.lookalike ? 'lookalike' : 'different')}</Badge>
  );
  return (
    <Card title={t('closest')} actions={badge} {...(closest?.lookalike && { kind: 'warn' as const })}>
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data ? (
        !error && <Spinner />
      ) : !closest ? (
        <p class="quiet">{t(isInstalled ? 'closestNobody' : 'closestModels')}</p>
      ) : (
        <>
          <p class="people-count">
            {closest.externalImageId === undefined ? (
              t('unnamed')
            ) : (
              <a href={linkTo(group, closest.externalImageId)}>{closest.externalImageId}</a>
            )}
          </p>
          <meter
            class="people-meter"
            aria-label={t('closest')}
            min={0}
            max={100}
            high={closest.threshold}
            value={closest.similarity}
          />
          <p>
            {t('closestText', {
              similarity: formatFixed(closest.similarity),
              threshold: formatFixed(closest.threshold),
            })}
          </p>
          {closest.lookalike && <p>{t('lookalikeText')}</p>}
        </>
      )}
    </Card>
  );
}

interface FacesCardProps {
  faces: readonly PersonFace[];
  createdAt: string | undefined;
  onDelete: ((face: PersonFace) => void) | undefined;
  onMore: (() => void) | undefined;
}

function FacesCard({ faces, createdAt, onDelete, onMore }: FacesCardProps) {
  const t = useWords(words);
  const nameDate = ({ enrolledAt }: PersonFace): string =>
    enrolledAt === undefined ? t('notRecorded') : formatDateTime(enrolledAt);
  return (
    <Card title={t('faces')}>
      <Table
        caption={t('faces')}
        headers={[
          t('date'),
          t('quality'),
          t('recognisability'),
          t('mask'),
          t('origin'),
          ...(onDelete ? [t('remove')] : []),
        ]}
        rows={faces.map((face) => ({
          key: face.faceId,
          cells: [
            <EnrolmentTime at={face.enrolledAt} createdAt={createdAt} />,
            face.quality === undefined ? <span class="quiet">{t('notMeasured')}</span> : formatPercent(face.quality),
            face.recognisability === undefined ? (
              <span class="quiet">{t('notMeasured')}</span>
            ) : (
              formatPercent(face.recognisability)
            ),
            t(face.masked === undefined ? 'unknown' : face.masked ? 'masked' : 'bare'),
            face.origin === undefined ? <span class="quiet">{t('notRecorded')}</span> : t(face.origin),
            ...(onDelete
              ? [
                  <Button onClick={() => onDelete(face)} aria-label={t('removeFace', { date: nameDate(face) })}>
                    {t('remove')}
                  </Button>,
                ]
              : []),
          ],
        }))}
      />
      {onMore && <Button onClick={onMore}>{t('moreFaces')}</Button>}
    </Card>
  );
}
