// Routes of the sessions: signing in and out, and the open sessions.
import * as z from 'zod';
import type { AuditAction } from '../../domain/audit.js';
import { clientError } from '../../errors.js';
import { SESSIONS_IN_ALL, SESSIONS_PER_KEY, type OpenSession } from '../../keys/sessions.js';
import { TOKEN_HOLDER } from '../../keys/sign-in-tokens.js';
import type { Credentials } from '../core/http-api.js';
import { ownSessionAnswer, sessionAnswer, sessionListAnswer, signedOutAnswer } from './answers.js';
import { encodeCookie } from './channels.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import { recordDone, type DeviceServices } from './services.js';

const signInBody = z
  .strictObject({
    key: z.string().trim().min(1).max(256).optional().meta({ description: 'An admin key.' }),
    token: z.string().trim().min(1).max(256).optional().meta({ description: 'A token of `lintel console open`.' }),
  })
  .refine(({ key, token }) => (key === undefined) !== (token === undefined), 'must have either key or token');

const ADDRESS_NOTE =
  `One key has at most ${SESSIONS_PER_KEY} sessions, and all keys ${SESSIONS_IN_ALL}: the one that was not used for the longest time ` +
  'gives way.';

export const sessionRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'openSession',
    summary: 'Sign in: exchange an admin key, or a one-time token, for a session cookie',
    description:
      'For the pages of the console; a program sends its key with each request. The cookie is `__Host-lintel` (HttpOnly, Secure, ' +
      'SameSite=Strict); over plain HTTP on the loopback address it is `lintel`, and over any other plain connection the service refuses ' +
      'to take a key. A request with the cookie must come from a page of the same origin. The session ends with its key, after ' +
      `console.idleMinutes without an act of the user, after console.sessionHours, and with the service. ${ADDRESS_NOTE}`,
    method: 'POST',
    path: '/session',
    role: 'none',
    body: signInBody,
    data: sessionAnswer,
    refusals: ['UNAUTHORIZED_ADMIN_KEY', 'INSECURE_SIGN_IN', 'FOREIGN_ORIGIN', 'NOT_FOUND', 'TOO_MANY_ATTEMPTS'],
    check: ({ access, signInAudit }, credentials) => {
      try {
        access.requireSignInChannel(credentials);
      } catch (error) {
        signInAudit.recordRefusal(credentials.remoteAddress, error);
        throw error;
      }
    },
    handle: async (services, { body, credentials }) => {
      const { access, sessions, signInAudit } = services;
      const channel = access.requireSignInChannel(credentials);
      const address = credentials.remoteAddress;
      const holder = await signInAudit.watch(address, () => findHolder(services, body, address));
      await endFormer(services, credentials);
      const { secret, session, gaveWay } = sessions.open(holder, { channel: channel.cookieName, address });
      for (const ended of gaveWay) await recordSession(services, 'session.ended', ended, { reason: 'gave-way' });
      const by = body.token === undefined ? 'key' : 'token';
      await recordSession(services, 'session.opened', session, { by });
      return { json: describeOwn(session), headers: { 'set-cookie': encodeCookie(channel, secret) } };
    },
  }),
  deviceRoute({
    name: 'showSession',
    summary: 'The session of this request',
    description:
      'A request without a cookie and without a key gets `signedIn: false`; one whose session has ended gets 401.',
    method: 'GET',
    path: '/session',
    role: 'none',
    data: ownSessionAnswer,
    refusals: [
      'INSECURE_SIGN_IN',
      'NOT_FOUND',
      'UNAUTHORIZED_ADMIN_KEY',
      'SESSION_ENDED',
      'FOREIGN_ORIGIN',
      'TOO_MANY_ATTEMPTS',
    ],
    check: ({ access }, credentials) => {
      access.requireChannels(credentials);
      if (access.hasCredentials(credentials)) access.require(credentials, 'viewer');
    },
    handle: async ({ access }, { credentials }) => {
      if (!access.hasCredentials(credentials)) return { json: { signedIn: false } };
      const { session } = access.require(credentials, 'viewer');
      return { json: { signedIn: true, ...describeOwn(requireSession(session)) } };
    },
  }),
  deviceRoute({
    name: 'endSession',
    summary: 'Sign out',
    method: 'DELETE',
    path: '/session',
    role: 'viewer',
    data: signedOutAnswer,
    refusals: ['NOT_FOUND'],
    handle: async (services, { session, actor, credentials }) => {
      const { id } = requireSession(session);
      await endSession(services, id, actor, 'signed-out');
      const channels = services.access.requireChannels(credentials);
      return { json: { id }, headers: { 'set-cookie': channels.map((channel) => encodeCookie(channel, undefined)) } };
    },
  }),
  deviceRoute({
    name: 'listSessions',
    summary: 'The open sessions of all keys',
    method: 'GET',
    path: '/sessions',
    role: 'admin',
    data: sessionListAnswer,
    handle: async ({ sessions }, { session: own }) => ({
      json: {
        sessions: sessions.list().map(({ id, name, role, address, openedAtMs, activeAtMs, expiresAtMs }) => ({
          id,
          name,
          role,
          address,
          openedAt: formatTime(openedAtMs),
          activeAt: formatTime(activeAtMs),
          expiresAt: formatTime(expiresAtMs),
          current: id === own?.id,
        })),
      },
    }),
  }),
  deviceRoute({
    name: 'endOtherSession',
    summary: 'End a session',
    description: 'Its open streams and live views end at once.',
    method: 'DELETE',
    path: '/sessions/:sessionId',
    role: 'admin',
    data: signedOutAnswer,
    refusals: ['NOT_FOUND'],
    handle: async (services, { params: { sessionId }, actor }) => {
      if (!(await endSession(services, sessionId, actor, 'ended'))) {
        throw clientError('NOT_FOUND', 'There is no such session.');
      }
      return { json: { id: sessionId } };
    },
  }),
];

