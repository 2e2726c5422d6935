// Routes about the device itself: its signing key, its health, its version, its configuration and its keys.
import { z } from 'zod';
import type { RegisteredKey } from '../../keys/key-registry.js';
import { maskSecrets } from '../../config/mask-secrets.js';
import { wholeNumberText } from '../core/parameters.js';
import { configurationAnswer, healthAnswer, keyListAnswer, signingKeyAnswer, versionAnswer } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';
import { SSE_TYPE } from './sse.js';
import { createStatusSource } from './status-feed.js';

export const aboutRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'showSigningKey',
    summary: 'The public key that checks the signatures of events',
    method: 'GET',
    path: '/signing-key',
    open: true,
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
    data: versionAnswer,
    handle: async ({ info }) => ({ json: info() }),
  }),
  deviceRoute({
    name: 'streamStatus',
    summary: 'Health, cameras and main figures at every interval (server-sent events)',
    description:
      'Each message is a StatusMessage. The stream ends when the admin key is revoked and when the service stops.',
    method: 'GET',
    path: '/status/stream',
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
    name: 'showConfiguration',
    summary: 'The configuration in force, without secrets',
    description:
      'Passwords are no values of the configuration: it names their files. What a URL or a pipeline may carry as a secret (user, password, ' +
      'query) is masked.',
    method: 'GET',
    path: '/configuration',
    data: configurationAnswer,
    handle: async ({ configuration }) => ({
      json: { configuration: maskSecrets(configuration()) as Record<string, unknown> },
    }),
  }),
  deviceRoute({
    name: 'listKeys',
    summary: 'The appKeys and the admin keys by name, never a key itself',
    method: 'GET',
    path: '/keys',
    data: keyListAnswer,
    handle: async ({ listKeys }) => {
      const { app, admin } = listKeys();
      const describe =
        (kind: 'app' | 'admin') =>
        ({ name, fingerprint, createdAt, revokedAt }: RegisteredKey) => {
          return { kind, name, fingerprint, createdAt, ...(revokedAt !== undefined && { revokedAt }) };
        };
      return { json: { keys: [...app.map(describe('app')), ...admin.map(describe('admin'))] } };
    },
  }),
];
