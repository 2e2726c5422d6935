// The challenge at a door: who turns the head as asked is matched, and nobody else; with scripted tracks, one for each outcome.
import { describe, expect, test } from 'vitest';
import type { HeadSide } from '../../src/domain/challenge.js';
import type { TrustGuard } from '../../src/domain/trust.js';
import type { RecogniserParts } from '../../src/recognition/recogniser.js';
import { openDoor, type SceneFace } from './door.js';

const anna = 1;
const ben = 2;
/** Frame at which three shots agree on a person, and the challenge is issued. */
const ASKED = 2;

const ahead: SceneFace = { person: anna, x: 320, liveness: 5, across: 0 };

/** A head in space that is turned by 25 degrees to a side as the person sees it; the left side is on the right of the picture. */
function turned(side: HeadSide, more: Partial<SceneFace> = {}): SceneFace {
  const sign = side === 'left' ? 1 : -1;
  return { ...ahead, yaw: 25 * sign, across: 0.5 * sign, ...more };
}

async function openChallengingDoor(keys: object = {}, parts: Partial<RecogniserParts> = {}) {
  const door = await openDoor({ keys: { liveness: 'challenge', ...keys }, parts });
  await door.enrol(anna, 'anna');
  await door.enrol(ben, 'ben');
  /** Like `door.play`, with faces that sway a little: nobody alive stands quite still. */
  const play: typeof door.play = (durationMs, scene) =>
    door.play(durationMs, (n, atMs) => scene(n, atMs).map((one) => ({ ...one, x: one.x + 3 * (n % 4) })));
  return { ...door, play };
}

/** The frame in which a head is on its way to where it is turned in the next one. */
function onWay(to: SceneFace): SceneFace {
  return { ...to, yaw: (to.yaw ?? 0) * 0.4, across: (to.across ?? 0) * 0.4 };
}

/** A head that turns from the first frame on. @param n number of the frame */
function turning(side: HeadSide, n: number, more: Partial<SceneFace> = {}): SceneFace {
  const to = turned(side, more);
  return n === 0 ? onWay(to) : to;
}

/** Plays a person who looks ahead until they are asked, and half a second longer; then what they do, each turn within two frames. */
function afterAsked(answer: (sinceMs: number) => SceneFace) {
  return (n: number): SceneFace[] => {
    const sinceMs = (n - ASKED - 6) * 100;
    if (sinceMs < 0) return [ahead];
    const before = sinceMs === 0 ? ahead : answer(sinceMs - 100);
    const now = answer(sinceMs);
    return [before.yaw === now.yaw ? now : onWay(now)];
  };
}

describe('a person who is recognised', () => {
  test.each(['left', 'right'] as const)('is matched after turning the head to the side asked for: %s', async (side) => {
    const door = await openChallengingDoor({}, { chooseSide: () => side });
    await door.play(
      2_000,
      afterAsked(() => turned(side)),
    );
    expect(door.events.published).toEqual(['match anna']);
    expect(door.events.first.liveness).toMatchObject({ mode: 'challenge', verdict: 'live' });
    expect(door.challenges.published).toEqual([`open ${side}`, `passed ${side}`]);
    // The event shows what was seen last, so that it is not half expired.
    expect(door.sinceStart(door.events.first.capturedAt)).toBeGreaterThanOrEqual(800);
    expect(door.recogniser.stats()).toMatchObject({ challenges: 1, challengesPassed: 1, challengesFailed: 0 });
  });

  test('is told side and time, and has no event before the answer', async () => {
    const door = await openChallengingDoor();
    await door.play(1_000, () => [ahead]);
    expect(door.events.all).toEqual([]);
    const issuedAtMs = door.timers.nowMs - 800;
    const challenge = { cameraId: 'front', trackId: 1, side: 'left', issuedAtMs, expiresAtMs: issuedAtMs + 3_000 };
    expect(door.challenges.all).toEqual([{ ...challenge, state: 'open' }]);
    expect(door.recogniser.openChallenges()).toEqual([{ ...challenge, state: 'open' }]);
    await door.play(500, (n) => [turning('left', n)]);
    expect(door.recogniser.openChallenges()).toEqual([]);
  });

  test('who looks through a mirrored picture turns to the other side of it', async () => {
    const door = await openChallengingDoor({ flip: 'horizontal' });
    await door.play(
      2_000,
      afterAsked(() => turned('right')),
    );
    expect(door.events.published).toEqual(['match anna']);
    expect(door.challenges.published).toEqual(['open left', 'passed left']);
  });

  test('is asked only when they look ahead', async () => {
    const door = await openChallengingDoor();
    await door.play(1_000, () => [turned('left')]);
    expect(door.challenges.all).toEqual([]);
    await door.play(500, () => [ahead]);
    expect(door.challenges.published).toEqual(['open left']);
  });

  test('is not asked again where the match would have no event', async () => {
    const door = await openChallengingDoor({ coolDownMs: 60_000 });
    await door.play(
      1_500,
      afterAsked(() => turned('left')),
    );
    await door.play(5_000, () => []);
    await door.play(1_000, () => [ahead]);
    expect(door.events.published).toEqual(['match anna']);
    expect(door.challenges.published).toEqual(['open left', 'passed left']);
  });

  test('waits for their liveness after the right answer', async () => {
    const door = await openChallengingDoor({ livenessThreshold: 0 });
    const mixed = (n: number): number => (n % 2 === 0 ? 5 : -5);
    await door.play(4_000, (n) => [
      n > 8 ? turning('left', n - 9, { liveness: mixed(n) }) : { ...ahead, liveness: mixed(n) },
    ]);
    expect(door.events.reasons).toEqual(['uncertain liveness-unsure']);
    expect(door.challenges.published).toEqual(['open left', 'passed left']);
  });

  test('does not delay anybody else at the door', async () => {
    const door = await openChallengingDoor();
    const stranger = { ...ahead, person: 3, x: 100 };
    await door.play(1_500, (n) => [ahead, ...(n >= 4 ? [stranger] : [])]);
    expect(door.events.published).toEqual(['unknown']);
    expect(door.challenges.published).toEqual(['open left']);
    await door.play(500, (n) => [turning('left', n), stranger]);
    expect(door.events.published).toEqual(['unknown', 'match anna']);
  });
});

