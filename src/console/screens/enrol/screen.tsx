// The screen "enrol": who, how, and what became of it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { toApiError } from '../../api/use-fetch.js';
import type { ScreenProps } from '../../screens.js';
import { announce } from '../../ui/announce.js';
import { Button } from '../../ui/controls.js';
import { Card, Page } from '../../ui/page.js';
import { useWords } from '../../words.js';
import { adviceWords } from './advice-words.js';
import { CameraWay } from './camera-way.js';
import { enrolFromPicture, type Wish } from './enrol-api.js';
import { FileResults, type Upload } from './file-results.js';
import { FilesWay } from './files-way.js';
import { describeOutcome, describeState, isEnrolled, OutcomeView, type Outcome } from './outcome.js';
import { isComplete, Whom } from './whom.js';
import { words } from './words.js';

type Way = 'camera' | 'files';

/** An outcome of an enrolment from a camera, and who was meant. */
interface CameraResult {
  outcome: Outcome;
  wish: Wish;
}

/** `#/enrol?group=…&id=…&camera=…&appKey=…` fills the form in. */
export default function EnrolScreen({ query }: ScreenProps) {
  const t = useWords(words);
  const a = useWords(adviceWords);
  const [wish, setWish] = useState<Wish>(() => ({
    appKey: query.get('appKey') ?? 'default',
    group: query.get('group') ?? '',
    externalImageId: query.get('id') ?? '',
  }));
  const [way, setWay] = useState<Way>('camera');
  const [isRunning, setRunning] = useState(false);
  const [result, setResult] = useState<CameraResult | undefined>();
  const { uploads, add, clear, isBusy } = useUploads((outcome) => {
    announce(`${t(describeState(outcome).key)}: ${describeOutcome(outcome, t, a)}`);
  });
  const resultBox = useRef<HTMLDivElement>(null);
  const done = uploads.filter(({ outcome }) => outcome && isEnrolled(outcome)).length;
  const isReady = isComplete(wish);

  const finish = (outcome: Outcome): void => {
    setResult({ outcome, wish });
    announce(`${t(describeState(outcome).key)}: ${describeOutcome(outcome, t, a)}`);
  };
  useEffect(() => {
    if (result) resultBox.current?.scrollIntoView({ block: 'nearest' });
  }, [result]);
  const startOver = (): void => {
    setResult(undefined);
    clear();
    setWish((before) => ({ ...before, externalImageId: '' }));
  };

  return (
    <Page title={t('title')} lead={t('lead')}>
      <div class="enrol-steps">
        <Whom
          wish={wish}
          onWish={setWish}
          disabled={isRunning || isBusy}
          round={done + (result && isEnrolled(result.outcome) ? 1 : 0)}
        />
        <Card title={t('how')}>
          <WayChoice way={way} onWay={setWay} disabled={isRunning || isBusy} />
          {way === 'camera' ? (
            <CameraWay
              wish={wish}
              isReady={isReady}
              camera={query.get('camera') ?? undefined}
              onRunning={(running) => {
                setRunning(running);
                if (running) setResult(undefined);
              }}
              onEnd={finish}
            />
          ) : (
            <FilesWay isReady={isReady} onFiles={(files) => add(files, wish)} />
          )}
        </Card>
        <div ref={resultBox}>
          {way === 'camera' && result && (
            <Card title={t('result')}>
              <OutcomeView outcome={result.outcome} wish={result.wish}>
                <Button onClick={() => setResult(undefined)}>{t('again')}</Button>
                <Button onClick={startOver}>{t('another')}</Button>
              </OutcomeView>
            </Card>
          )}
          {way === 'files' && uploads.length > 0 && (
            <Card title={t('result')} actions={<span class="quiet">{t('doneOf', { done, of: uploads.length })}</span>}>
              <FileResults uploads={uploads} />
              <div class="row">
                <Button onClick={clear}>{t('clear')}</Button>
                <Button disabled={isBusy} onClick={startOver}>
                  {t('another')}
                </Button>
              </div>
            </Card>
          )}
        </div>
      </div>
    </Page>
  );
}

function WayChoice({ way, onWay, disabled }: { way: Way; onWay: (way: Way) => void; disabled: boolean }) {
  const t = useWords(words);
  return (
    <fieldset class="segments" disabled={disabled}>
      <legend class="hidden">{t('how')}</legend>
      {(['camera', 'files'] as const).map((one) => (
        <label key={one}>
          <input type="radio" name="way" value={one} checked={way === one} onChange={() => onWay(one)} />
          <span>{t(one === 'camera' ? 'fromCamera' : 'fromFiles')}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface Uploads {
  uploads: readonly Upload[];
  add: (files: readonly File[], wish: Wish) => void;
  /** Removes all results, and ends the upload that runs. */
  clear: () => void;
  isBusy: boolean;
}

/** Uploads the added files one after the other: each is judged beside the faces that were enrolled before it. */
function useUploads(onEnd: (outcome: Outcome) => void): Uploads {
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const [aborter, setAborter] = useState(() => new AbortController());
  const nextKey = useRef(0);
  const report = useRef(onEnd);
  report.current = onEnd;
  const first = uploads.find(({ outcome }) => outcome === undefined);
  const key = first?.key;
  useEffect(() => {
    if (!first) return;
    const { signal } = aborter;
    const end = (outcome: Outcome): void => {
      if (signal.aborted) return;
      setUploads((list) => list.map((one) => (one.key === first.key ? { ...one, outcome } : one)));
      report.current(outcome);
    };
    void enrolFromPicture(first.file, first.wish, signal).then(end, (error: unknown) => end(toApiError(error)));
  }, [key, aborter]);
  useEffect(() => () => aborter.abort(), [aborter]);
  return {
    uploads,
    isBusy: first !== undefined,
    add: (files, wish) =>
      setUploads((list) => [
        ...list,
        ...files.map((file) => ({ key: nextKey.current++, file, wish, outcome: undefined })),
      ]),
    clear: () => {
      aborter.abort();
      setAborter(new AbortController());
      setUploads([]);
    },
  };
}
