// Failing cameras on the network: a short form of `npm run faults -- streams`.
import { expect, it } from 'vitest';
import { runReconnects } from '../../tools/faults/reconnects.js';
import {
  createHttpStream,
  explainMissingHttpStream,
  explainMissingRtspServer,
  createRtspServer,
} from '../../tools/faults/stream-servers.js';
import { RECOVERY_LIMIT_MS, runStreams } from '../../tools/faults/streams.js';
import { freePort } from '../support/free-port.js';

const lacks = { rtsp: explainMissingRtspServer(), http: explainMissingHttpStream() };
for (const lack of Object.values(lacks)) if (lack !== undefined) console.warn(`skipped: ${lack}`);

it.skipIf(lacks.rtsp !== undefined && lacks.http !== undefined)(
  'streams over RTSP and HTTP that are killed, stalled, frozen and started again are declared and recover in time',
  async () => {
    const servers = [
      ...(lacks.rtsp === undefined ? [createRtspServer(await freePort())] : []),
      ...(lacks.http === undefined ? [createHttpStream(await freePort())] : []),
    ];
    const short = { cycles: 3, seed: 1, readTimeoutMs: 1_000, freezeMs: 1_000, awayMs: 500 };
    const tally = await runStreams(servers, short);
    expect(tally).toMatchObject({ problems: [], cycles: 3 * servers.length });
    expect(tally.kills + tally.stalls).toBeGreaterThanOrEqual(3 * servers.length);
    if (lacks.rtsp === undefined) expect(tally.quiets).toBe(3);
    expect(tally.recoveredMs.worst).toBeLessThan(RECOVERY_LIMIT_MS);
  },
);

it('connections that are lost leave no memory, thread or open file behind', async () => {
  expect(await runReconnects(100)).toMatchObject({ problems: [] });
});
