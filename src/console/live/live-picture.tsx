// The live picture of one camera, with boxes. One live view is open while it can be seen, and none in the background or while privacy is on.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { cameraWords } from '../camera-words.js';
import { privacy } from '../state.js';
import { useWords } from '../words.js';
import type { CameraStatus } from '../../camera/camera-state.js';
import { drawPicture, PictureCanvas } from './canvas.js';
import { openLiveView, type LiveState } from './live-view.js';
import { liveWords } from './live-words.js';
import { PolledPicture } from './polled-picture.js';
import { TrackBoxes, type Track } from './track-boxes.js';
import { pageVisible } from './visible.js';

const NOBODY: readonly Track[] = [];
const MAX_WIDTH_PX = 1_280;
const FPS = 5;

export interface LivePictureProps {
  cameraId: string;
  state: CameraStatus;
  /** Called with the tracks of each picture, and with none when the picture ends. */
  onTracks?: (tracks: readonly Track[]) => void;
}

export function LivePicture({ cameraId, state, onTracks = () => undefined }: LivePictureProps) {
  const shown = privacy.value === false && state === 'running' && pageVisible.value;
  const isPrivate = privacy.value === true || state === 'private';
  return (
    <PictureFrame>
      {shown ? (
        <OpenLivePicture key={cameraId} cameraId={cameraId} onTracks={onTracks} />
      ) : (
        <NoPicture state={isPrivate ? 'private' : state} />
      )}
    </PictureFrame>
  );
}

function OpenLivePicture({ cameraId, onTracks }: Required<Omit<LivePictureProps, 'state'>>) {
  const t = useWords(liveWords);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [live, setLive] = useState<LiveState>('connecting');
  const [tracks, setTracks] = useState(NOBODY);
  const report = useRef(onTracks);
  report.current = onTracks;
  useEffect(() => {
    const show = (list: readonly Track[]): void => {
      setTracks(list);
      report.current(list);
    };
    const close = openLiveView(cameraId, {
      maxWidth: MAX_WIDTH_PX,
      fps: FPS,
      onState: (now) => {
        setLive(now);
        if (now !== 'live') show(NOBODY);
      },
      onPicture: (picture, list) => {
        drawPicture(canvas.current, picture);
        show(list?.tracks ?? NOBODY);
      },
    });
    return () => {
      close();
      report.current(NOBODY);
    };
  }, [cameraId]);
  if (live === 'busy') {
    return (
      <>
        <PolledPicture cameraId={cameraId} maxWidth={MAX_WIDTH_PX} />
        <p class="picture-strip" role="status">
          {t('busy')}
        </p>
      </>
    );
  }
  // A picture of a moment ago must not pass for one of now, so it is not shown while there are no new ones.
  return (
    <>
      <div class={live === 'live' ? '' : 'picture-off'}>
        <PictureCanvas canvas={canvas} label={t('picture', { camera: cameraId })} />
        <TrackBoxes tracks={tracks} />
      </div>
      {live !== 'live' && (
        <p class="picture-message" role="status">
          {t(live)}
        </p>
      )}
    </>
  );
}

/** The dark ground of a picture, of the same size with and without one. */
export function PictureFrame({ children }: { children: ComponentChildren }) {
  return <div class="picture">{children}</div>;
}

/** What stands in place of a picture. */
export function NoPicture({ state }: { state: CameraStatus }) {
  const c = useWords(cameraWords);
  const t = useWords(liveWords);
  return (
    <p class="picture-message">{state === 'running' && !pageVisible.value ? t('background') : c(`about-${state}`)}</p>
  );
}
