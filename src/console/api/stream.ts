// A stream of server-sent events that connects again by itself, and rests while the page is in the background.
import { online, session } from '../state.js';
import { endSession, get, makeUrl, type Query } from './client.js';

export interface StreamOptions {
  query?: Query;
  /** Sequence number of the last message that the page has; the stream goes on after it. */
  after?: number;
  /** Called when the stream is open, and when it is lost. */
  onConnected?: (connected: boolean) => void;
  /** A stream from which nothing comes for this long counts as lost: a network that is gone ends no connection. Default: no limit. */
  silentMs?: number;
  /** True: the stream goes on while the page is in the background. */
  inBackground?: boolean;
}

/** First pause before a lost stream is opened again; it doubles up to the longest one. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Opens a stream of the device API.
 * @param handlers called with the data of a message, and its id; `message` receives those without a name of their own
 * @returns the function that closes it
 */
export function openStream(
  path: string,
  handlers: Readonly<Record<string, (data: unknown, id: number | undefined) => void>>,
  { query = {}, after, onConnected, silentMs, inBackground = false }: StreamOptions = {},
): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let pauseMs = FIRST_PAUSE_MS;
  let last = after;
  let closed = false;

  const disconnect = (): void => {
    clearTimeout(timer);
    clearTimeout(silence);
    source?.close();
    source = undefined;
  };
  const lose = (): void => {
    onConnected?.(false);
    disconnect();
    timer = setTimeout(connect, pauseMs);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  };
  const listen = (): void => {
    clearTimeout(silence);
    if (silentMs !== undefined) silence = setTimeout(lose, silentMs);
  };
  const connect = (): void => {
    disconnect();
    if (closed || (document.hidden && !inBackground)) return;
    source = new EventSource(makeUrl(path, { ...query, after: last }));
    listen();
    source.onopen = () => {
      listen();
      pauseMs = FIRST_PAUSE_MS;
      online.value = true;
      onConnected?.(true);
    };
    source.onerror = () => {
      lose();
      // The reason is not in the event of the browser: a request tells a lost connection from a session that ended.
      if (session.peek()) void checkSession();
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        listen();
        const id = event.lastEventId === '' ? undefined : Number(event.lastEventId);
        if (id !== undefined) last = id;
        handle(JSON.parse(event.data), id);
      });
    }
  };
  const onVisibility = (): void => {
    if (document.hidden && !inBackground) disconnect();
    else if (!source) connect();
  };
  document.addEventListener('visibilitychange', onVisibility);
  connect();
  return () => {
    closed = true;
    document.removeEventListener('visibilitychange', onVisibility);
    disconnect();
  };
}

/** Shows the sign-in page where the session is over; a request tells that from a lost connection. */
async function checkSession(): Promise<void> {
  const own = await get<{ signedIn: boolean }>('session').catch(() => undefined);
  if (own && !own.signedIn) endSession();
}
