// Routes about the device itself: its signing key, its health, its version and its configuration.
import * as z from 'zod';
import { maskSecrets } from '../../config/mask-secrets.js';
import { wholeNumberText } from '../core/parameters.js';
import { configurationAnswer, healthAnswer, historyAnswer, signingKeyAnswer, versionAnswer } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import { HISTORY_SPANS } from '../../ops/history.js';
import { describeHistory } from './history.js';
import { SSE_TYPE } from './sse.js';
import { createStatusSource } from './status-feed.js';

export const aboutRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showSigningKey',
    summary: 'The public key that checks the signatures of events',
    method: 'GET',
    path: '/signing-key',
    role: 'none',
    data: signingKeyAnswer,
    handle: async ({ signingKey }) => {
      const { keyId, algorithm, publicKeyPem, publicKeyJwk } = signingKey();
      return { json: { keyId, algorithm, publicKeyPem, publicKeyJwk: { ...publicKeyJwk } } };
    },
  }),
  deviceRoute({
    name: 'showHealth',
    summary: 'The health of the service and of each of its parts',
    description: 'The status is 503 when a part has failed that the service cannot work without.',
    method: 'GET',
    path: '/health',
    role: 'viewer',
    data: healthAnswer,
    statuses: [503],
    handle: async ({ health }) => {
      const { status, body } = health();
      return { status, json: healthAnswer.parse(body) };
    },
  }),
  deviceRoute({
    name: 'showVersion',
    summary: 'The version of Lintel, of its models, and the id of this device',
    method: 'GET',
    path: '/version',
    role: 'viewer',
    data: versionAnswer,
    handle: async ({ info }) => ({ json: info() }),
  }),
  deviceRoute({
    name: 'streamStatus',
    summary: 'Health, cameras and main figures as they change, and at every interval (server-sent events)',
    description:
      'Each message is a StatusMessage. A message comes at once when privacy, the state or the fault of a camera changes, and when an event ' +
      'is stored. The stream ends when the admin key is revoked and when the service stops.',
    method: 'GET',
    path: '/status/stream',
    role: 'viewer',
    query: z.strictObject({ everyMs: wholeNumberText(1_000, 60_000, 5_000) }),
    media: [SSE_TYPE],
    refusals: ['SERVER_BUSY'],
    handle: async (services, { query: { everyMs: intervalMs }, actor, isAllowed, gone }) => {
      const stream = services.feeds.open(createStatusSource(services), { actor, isAllowed, intervalMs });
      if (gone.aborted) stream.destroy();
      return { stream, contentType: SSE_TYPE };
    },
  }),
  deviceRoute({
    name: 'showHistory',
    summary: 'Rates and latency of the last hour or day',
    description:
      'An hour has steps of 10 seconds, a day has steps of 5 minutes. The history is kept in memory and begins with the start of the service. ' +
      'requestMs and analysisMs are means of the step: from a request to its answer, and from the capture of a frame to the end of its ' +
      'analysis. matchMs is the mean time from the capture of the newest shot to the decision, of the matches of the step. delayMs, ' +
      'temperatureCelsius and loopLagMs are the highest values of the step.',
    method: 'GET',
    path: '/status/history',
    role: 'viewer',
    query: z.strictObject({ span: z.enum(HISTORY_SPANS).default('hour') }),
    data: historyAnswer,
    handle: async ({ history, clock }, { query: { span } }) => ({
      json: describeHistory(history(span), span, clock()),
    }),
  }),
  deviceRoute({
    name: 'showConfiguration',
    summary: 'The configuration in force, without secrets',
    description:
      'Passwords are no values of the configuration: it names their files. What a URL or a pipeline may carry as a secret (user, password, ' +
      'query) is masked.',
    method: 'GET',
    path: '/configuration',
    role: 'admin',
    data: configurationAnswer,
    handle: async ({ configuration }) => ({
      json: { configuration: maskSecrets(configuration()) as Record<string, unknown> },
    }),
  }),
];