describe('nobody is matched', () => {
  const outcomes: { name: string; answer: (sinceMs: number) => SceneFace; jumps?: boolean; later?: string[] }[] = [
    { name: 'who turns to the wrong side', answer: () => turned('right') },
    { name: 'who looks at both sides, the wrong one first', answer: (ms) => turned(ms < 500 ? 'right' : 'left') },
    { name: 'who does not turn in time', answer: (ms) => (ms < 2_600 ? ahead : turned('left')) },
    { name: 'who turns too little', answer: () => turned('left', { yaw: 14 }) },
    { name: 'whose nose stays where it is, as on a flat sheet', answer: () => turned('left', { across: 0.17 }) },
    { name: 'whose picture is replaced by one of the turned face', answer: () => turned('left'), jumps: true },
    { name: 'whose turned face agrees with nobody', answer: () => turned('left', { likeness: 0.44 }) },
    { name: 'whose turned face is that of somebody else', answer: () => turned('left', { person: ben }) },
    {
      name: 'whose liveness becomes that of a print',
      answer: () => ({ ...ahead, liveness: -9 }),
      later: ['spoof not-alive'],
    },
  ];
  test.each(outcomes)('$name', async ({ answer, jumps = false, later = [] }) => {
    const door = await openChallengingDoor();
    await door.play(3_800, jumps ? (n) => [n <= ASKED + 5 ? ahead : answer(0)] : afterAsked(answer));
    expect(door.events.reasons).toEqual(['uncertain challenge-failed', ...later]);
    expect(door.events.first.externalImageId).toBeUndefined();
    expect(door.challenges.published).toEqual(['open left', 'failed left']);
    expect(door.recogniser.stats()).toMatchObject({ challenges: 1, challengesPassed: 0, challengesFailed: 1 });
  });

  test('who leaves before the answer', async () => {
    const door = await openChallengingDoor();
    await door.play(3_000, (n) => (n <= 8 ? [ahead] : []));
    expect(door.events.reasons).toEqual(['uncertain challenge-failed']);
    expect(door.challenges.published).toEqual(['open left', 'failed left']);
  });

  test('when the camera sends no more frames', async () => {
    const door = await openChallengingDoor();
    await door.play(800, () => [ahead]);
    await door.timers.advance(1_500);
    expect(door.events.reasons).toEqual(['uncertain challenge-failed']);
    expect(door.challenges.published).toEqual(['open left', 'failed left']);
  });

  test('whose place was taken by somebody who turns their own head', async () => {
    const door = await openChallengingDoor();
    // Ben stands where Anna stood, half a second later.
    await door.play(4_000, (n) => (n <= 8 ? [ahead] : n <= 13 ? [] : [turned('left', { person: ben })]));
    expect(door.events.published).not.toContain('match anna');
    expect(door.events.published).not.toContain('match ben');
  });

  test('who has more time because the clock is set back', async () => {
    let monotonicMs = 0;
    const door = await openChallengingDoor({}, { monotonic: () => monotonicMs });
    let capturedAtMs = door.timers.nowMs;
    for (let n = 0; n < 30; n++) {
      await door.show([n < 10 ? ahead : turned('left')], capturedAtMs);
      monotonicMs += n === 5 ? 3_000 : 100;
      capturedAtMs += n === 5 ? -60_000 : 100;
      await door.timers.advance(100);
    }
    expect(door.events.reasons).toEqual(['uncertain challenge-failed']);
  });

  test('while a print is held before the camera: it is a spoof, and nobody is asked', async () => {
    const door = await openChallengingDoor();
    await door.play(2_000, () => [{ ...ahead, liveness: -9 }]);
    expect(door.events.reasons).toEqual(['spoof not-alive']);
    expect(door.challenges.all).toEqual([]);
  });

  test('where there is no liveness model', async () => {
    const door = await openChallengingDoor();
    door.vision.hasLiveness = false;
    const blind = await openDoor({ keys: { liveness: 'challenge' }, parts: { vision: door.vision } });
    await blind.enrol(anna, 'anna');
    await blind.play(1_000, () => [ahead]);
    expect(blind.events.reasons).toEqual(['uncertain liveness-missing']);
    expect(blind.challenges.all).toEqual([]);
    expect(blind.recogniser.health().status).toBe('degraded');
  });

  test('while the clock is wrong: the challenge is withdrawn', async () => {
    let isWrong = false;
    const trust: TrustGuard = { problem: () => (isWrong ? 'it was set back' : undefined) };
    const door = await openChallengingDoor({}, { trust });
    await door.play(600, () => [ahead]);
    isWrong = true;
    await door.play(600, () => [turned('left')]);
    expect(door.events.reasons).toEqual(['uncertain clock-wrong']);
    expect(door.challenges.published).toEqual(['open left', 'withdrawn left']);
  });

  test('when the camera is paused: the challenge is withdrawn without an event', async () => {
    const door = await openChallengingDoor();
    await door.play(600, () => [ahead]);
    door.recogniser.forgetAll();
    expect(door.events.all).toEqual([]);
    expect(door.challenges.published).toEqual(['open left', 'withdrawn left']);
    expect(door.recogniser.openChallenges()).toEqual([]);
  });
});

