// Kinds of stream by what the network and the camera do to it: lost packets, stalls, restarts, passwords, other clients.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { pause } from '../../src/platform/waiting.js';
import { makeClip } from '../support/streams/clips.js';
import { DatagramPath, type DatagramPathOptions } from '../support/streams/datagram-path.js';
import type { Expected, StreamKind } from '../support/streams/kind.js';
import { RtspServer } from '../support/streams/rtsp-server.js';
import { MOMENTS } from '../support/streams/scene.js';
import { openRtsp } from '../support/streams/stages.js';
import { holdBack, pauseAt, play, type Unit } from '../support/streams/timeline.js';
import { BOTH, USUAL } from './codecs.js';

const UDP = { source: { transport: 'udp' } };
const STALL_MS = 3_000;
const AWAY_MS = 1_000;
const PICTURE_MS = 1_000 / USUAL.fps;
const SECOND_CLIENT_MS = 1_000;

const overUdp = (
  name: string,
  about: string,
  path: DatagramPathOptions,
  more: { expected?: Partial<Expected>; isShort?: boolean } = {},
): StreamKind => ({
  name,
  about,
  isShort: more.isShort ?? false,
  open: async () => {
    const units = play(await makeClip(USUAL));
    return openRtsp(units, { ...UDP, createPath: () => new DatagramPath(path) });
  },
  expected: { events: BOTH, ...more.expected },
});

const usual = async (): Promise<Unit[]> => play(await makeClip(USUAL));

/** Turns bytes in the middle of every twelfth picture that is no key frame. */
function damage(units: readonly Unit[]): Unit[] {
  return units.map((unit, index) => {
    if (unit.isKey || index % 12 !== 5) return unit;
    const data = Buffer.from(unit.data);
    for (let at = data.length >> 1; at < (data.length >> 1) + 12 && at < data.length; at++) data[at]! ^= 0x5a;
    return { ...unit, data };
  });
}

/** Kills a camera at a moment of its timeline, and starts another one on the same port, whose timeline is the same. */
async function restart(server: RtspServer, again: RtspServer, atMs: number, signal: AbortSignal): Promise<void> {
  const { port } = server;
  const startedAtMs = await waitForStart(server, signal);
  if (startedAtMs === undefined) return;
  await pause(startedAtMs + atMs - Date.now(), signal);
  await server.stop();
  await pause(startedAtMs + atMs + AWAY_MS - Date.now(), signal);
  again.startedAtMs = startedAtMs;
  if (!signal.aborted) await again.start(port);
}

