// The second step, from a camera: the live picture, the ring, the hints, and the buttons to start and to cancel.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { cameraListAnswer } from '../../../api/device/answers.js';
import type { ApiError } from '../../api/client.js';
import { get } from '../../api/client.js';
import type { Answer } from '../../api/types.js';
import { toApiError, useFetch } from '../../api/use-fetch.js';
import { announce } from '../../ui/announce.js';
import { Button, Select, Switch } from '../../ui/controls.js';
import { Empty, ErrorNotice, Notice, Spinner } from '../../ui/show.js';
import { useWords } from '../../words.js';
import { adviceWords } from './advice-words.js';
import { CameraPicture } from './camera-picture.js';
import { enrolFromCamera, type CameraEnrolment, type Progress, type Wish } from './enrol-api.js';
import { PoseRing } from './pose-ring.js';
import { words } from './words.js';

type Cameras = Answer<typeof cameraListAnswer>;

/** Time for one enrolment: a person who turns the head for three poses needs longer. */
const TIMEOUT_MS = { 1: 15_000, 3: 30_000 } as const;

export interface CameraWayProps {
  wish: Wish;
  /** False: the first step is not complete. */
  isReady: boolean;
  /** Camera that is chosen at first. */
  camera: string | undefined;
  onRunning: (isRunning: boolean) => void;
  onEnd: (outcome: CameraEnrolment | ApiError) => void;
}

export function CameraWay(props: CameraWayProps) {
  const t = useWords(words);
  const { data, error, loading, reload } = useFetch((signal) => get<Cameras>('cameras', {}, signal), []);
  if (error && !data) return <ErrorNotice error={error} retry={reload} />;
  if (!data) return loading ? <Spinner /> : null;
  if (data.cameras.length === 0) return <Empty>{t('noCameras')}</Empty>;
  return <ChosenCamera {...props} cameras={data.cameras} />;
}

function ChosenCamera(props: CameraWayProps & { cameras: Cameras['cameras'] }) {
  const { wish, isReady, cameras, onRunning, onEnd } = props;
  const t = useWords(words);
  const a = useWords(adviceWords);
  const ids = cameras.map(({ id }) => id);
  const [cameraId, setCameraId] = useState(() => ids.find((id) => id === props.camera) ?? ids[0] ?? '');
  const [faces, setFaces] = useState<1 | 3>(3);
  const [progress, setProgress] = useState<Progress | undefined>();
  const [isCancelled, setCancelled] = useState(false);
  const running = useRef<AbortController | undefined>(undefined);
  const [isRunning, setRunning] = useState(false);
  // Leaving the screen ends the enrolment.
  useEffect(() => () => running.current?.abort(), []);

  const hint = isRunning ? chooseHint(progress) : undefined;
  const text = hint === undefined ? t(isRunning ? 'starting' : 'ready') : a(`hint-${hint}`);
  useEffect(() => {
    if (isRunning) announce(text);
  }, [isRunning, text]);

  const start = async (): Promise<void> => {
    const aborter = new AbortController();
    running.current = aborter;
    setProgress(undefined);
    setCancelled(false);
    setRunning(true);
    onRunning(true);
    let outcome: CameraEnrolment | ApiError | undefined;
    try {
      const request = { ...wish, faces, timeoutMs: TIMEOUT_MS[faces] };
      outcome = await enrolFromCamera(cameraId, request, { onProgress: setProgress, signal: aborter.signal });
    } catch (error) {
      if (!aborter.signal.aborted) outcome = toApiError(error);
    }
    running.current = undefined;
    setRunning(false);
    onRunning(false);
    if (outcome) return onEnd(outcome);
    setCancelled(true);
    announce(t('stopped'));
  };

  const camera = cameras.find(({ id }) => id === cameraId);
  return (
    <>
      {ids.length > 1 && (
        <Select
          label={t('camera')}
          value={cameraId}
          disabled={isRunning}
          options={ids.map((id) => [id, id] as const)}
          onValue={setCameraId}
        />
      )}
      <div class="enrol-camera">
        {camera && <CameraPicture camera={camera} />}
        <div class="enrol-guide">
          <div class="enrol-now">
            <PoseRing progress={isRunning ? progress : undefined} posesWanted={faces} />
            <div>
              <p class="enrol-hint">{text}</p>
              {isRunning && progress && (
                <p class="quiet">
                  {t('pictures', { n: Math.min(progress.collected, progress.wanted), of: progress.wanted })}
                </p>
              )}
            </div>
          </div>
          {isCancelled && <Notice kind="info">{t('stopped')}</Notice>}
          <Switch
            label={t('poses')}
            help={t('posesHelp')}
            checked={faces === 3}
            disabled={isRunning}
            onChange={(on) => setFaces(on ? 3 : 1)}
          />
          {isRunning ? (
            <Button onClick={() => running.current?.abort()}>{t('stop')}</Button>
          ) : (
            <Button kind="primary" disabled={!isReady} onClick={() => void start()}>
              {t('start')}
            </Button>
          )}
          {!isReady && <p class="help">{t('whoFirst')}</p>}
        </div>
      </div>
    </>
  );
}

function chooseHint(progress: Progress | undefined): Progress['reason'] | 'hold' | 'turn' {
  if (!progress) return undefined;
  const { reason, collected, wanted, poses, posesWanted } = progress;
  if (reason) return reason;
  return collected >= wanted && poses.length < posesWanted ? 'turn' : 'hold';
}