type Holder = Parameters<DeviceServices['sessions']['open']>[0];

/** @throws AppError UNAUTHORIZED_ADMIN_KEY, TOO_MANY_ATTEMPTS */
function findHolder(
  { access, signInTokens }: Pick<DeviceServices, 'access' | 'signInTokens'>,
  { key, token = '' }: z.output<typeof signInBody>,
  address: string,
): Holder {
  if (key !== undefined) return access.authenticate(key, address);
  const role = signInTokens.redeem(token);
  return role === undefined ? access.refuseToken(address) : { name: TOKEN_HOLDER, role };
}

/** Ends the session that the browser has had until now: its cookie is replaced. */
async function endFormer(services: DeviceServices, credentials: Credentials): Promise<void> {
  let former: OpenSession | undefined;
  try {
    former = services.access.findSession(credentials);
  } catch {
    // A cookie that opens nothing is simply replaced.
  }
  if (former) await endSession(services, former.id, `admin:${former.name}`, 'replaced');
}

/** @returns whether there was such a session */
async function endSession(services: DeviceServices, id: string, actor: string, reason: string): Promise<boolean> {
  const ended = services.sessions.end(id);
  if (ended) await recordSession(services, 'session.ended', ended, { reason }, actor);
  return ended !== undefined;
}

async function recordSession(
  services: DeviceServices,
  action: AuditAction,
  { id, name, role, address }: OpenSession,
  more: Record<string, string>,
  actor = `admin:${name}`,
): Promise<void> {
  await recordDone(services, { action, actor, subject: { id, name, role, address, ...more } });
}

/** @throws AppError NOT_FOUND: the request has an admin key itself */
function requireSession(session: OpenSession | undefined): OpenSession {
  if (session === undefined) throw clientError('NOT_FOUND', 'This request has an admin key, and no session.');
  return session;
}

function describeOwn({ id, name, role, idleLeftMs, expiresAtMs }: OpenSession): z.output<typeof sessionAnswer> {
  return { id, name, role, idleSeconds: Math.floor(idleLeftMs / 1_000), expiresAt: formatTime(expiresAtMs) };
}

function formatTime(epochMs: number): string {
  return new Date(Math.round(epochMs)).toISOString();
}
