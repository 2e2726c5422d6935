// Routes about the device itself: its signing key, its health, its version.
import { healthAnswer, signingKeyAnswer, versionAnswer } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';

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
];