/** Plays the stream a second time, with ffmpeg, and counts the pictures. */
async function playTwice(server: RtspServer, url: string, second: SecondClient): Promise<void> {
  const { signal } = second.stopped;
  if ((await waitForStart(server, signal)) === undefined) return;
  await pause(SECOND_CLIENT_MS, signal);
  const options = ['-v', 'error', '-rtsp_transport', 'tcp', '-i', url, '-f', 'framecrc', '-'];
  const child = spawn('ffmpeg', options, { stdio: ['ignore', 'pipe', 'ignore'], signal });
  child.once('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => (second.pictures += line.startsWith('#') ? 0 : 1));
}

async function waitForStart(server: RtspServer, signal: AbortSignal): Promise<number | undefined> {
  while (server.startedAtMs === undefined && !signal.aborted) await pause(20, signal);
  return server.startedAtMs;
}

interface SecondClient {
  pictures: number;
  stopped: AbortController;
}

export const network: readonly StreamKind[] = [
  overUdp('udp', 'RTP over UDP, nothing is lost', {}),
  overUdp(
    'udp-loss',
    'one datagram of 100 is lost',
    { lost: 0.01 },
    { isShort: true, expected: { minDelivered: 0.25, maxBroken: 0.05 } },
  ),
  overUdp(
    'udp-heavy-loss',
    'one datagram of 20 is lost',
    { lost: 0.05 },
    {
      expected: { minDelivered: 0.1, maxBroken: 0.1 },
    },
  ),
  overUdp('udp-reordered', 'one datagram of 20 comes late', { reordered: 0.05 }),
  overUdp('udp-repeated', 'one datagram of 100 comes twice', { repeated: 0.01 }, { expected: { minDelivered: 0.25 } }),
  {
    name: 'damaged',
    about: 'damaged data in every twelfth picture',
    open: async () => openRtsp(damage(await usual())),
    expected: { events: BOTH, minDelivered: 0.25, maxBroken: 0.05 },
  },
  {
    name: 'stall',
    about: 'no packets for 3 s, then the stream goes on live',
    open: async () => openRtsp(pauseAt(await usual(), MOMENTS.between, STALL_MS)),
    expected: {
      events: BOTH,
      minDelivered: 0.3,
      // The last picture before the stall comes out of the decoder after it: late, and declared as such for a second.
      notices: [{ what: 'picture', fromMs: MOMENTS.between + STALL_MS, withinMs: 1_500 }],
    },
  },
  {
    name: 'stall-burst',
    about: 'the pictures of a person who came and left arrive 3 s late, all at once',
    isShort: true,
    open: async () => openRtsp(holdBack(await usual(), MOMENTS.between - STALL_MS, MOMENTS.between)),
    expected: {
      events: ['match bob'],
      minDelivered: 0.3,
      notices: [{ what: 'picture', fromMs: MOMENTS.between, withinMs: 1_500 }],
    },
  },
  {
    name: 'restart',
    about: 'the camera is away for 1 s and comes back with H.265 in 640 x 360',
    isShort: true,
    open: async () => {
      const first = await makeClip({ ...USUAL, toMs: MOMENTS.between });
      const other = { ...USUAL, codec: 'h265', widthPx: 640, heightPx: 360, fromMs: MOMENTS.between } as const;
      const units = pauseAt(play(first, await makeClip(other)), first.durationMs, AWAY_MS);
      const stopped = new AbortController();
      const again = new RtspServer({ units });
      const stage = await openRtsp(units, {
        onStart: (server) => void restart(server, again, first.durationMs, stopped.signal),
      });
      const stop = async (): Promise<void> => {
        stopped.abort();
        await Promise.all([stage.stop(), again.stop()]);
      };
      return { ...stage, stop };
    },
    expected: {
      events: BOTH,
      minDelivered: 0.3,
      notices: [
        { what: 'lost', fromMs: MOMENTS.between, withinMs: 1_000 },
        { what: 'picture', fromMs: MOMENTS.between + AWAY_MS, withinMs: 3_000 },
      ],
    },
  },
  {
    name: 'end',
    about: 'the stream ends, and its connection is closed',
    isShort: true,
    open: async () => {
      const units = play(await makeClip({ ...USUAL, toMs: MOMENTS.between }));
      const stage = await openRtsp(units, { endsAtEnd: true });
      return { ...stage, durationMs: stage.durationMs + 1_000 };
    },
    expected: {
      events: ['match alice'],
      minDelivered: 0.3,
      notices: [{ what: 'lost', fromMs: MOMENTS.between - PICTURE_MS, withinMs: 1_000 }],
    },
  },
  {
    name: 'silence',
    about: 'the stream ends, and its connection stays open',
    open: async () => {
      const stage = await openRtsp(play(await makeClip({ ...USUAL, toMs: MOMENTS.between })));
      return { ...stage, durationMs: stage.durationMs + 5_000 };
    },
    expected: {
      events: ['match alice'],
      minDelivered: 0.2,
      notices: [{ what: 'lost', fromMs: MOMENTS.between, withinMs: 5_500 }],
    },
  },
  {
    name: 'password',
    about: 'a password, asked for by Digest',
    open: async () =>
      openRtsp(await usual(), {
        user: { name: 'door', password: 'p@ss:w/rd#1%2', scheme: 'digest' },
        source: { username: 'door' },
        password: 'p@ss:w/rd#1%2',
      }),
    expected: { events: BOTH },
  },
  {
    name: 'wrong-password',
    about: 'a wrong password: the health says so, and the camera is not asked without end',
    isShort: true,
    open: async () => {
      const stage = await openRtsp(await usual(), {
        user: { name: 'door', password: 'right', scheme: 'digest' },
        source: { username: 'door' },
        password: 'wrong',
        problems: ({ refusals }) => (refusals > 20 ? [`${refusals} requests in 6 s were refused`] : []),
      });
      // Its timeline never begins.
      const { source, password = '', fps, problems = () => [], stop } = stage;
      return { source, password, fps, problems, stop, durationMs: 5_000 };
    },
    expected: {
      events: [],
      minDelivered: 0,
      healthSays: /password/,
      notices: [{ what: 'lost', fromMs: 0, withinMs: 2_000 }],
    },
  },
  {
    name: 'two-clients',
    about: 'another client plays the same stream',
    open: async () => {
      const second: SecondClient = { pictures: 0, stopped: new AbortController() };
      const stage = await openRtsp(await usual(), {
        onStart: (server) => void playTwice(server, `rtsp://127.0.0.1:${server.port}/door`, second),
        problems: () => (second.pictures < 20 ? [`the other client got ${second.pictures} pictures`] : []),
      });
      const stop = async (): Promise<void> => {
        second.stopped.abort();
        await stage.stop();
      };
      return { ...stage, stop };
    },
    expected: { events: BOTH },
  },
  {
    name: 'slow-answer',
    about: 'the camera takes 3 s to describe its stream',
    open: async () => openRtsp(await usual(), { slowMs: 3_000 }),
    expected: { events: BOTH },
  },
  {
    name: 'long-gop',
    about: 'the client joins in the middle of 4 s between two key frames; a person is there until then',
    isShort: true,
    open: async () => openRtsp(play(await makeClip({ ...USUAL, keyEveryMs: 4_000 })), { joinAtMs: 1_600 }),
    expected: {
      events: ['match bob'],
      minDelivered: 0.2,
      notices: [{ what: 'picture', fromMs: 4_000, withinMs: 1_000 }],
    },
  },
  {
    name: 'audio-first',
    about: 'audio is the first track of the description',
    open: async () => openRtsp(await usual(), { audioFirst: true }),
    expected: { events: BOTH },
  },
  {
    name: 'audio-alone',
    about: 'audio plays for 2 s before the first picture',
    open: async () => openRtsp(await usual(), { audioFirst: true, audioAloneMs: 2_000 }),
    expected: { events: BOTH },
  },
];
