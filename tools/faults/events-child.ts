// A process that stores and publishes events: it emits an event for each message of its parent, until it is killed.
import { createPrivateKey } from 'node:crypto';
import { configSchema } from '../../src/config/schema.js';
import { silentLog } from '../../src/domain/log.js';
import { describeError } from '../../src/errors.js';
import { Events } from '../../src/events/events.js';
import { SealedStore } from '../../src/store/sealed-store.js';
import { masterKey } from '../../test/store/values.js';
import type { EmitAnswer, EmitRequest } from './events-rounds.js';

const [directory = '', url = '', signingKey = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const store = new SealedStore({ directory, masterKey, log: silentLog });
const events = new Events({
  config: configSchema.parse({ deviceId: 'gate', mqtt: { url } }),
  store,
  clock: Date.now,
  log: silentLog,
  signingKey: createPrivateKey(signingKey),
  cameras: [],
  timing: { backoffFirstMs: 20, backoffMaxMs: 200 },
});

process.on('message', ({ id, ttlMs }: EmitRequest) => {
  const nowMs = Date.now();
  const time = (atMs: number): string => new Date(atMs).toISOString();
  const draft = {
    type: 'match',
    cameraId: 'front',
    trackId: id,
    capturedAt: time(nowMs),
    decidedAt: time(nowMs),
    expiresAt: time(nowMs + ttlMs),
    reason: 'agreed',
    groupId: 'door',
    similarity: 95,
    threshold: 90,
    bbox: { x0: 0.25, y0: 0.25, x1: 0.5, y1: 0.75 },
    quality: 0.8,
    modelVersion: 'test-1',
  } as const;
  events.emit(draft).then(
    ({ sequence, eventId }) => process.send?.({ id, sequence, eventId } satisfies EmitAnswer),
    (error: unknown) => process.send?.({ id, error: describeError(error) } satisfies EmitAnswer),
  );
});
process.on('disconnect', () => process.exit(1));
await store.start(signal);
await events.start();
process.send?.({ id: 0 } satisfies EmitAnswer);
