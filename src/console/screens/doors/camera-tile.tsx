// One camera in the overview: its picture, its state, and the last decision.
import { cameraWords } from '../../camera-words.js';
import { formatFixed } from '../../format.js';
import { NoPicture, PictureFrame } from '../../live/live-picture.js';
import { PolledPicture } from '../../live/polled-picture.js';
import { makeHash } from '../../router.js';
import { Badge } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { readCameraNow, type ShownCamera, type CameraNow } from './camera-state.js';
import { DecisionLine, useDecisions } from './decisions.js';
import { words } from './words.js';

const WIDTH_PX = 480;

export function CameraTile({ camera }: { camera: ShownCamera }) {
  const t = useWords(words);
  const c = useWords(cameraWords);
  const now = readCameraNow(camera);
  const { state, fps, kind } = now;
  const { data } = useDecisions(camera.id, 1);
  const [last] = data ?? [];
  const problem = useProblem(camera, now);
  return (
    <li class="tile card">
      <PictureFrame>
        {state === 'running' ? <PolledPicture cameraId={camera.id} maxWidth={WIDTH_PX} /> : <NoPicture state={state} />}
      </PictureFrame>
      <div class="row row-between">
        <h2>
          <a
            class="tile-link"
            href={makeHash(['doors', camera.id])}
            aria-label={t('openCamera', { camera: camera.id })}
          >
            {camera.id}
          </a>
        </h2>
        <Badge kind={kind}>{c(`state-${state}`)}</Badge>
      </div>
      {problem !== undefined && <p class="tile-fault">{problem}</p>}
      <p class="tile-line">{last ? <DecisionLine event={last} /> : <span class="quiet">{t('noDecision')}</span>}</p>
      <p class="quiet">{t('rate', { fps: formatFixed(fps) })}</p>
    </li>
  );
}

/** What is wrong with a camera that runs: the fault of its picture, or else what the service says of its health. */
export function useProblem({ health }: ShownCamera, { state, fault }: CameraNow): string | undefined {
  const t = useWords(words);
  const c = useWords(cameraWords);
  if (fault !== undefined) return c(`fault-${fault}`);
  const detail = state === 'running' && health.status !== 'ok' ? health.detail : undefined;
  return detail === undefined ? undefined : t('problem', { detail });
}
