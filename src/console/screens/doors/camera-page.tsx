// One camera: its live picture with boxes, who is in it, the last decisions, its switches, rates and faults.
import { useState } from 'preact/hooks';
import { cameraWords } from '../../camera-words.js';
import { formatFixed, formatNumber, formatTime } from '../../format.js';
import { LivePicture } from '../../live/live-picture.js';
import type { Track } from '../../live/track-boxes.js';
import { PrivacySwitch } from '../../privacy-switch.js';
import { ButtonLink } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { Badge, Facts, Notice } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { readCameraNow, type ShownCamera, type CameraNow } from './camera-state.js';
import { CameraTile, useProblem } from './camera-tile.js';
import { Decisions } from './decisions.js';
import { PauseSwitch } from './pause-switch.js';
import { TrackCard } from './track-list.js';
import { words } from './words.js';

export function CameraPage({ camera, others }: { camera: ShownCamera; others: readonly ShownCamera[] }) {
  const t = useWords(words);
  const c = useWords(cameraWords);
  const now = readCameraNow(camera);
  const [tracks, setTracks] = useState<readonly Track[]>([]);
  return (
    <Page
      title={camera.id}
      actions={
        <>
          <Badge kind={now.kind}>{c(`state-${now.state}`)}</Badge>
          <ButtonLink href="#/doors">{t('all')}</ButtonLink>
        </>
      }
    >
      <CameraProblem camera={camera} now={now} />
      {camera.enrolling && <Notice kind="info">{t('enrolling')}</Notice>}
      <div class="camera">
        <div class="camera-main">
          <LivePicture cameraId={camera.id} state={now.state} onTracks={setTracks} />
          {now.state === 'running' && <TrackCard tracks={tracks} />}
        </div>
        <div class="camera-side">
          <Card title={t('control')}>
            <PauseSwitch camera={camera.id} state={now.state} />
            <PrivacySwitch />
          </Card>
          <Decisions camera={camera.id} />
          <CameraFacts camera={camera} now={now} />
        </div>
      </div>
      {others.length > 0 && (
        <section aria-label={t('others')} class="others">
          <h2>{t('others')}</h2>
          <ul class="tiles">
            {others.map((one) => (
              <CameraTile key={one.id} camera={one} />
            ))}
          </ul>
        </section>
      )}
    </Page>
  );
}

function CameraProblem({ camera, now }: { camera: ShownCamera; now: CameraNow }) {
  const problem = useProblem(camera, now);
  return problem === undefined ? null : <Notice kind="warn">{problem}</Notice>;
}

function CameraFacts({ camera, now }: { camera: ShownCamera; now: CameraNow }) {
  const t = useWords(words);
  const { capturedFps, widthPx, heightPx, dropped, damaged, losses, viewers, lastFrameAt, groups } = camera;
  const perSecond = (fps: number): string => t('perSecond', { n: formatFixed(fps) });
  const facts: (readonly [string, string | undefined])[] = [
    [t('analysed'), perSecond(now.fps)],
    [t('captured'), capturedFps === undefined ? undefined : perSecond(capturedFps)],
    [t('size'), widthPx && heightPx ? t('sizeValue', { width: widthPx, height: heightPx }) : undefined],
    [t('dropped'), formatNumber(dropped)],
    [t('damaged'), formatNumber(damaged)],
    [t('losses'), formatNumber(losses)],
    [t('viewers'), formatNumber(viewers)],
    [t('lastFrame'), lastFrameAt === undefined ? undefined : formatTime(lastFrameAt)],
    [
      t('groups'),
      groups
        .map(({ groupId, copyOf }) =>
          copyOf === undefined ? groupId : t('copyOf', { group: groupId, authority: copyOf }),
        )
        .join(', '),
    ],
  ];
  return (
    <Card title={t('facts')}>
      <Facts items={facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined)} />
    </Card>
  );
}