describe('after a failed challenge', () => {
  test('the person is asked again two seconds later, and can be matched', async () => {
    const door = await openChallengingDoor();
    let turns = 0;
    await door.play(9_000, () => {
      const asked = door.challenges.all.filter(({ state }) => state === 'open').length;
      return [asked >= 2 ? turning('left', turns++) : ahead];
    });
    expect(door.challenges.published).toEqual(['open left', 'failed left', 'open left', 'passed left']);
    expect(door.events.reasons).toEqual(['uncertain challenge-failed', 'match agreed']);
    const [first, , second] = door.challenges.all;
    expect(second!.issuedAtMs - first!.expiresAtMs).toBeGreaterThanOrEqual(2_000);
    expect(second!.issuedAtMs - first!.expiresAtMs).toBeLessThan(3_500);
  });

  test('a track has three challenges, and no further one', async () => {
    const door = await openChallengingDoor();
    await door.play(60_000, () => [ahead]);
    expect(door.challenges.published.filter((one) => one === 'open left')).toHaveLength(3);
    expect(door.events.reasons).toEqual(['uncertain challenge-failed']);
  });

  test('the next one is later and later, for the same person on other tracks as well, and for nobody else', async () => {
    const door = await openChallengingDoor({ absenceMs: 500 });
    // One who comes and goes: three seconds there, one away.
    await door.play(120_000, (n) => (n % 40 < 30 ? [ahead] : []));
    const times = door.challenges.all.filter(({ state }) => state === 'open').map(({ issuedAtMs }) => issuedAtMs);
    const pauses = times.slice(1).map((time, i) => time - times[i]!);
    expect(times.length).toBeLessThanOrEqual(8);
    expect(Math.max(...pauses)).toBeGreaterThanOrEqual(30_000);
    await door.play(1_000, () => [{ ...ahead, person: ben }]);
    expect(door.challenges.all.at(-1)!.state).toBe('open');
    await door.play(500, (n) => [turning('left', n, { person: ben })]);
    expect(door.events.published.at(-1)).toBe('match ben');
  });
});
