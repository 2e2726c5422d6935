// The screen "trust": how far the similarities of a group can be trusted, why the thresholds are as they are, and what others would have done.
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { useFetch } from '../../api/use-fetch.js';
import type { cameraListAnswer } from '../../../api/device/answers.js';
import type { groupListAnswer } from '../../../api/device/people-answers.js';
import { makeHash, navigate } from '../../router.js';
import type { ScreenProps } from '../../screens.js';
import { Select } from '../../ui/controls.js';
import { Page } from '../../ui/page.js';
import { Empty, ErrorNotice, Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { Distribution } from './distribution.js';
import { PastDecisions } from './past.js';
import { Threshold } from './threshold.js';
import type { Similarities } from './what-if.js';
import { words } from './words.js';

const DEFAULT_APP_KEY = 'default';

interface Group {
  appKey: string;
  groupId: string;
}

interface Groups {
  groups: Group[];
  /** Ids of cameras that watch several groups. */
  severalGroups: ReadonlySet<string>;
}

/** Lists the groups that cameras watch, then the others of the default appKey. */
async function readGroups(signal: AbortSignal): Promise<Groups> {
  const [{ cameras }, { groups }] = await Promise.all([
    get<Answer<typeof cameraListAnswer>>('cameras', {}, signal),
    get<Answer<typeof groupListAnswer>>('groups', {}, signal),
  ]);
  const all = [
    ...cameras.flatMap((camera) => camera.groups),
    ...groups.map(({ groupId }) => ({ appKey: DEFAULT_APP_KEY, groupId })),
  ];
  const byKey = new Map(all.map((group) => [writeGroup(group), group]));
  const several = cameras.filter((camera) => camera.groups.length > 1).map(({ id }) => id);
  return { groups: [...byKey.values()], severalGroups: new Set(several) };
}

export default function TrustScreen({ path }: ScreenProps) {
  const t = useWords(words);
  const { data, error, loading, reload } = useFetch(readGroups, []);
  const [groupId, appKey = DEFAULT_APP_KEY] = path;
  const asked = groupId === undefined ? undefined : { appKey, groupId };
  const chosen = asked ?? data?.groups[0];
  const listed = data && chosen && !data.groups.some((one) => writeGroup(one) === writeGroup(chosen)) ? [chosen] : [];
  return (
    <Page title={t('title')} lead={t('lead')}>
      {error && <ErrorNotice error={error} retry={reload} />}
      {!data && loading && <Spinner />}
      {data && !chosen && <Empty>{t('noGroups')}</Empty>}
      {data && chosen && (
        <>
          <div class="trust-filters">
            <Select
              label={t('group')}
              value={writeGroup(chosen)}
              options={[...listed, ...data.groups].map((group) => [writeGroup(group), nameGroup(group)])}
              onValue={(value) => navigate(makeHash(['trust', ...readGroup(value)]))}
            />
          </div>
          <GroupTrust key={writeGroup(chosen)} group={chosen} severalGroups={data.severalGroups} />
        </>
      )}
    </Page>
  );
}

function GroupTrust({ group, severalGroups }: { group: Group; severalGroups: ReadonlySet<string> }) {
  const t = useWords(words);
  const { appKey, groupId } = group;
  const path = `groups/${encodeURIComponent(groupId)}/similarities`;
  const { data, error, loading, reload } = useFetch((signal) => get<Similarities>(path, { appKey }, signal), [path]);
  if (error) return <ErrorNotice error={error} retry={reload} />;
  if (!data) return loading ? <Spinner /> : null;
  return (
    <div class="trust-cards">
      <div class="trust-wide">
        <Distribution found={data} />
      </div>
      <PastDecisions found={data} severalGroups={severalGroups}>
        {data.cameras.length === 0 && <Notice kind="info">{t('noCameras')}</Notice>}
        {data.cameras.map((camera) => (
          <Threshold key={camera.cameraId} camera={camera} found={data} />
        ))}
      </PastDecisions>
    </div>
  );
}

function nameGroup({ appKey, groupId }: Group): string {
  return appKey === DEFAULT_APP_KEY ? groupId : `${groupId} (${appKey})`;
}

function writeGroup({ appKey, groupId }: Group): string {
  return `${groupId}/${appKey}`;
}

/** @returns the id of the group and the name of the appKey */
function readGroup(value: string): [string, string] {
  const at = value.indexOf('/');
  return [value.slice(0, at), value.slice(at + 1)];
}
