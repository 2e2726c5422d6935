// Kinds of stream by their times: clocks that jump or wrap, slow and fast streams, quiet scenes, frozen cameras.
import { makeClip, type ClipOrder } from '../support/streams/clips.js';
import type { StreamKind } from '../support/streams/kind.js';
import { MOMENTS } from '../support/streams/scene.js';
import { openRtsp, openSnapshot } from '../support/streams/stages.js';
import { freezeAt, play, restamp, type Unit } from '../support/streams/timeline.js';
import { BOTH, USUAL, USUAL_JPEG } from './codecs.js';

const HOUR_MS = 3_600_000;
const FROZEN_MS = 11_000;
/** Ticks of RTP after which a time stamp is 0 again. */
const STAMPS = 2 ** 32;

const usual = async (): Promise<Unit[]> => play(await makeClip(USUAL));
/** The scene with a key frame between the two people. The second one stays twice as long: a stream that lives again is trusted after 2 s. */
const inTwoParts = async (): Promise<Unit[]> =>
  play(
    await makeClip({ ...USUAL, toMs: MOMENTS.between }),
    await makeClip({ ...USUAL, fromMs: MOMENTS.between, toMs: MOMENTS.end, slower: 2 }),
  );
const ofAlice = { fromMs: 600, toMs: MOMENTS.between } as const;

/** A stream whose clock jumps while nobody is there. */
const jump = (name: string, about: string, byMs: number, isShort = false): StreamKind => ({
  name,
  about,
  isShort,
  open: async () => openRtsp(restamp(await usual(), MOMENTS.between, (stampMs) => stampMs + byMs)),
  expected: { events: BOTH, notices: [{ what: 'picture', fromMs: MOMENTS.between, withinMs: 1_000 }] },
});

const slow: ClipOrder = { ...USUAL, ...ofAlice, fps: 0.2, slower: 10, keyEveryMs: 10_000 };

export const times: readonly StreamKind[] = [
  jump('clock-forward', 'the time stamps jump forward by an hour', HOUR_MS),
  jump('clock-back', 'the time stamps jump back by an hour', -HOUR_MS, true),
  {
    name: 'stamp-wrap',
    about: 'the time stamps of RTP wrap after 2 s',
    open: async () => openRtsp(await usual(), { firstStamp: STAMPS - 2 * 90_000 }),
    expected: { events: BOTH },
  },
  {
    name: 'fps-60',
    about: '60 frames per second',
    open: async () => openRtsp(play(await makeClip({ ...USUAL, fps: 60, filters: ['noise=alls=4:allf=t'] }))),
    expected: { events: BOTH },
  },
  {
    name: 'fps-1',
    about: 'one frame per second; each person stays for 7 s',
    open: async () => openRtsp(play(await makeClip({ ...USUAL, fps: 1, slower: 3, keyEveryMs: 3_000 }))),
    expected: { events: BOTH, maxAgeMs: 2_000 },
  },
  {
    name: 'fps-0.2',
    about: 'one frame in 5 s; a person stays for 23 s',
    camera: { maxFps: 0.2, readTimeoutMs: 15_000, openTimeoutMs: 30_000 },
    open: async () => openRtsp(play(await makeClip(slow))),
    expected: { events: ['match alice'], maxAgeMs: 6_000, minDelivered: 0.3 },
  },
  {
    name: 'quiet',
    about: 'a scene without noise or movement for 45 s, then a person',
    open: async () => openRtsp(play(await makeClip({ ...USUAL, ...ofAlice, fps: 10, heldMs: 45_000 }))),
    expected: { events: ['match alice'], minDelivered: 0, healthNever: /frozen/ },
  },
  {
    name: 'frozen',
    about: 'the same picture again and again for 11 s, with time stamps that go on',
    open: async () => openRtsp(freezeAt(await inTwoParts(), MOMENTS.between, FROZEN_MS)),
    expected: {
      events: BOTH,
      minDelivered: 0.2,
      notices: [{ what: 'fault', fromMs: MOMENTS.between, withinMs: 10_000 }],
    },
  },
  {
    name: 'frozen-stamps',
    about: 'the same picture again and again for 11 s, with time stamps that stand still',
    open: async () => openRtsp(freezeAt(await inTwoParts(), MOMENTS.between, FROZEN_MS, false)),
    expected: {
      events: BOTH,
      minDelivered: 0.2,
      notices: [{ what: 'fault', fromMs: MOMENTS.between, withinMs: 10_000 }],
    },
  },
  {
    name: 'snapshot',
    about: 'a camera that has only the URL of one JPEG, which is asked for five times a second',
    isShort: true,
    open: async () => openSnapshot(play(await makeClip(USUAL_JPEG)), { type: 'snapshot', everyMs: 200 }),
    expected: { events: BOTH },
  },
  {
    name: 'snapshot-as-stream',
    about: 'the URL of one JPEG as the URL of a stream: the health names the other type of source',
    open: async () => openSnapshot(play(await makeClip(USUAL_JPEG)), {}),
    expected: { events: [], minDelivered: 0, maxAgeMs: 10_000, healthSays: /snapshot/ },
  },
];
