// A picture of a camera that is fetched anew every few seconds, while it can be seen.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, makeUrl, request } from '../api/client.js';
import { useWords } from '../words.js';
import { drawPicture, PictureCanvas } from './canvas.js';
import { liveWords } from './live-words.js';
import { useVisible } from './visible.js';

/** Pause between two pictures. */
const PAUSE_MS = 2_500;

/** The camera must be running, and privacy off, while it is drawn. */
export function PolledPicture({ cameraId, maxWidth }: { cameraId: string; maxWidth: number }) {
  const t = useWords(liveWords);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hasPicture, setHasPicture] = useState(false);
  const [isLost, setLost] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const visible = useVisible(box);
  useEffect(() => {
    if (!visible) return;
    const closing = new AbortController();
    const { signal } = closing;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const fetchNext = async (): Promise<void> => {
      try {
        const url = makeUrl(`cameras/${encodeURIComponent(cameraId)}/frame`, { maxWidth, quality: 70 });
        const answer = await request('GET', url, { signal });
        const picture = await createImageBitmap(await answer.blob());
        if (signal.aborted) return picture.close();
        drawPicture(canvas.current, picture);
        setHasPicture(true);
        setLost(false);
      } catch (error) {
        if (signal.aborted || (error instanceof ApiError && error.status === 401)) return;
        // A picture of a while ago must not pass for one of now.
        setHasPicture(false);
        setLost(true);
      }
      timer = setTimeout(() => void fetchNext(), PAUSE_MS);
    };
    void fetchNext();
    return () => {
      closing.abort();
      clearTimeout(timer);
      setHasPicture(false);
    };
  }, [cameraId, maxWidth, visible]);
  return (
    <div ref={box} class="picture-box">
      <div class={hasPicture ? '' : 'picture-off'}>
        <PictureCanvas canvas={canvas} label={t('still', { camera: cameraId })} />
      </div>
      {!hasPicture && <p class="picture-message">{t(isLost ? 'lost' : 'connecting')}</p>}
    </div>
  );
}
