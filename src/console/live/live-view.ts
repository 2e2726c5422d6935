// One live view of a camera: its pictures and tracks as they come, and why there are none.
import { ApiError, makeUrl, request } from '../api/client.js';
import type { TrackList } from '../../api/device/track-list.js';
import { MultipartReader } from './multipart.js';

/** `connecting`: for the first time. `lost`: the connection broke, and is tried again. `busy`: there are too many live views. */
export type LiveState = 'connecting' | 'live' | 'lost' | 'busy';

export interface LivePictures {
  /** Width of the pictures in pixels, at most. */
  maxWidth: number;
  fps: number;
  onState: (state: LiveState) => void;
  /** Called with each picture, and with the tracks that were sent before it. The receiver closes the bitmap. */
  onPicture: (picture: ImageBitmap, tracks: TrackList | undefined) => void;
}

/** Pauses before a view is opened again; the last one repeats. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000] as const;
/** Pause before it is tried again where there are too many live views. */
const BUSY_MS = 10_000;
/** Time without a byte after which the connection counts as lost; the service ends a view without a new picture after 10 s by itself. */
const SILENT_MS = 15_000;

/** Opens a live view, and opens it again when it ends. @returns the function that closes it */
export function openLiveView(cameraId: string, options: LivePictures): () => void {
  const closing = new AbortController();
  void run(cameraId, options, closing.signal);
  return () => closing.abort();
}

async function run(cameraId: string, options: LivePictures, closed: AbortSignal): Promise<void> {
  const { onState } = options;
  onState('connecting');
  for (let failures = 0; !closed.aborted; failures++) {
    let pauseMs: number = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? BUSY_MS;
    try {
      await follow(cameraId, options, closed, () => {
        failures = 0;
        onState('live');
      });
      pauseMs = PAUSES_MS[0];
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return;
      if (error instanceof ApiError && error.code === 'SERVER_BUSY') {
        pauseMs = BUSY_MS;
        if (!closed.aborted) onState('busy');
        await wait(pauseMs, closed);
        continue;
      }
    }
    if (closed.aborted) return;
    onState('lost');
    await wait(pauseMs, closed);
  }
}

/** Follows one view to its end. @throws ApiError; other errors where the connection broke */
async function follow(
  cameraId: string,
  { maxWidth, fps, onPicture }: LivePictures,
  closed: AbortSignal,
  onFirst: () => void,
): Promise<void> {
  const connection = new AbortController();
  const { signal } = connection;
  const abort = (): void => connection.abort();
  closed.addEventListener('abort', abort);
  let timer = setTimeout(abort, SILENT_MS);
  try {
    const url = makeUrl(`cameras/${encodeURIComponent(cameraId)}/live`, { tracks: true, fps, maxWidth, quality: 70 });
    const { body } = await request('GET', url, { signal });
    if (!body) return;
    const parts = new MultipartReader();
    const reader = body.getReader();
    let tracks: TrackList | undefined;
    let isFirst = true;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(abort, SILENT_MS);
      for (const { type, body: bytes } of parts.push(value)) {
        if (type === 'application/json') {
          tracks = JSON.parse(new TextDecoder().decode(bytes)) as TrackList;
          continue;
        }
        const picture = await createImageBitmap(new Blob([bytes], { type }));
        if (closed.aborted) return picture.close();
        if (isFirst) onFirst();
        isFirst = false;
        onPicture(picture, tracks);
      }
    }
  } finally {
    clearTimeout(timer);
    closed.removeEventListener('abort', abort);
    connection.abort();
  }
}

function wait(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal.addEventListener('abort', end);
  });
}
