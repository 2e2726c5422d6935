// The session of the page: signs in with a key or a one-time link, signs out, and follows the status of the service while it lasts.
import { effect } from '@preact/signals';
import type { statusMessage } from '../api/device/answers.js';
import type { Answer } from './api/types.js';
import { watchActivity } from './api/activity.js';
import { get, request, makeUrl, send } from './api/client.js';
import { openStream } from './api/stream.js';
import { toApiError } from './api/use-fetch.js';
import { navigate, place } from './router.js';
import { online, session, signOutReason, status, type ConsoleSession } from './state.js';

/** Interval of the messages of the status stream. */
const STATUS_MS = 2_000;
/** Five messages that do not come. */
const SILENT_MS = 5 * STATUS_MS;

/** Finds out who is signed in, and takes one-time links: in the address that opened the page, and in one that it gets later. */
export async function startSession(): Promise<void> {
  followStatus();
  watchActivity(() => {
    if (session.peek()) void get<ConsoleSession>('session').catch(() => undefined);
  });
  const isLink = place.peek().screen === 'sign-in';
  effect(() => {
    const { screen, query } = place.value;
    if (screen === 'sign-in') void takeLink(query.get('token'));
  });
  if (!isLink) session.value = await findSession();
}

/** Signs in with the token of a one-time link, which is removed from the address. A session that is there already stays where that fails. */
async function takeLink(token: string | null): Promise<void> {
  navigate('#/', true);
  try {
    session.value = token ? await send<ConsoleSession>('POST', 'session', { token }) : await findSession();
  } catch {
    const own = await findSession();
    if (!own) signOutReason.value ??= 'link';
    session.value = own;
  }
}

async function findSession(): Promise<ConsoleSession | null> {
  try {
    const own = await get<ConsoleSession & { signedIn: boolean }>('session');
    return own.signedIn ? own : null;
  } catch (error) {
    if (toApiError(error).code === 'INSECURE_SIGN_IN') signOutReason.value = 'insecure';
    return null;
  }
}

/** Exchanges an admin key for a session. The key is sent once, and kept nowhere. @throws ApiError */
export async function signIn(key: string): Promise<void> {
  session.value = await send<ConsoleSession>('POST', 'session', { key });
  signOutReason.value = undefined;
}

/** Ends the session. It goes on where the service cannot be reached: its cookie would still open it. */
export async function signOut(): Promise<void> {
  const own = session.peek();
  signOutReason.value = 'signed-out';
  // The page ends its streams itself, before the service does.
  session.value = null;
  await request('DELETE', makeUrl('session')).catch((error: unknown) => {
    if (toApiError(error).code !== 'OFFLINE') return;
    signOutReason.value = undefined;
    session.value = own;
  });
}

/** Follows the status stream while somebody is signed in. */
function followStatus(): void {
  effect(() => {
    const name = session.value?.name;
    if (name === undefined) {
      status.value = undefined;
      return;
    }
    return openStream(
      'status/stream',
      {
        message: (data) => {
          status.value = data as Answer<typeof statusMessage>;
        },
      },
      { query: { everyMs: STATUS_MS }, silentMs: SILENT_MS, onConnected: (connected) => (online.value = connected) },
    );
  });
}
