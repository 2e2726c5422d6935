// The capture loop with fake hardware and manual time: states, back-off, pace, limits and faults.
import { describe, expect, onTestFinished, test } from 'vitest';
import { BACK_OFF_MS } from '../../src/camera/camera.js';
import { AppError } from '../../src/errors.js';
import { held, live, setUp } from './camera-setup.js';
import { settle } from './manual-timers.js';
import { present } from '../support/present.js';

const stream = { type: 'url', url: 'rtsp://127.0.0.1/door' };
const fastFile = { type: 'file', path: 'clip.mjpeg', realTime: false };

describe('the states of a camera', () => {
  test('from opening to running with the first frame, and to stopped', async () => {
    const { camera, addon, shoot, log } = setUp();
    expect(camera.status).toBe('stopped');
    expect(camera.health().status).toBe('failed');
    await camera.start(live);
    expect(camera.status).toBe('opening');
    expect(camera.health()).toEqual({ status: 'degraded', detail: 'the camera is being opened' });
    await shoot();
    expect(camera.status).toBe('running');
    expect(camera.health()).toEqual({ status: 'ok' });
    await camera.stop();
    expect(camera.status).toBe('stopped');
    expect(addon.openCount).toBe(0);
    expect(log.messages).toEqual(['the camera is running']);
  });

  test('a second start opens nothing more, and an aborted start opens nothing', async () => {
    const { camera, addon } = setUp();
    await expect(camera.start(AbortSignal.abort())).rejects.toThrow();
    expect(addon.captures).toHaveLength(0);
    await camera.start(live);
    await camera.start(live);
    expect(addon.captures).toHaveLength(1);
  });

  test('stop before start and twice is harmless, and a stopped camera can be started again', async () => {
    const { camera, addon, shoot } = setUp();
    await camera.stop();
    await camera.start(live);
    await Promise.all([camera.stop(), camera.stop()]);
    await camera.start(live);
    await shoot();
    expect(camera.status).toBe('running');
    expect(addon.captures.map((capture) => capture.isClosed)).toEqual([true, false]);
  });

  test('a start while it is stopping waits for the source to be closed', async () => {
    const { camera, addon, shoot } = setUp();
    const closing = held();
    const close = addon.closeCapture.bind(addon);
    addon.closeCapture = (handle) => closing.promise.then(() => close(handle));
    await camera.start(live);
    await shoot();
    const stopped = camera.stop();
    const started = camera.start(live);
    await settle();
    expect(addon.captures).toHaveLength(1);
    closing.release();
    await Promise.all([stopped, started]);
    expect(addon.captures.map((capture) => capture.isClosed)).toEqual([true, false]);
    expect(camera.status).toBe('opening');
  });

  test('a frame that was being analysed when the camera stopped is not delivered', async () => {
    const { camera, vision, shoot, frames } = setUp();
    const analysis = held();
    vision.script = () => analysis.promise;
    await camera.start(live);
    await shoot();
    const stopped = camera.stop();
    analysis.release();
    await stopped;
    expect(frames).toEqual([]);
  });

  test('stopping waits for an analysis that is under way, but not with closing the source', async () => {
    const { camera, addon, vision, shoot } = setUp();
    const analysis = held();
    vision.script = () => analysis.promise;
    await camera.start(live);
    await shoot();
    let isStopped = false;
    const stopped = camera.stop().then(() => (isStopped = true));
    await settle();
    expect([addon.openCount, isStopped]).toEqual([0, false]);
    analysis.release();
    await stopped;
  });

  test('changes that a closed capture still reports are ignored', async () => {
    const { camera, addon, timers, shoot } = setUp();
    await camera.start(live);
    const [first] = addon.captures;
    first?.fail('unplugged');
    await timers.advance(BACK_OFF_MS[0]);
    await shoot();
    first?.fail('unplugged again');
    await settle();
    expect(camera.status).toBe('running');
    expect(addon.captures).toHaveLength(2);
  });
});

describe('frames are searched around the faces in sight alone', () => {
  const known = [{ x0: 100, y0: 100, x1: 200, y1: 230 }];
  const withKnown = (knownBoxes = (): typeof known | undefined => known) => setUp({ maxFps: 10 }, { knownBoxes });
  /** Shoots frames every 100 ms. @returns the frames from the first one on: W was to be searched as a whole, a around the faces */
  const play = async ({ vision, shoot, timers }: ReturnType<typeof setUp>, frames: number): Promise<string> => {
    for (let n = 0; n < frames; n++) {
      await shoot();
      await timers.advance(100);
    }
    return vision.asked.map(({ search }) => (search ? 'a' : 'W')).join('');
  };

  test('between whole searches, of which there are three a second', async () => {
    const door = withKnown();
    await door.camera.start(live);
    expect(await play(door, 10)).toBe('WaaWaaWaaW');
    const size = { widthPx: 640, heightPx: 480, streamChanges: 0 };
    expect(door.vision.asked[1]?.search).toEqual({ around: known, ...size });
  });

  test('not while anything is in doubt', async () => {
    const door = withKnown(() => undefined);
    await door.camera.start(live);
    expect(await play(door, 6)).toBe('WWWWWW');
  });

  test('not where a frame was searched again because a face was missed, for eight frames', async () => {
    const door = withKnown();
    await door.camera.start(live);
    await play(door, 1);
    door.vision.searched = 'again';
    await play(door, 1);
    door.vision.searched = 'around';
    expect(await play(door, 9)).toBe('WaWWWWWWWWa');
  });

  test('not in the first frame of a source that was opened again', async () => {
    const door = withKnown();
    await door.camera.start(live);
    await play(door, 2);
    door.addon.last.fail('unplugged');
    await door.timers.advance(BACK_OFF_MS[0]);
    // The pace must be known again before a search is limited.
    expect(await play(door, 8)).toMatch(/^WaW+a+W/);
  });

  test('not before a whole search succeeded: one that failed found nobody', async () => {
    const door = withKnown();
    await door.camera.start(live);
    await play(door, 3);
    door.vision.script = () => {
      throw new Error('a broken model');
    };
    await play(door, 1);
    door.vision.script = () => undefined;
    expect(await play(door, 3)).toBe('WaaWWaa');
  });
});

describe('a source that is lost', () => {
  test('is opened again after stepped waits, and logged once', async () => {
    const { camera, addon, timers, log } = setUp();
    await camera.start(live);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt++) {
      addon.last.fail('no such device');
      await settle();
      expect(camera.status).toBe('lost');
      expect(addon.openCount).toBe(0);
      waits.push(present(timers.waitingMs[0]));
      await timers.advance(waits[attempt]! - 1);
      expect(addon.captures).toHaveLength(attempt + 1);
      await timers.advance(1);
      expect(addon.captures).toHaveLength(attempt + 2);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 3_000, 3_000, 3_000, 3_000]);
    expect(camera.stats().losses).toBe(7);
    expect(log.lines).toEqual([
      { level: 'warn', message: 'the camera is lost', fields: { cameraId: 'front', reason: 'no such device' } },
    ]);
  });

  test('stays declared while it is being opened again, until its first frame', async () => {
    const { camera, addon, timers, shoot, log } = setUp();
    await camera.start(live);
    addon.last.fail('no such device');
    await timers.advance(BACK_OFF_MS[0]);
    expect(camera.status).toBe('opening');
    expect(camera.health()).toEqual({ status: 'failed', detail: 'the camera is lost: no such device' });
    await shoot();
    expect(camera.health()).toEqual({ status: 'ok' });
    expect(log.messages).toEqual(['the camera is lost', 'the camera is running']);
  });

  test('starts the waits from the beginning after it ran for a while, and not when it flaps', async () => {
    const { camera, addon, timers, shoot } = setUp();
    await camera.start(live);
    for (const { ranMs, nextWaitMs } of [
      { ranMs: 100, nextWaitMs: 500 },
      { ranMs: 100, nextWaitMs: 1_000 },
      { ranMs: 9_000, nextWaitMs: 2_000 },
      { ranMs: 10_000, nextWaitMs: 500 },
      { ranMs: 100, nextWaitMs: 1_000 },
    ]) {
      await shoot();
      await timers.advance(ranMs);
      addon.last.fail('gone');
      await settle();
      expect(timers.waitingMs).toEqual([nextWaitMs]);
      await timers.advance(nextWaitMs);
    }
  });

  test('an addon that throws on opening is a loss like any other', async () => {
    const { camera, addon, timers } = setUp();
    addon.refusal = new Error('out of threads');
    await camera.start(live);
    await settle();
    expect(camera.health()).toEqual({ status: 'failed', detail: 'the camera is lost: out of threads' });
    addon.refusal = undefined;
    await timers.advance(BACK_OFF_MS[0]);
    expect(camera.status).toBe('opening');
  });

  test('stopping while it waits ends the wait at once', async () => {
    const { camera, addon, timers } = setUp();
    await camera.start(live);
    addon.last.fail('gone');
    await settle();
    await camera.stop();
    expect(timers.waitingMs).toEqual([]);
    await timers.advance(60_000);
    expect(addon.captures).toHaveLength(1);
  });

  test('an attempt that failed slowly was a part of the wait', async () => {
    const { camera, addon, timers } = setUp();
    await camera.start(live);
    const waits: number[] = [];
    for (const openingMs of [10_000, 300, 10_000, 3_000, 0]) {
      await timers.advance(openingMs);
      addon.last.fail('it could not be opened');
      await settle();
      waits.push(present(timers.waitingMs[0]));
      await timers.advance(present(waits[waits.length - 1]));
    }
    expect(waits).toEqual([500, 700, 500, 500, 3_000]);
  });

  test('is declared and opened again while an analysis hangs, which comes to nothing', async () => {
    const { camera, addon, vision, timers, shoot, frames } = setUp();
    const analysis = held();
    vision.script = (number) => (number === 1 ? analysis.promise : undefined);
    await camera.start(live);
    await shoot();
    addon.last.fail('unplugged');
    await settle();
    expect(camera.health()).toEqual({ status: 'failed', detail: 'the camera is lost: unplugged' });
    await timers.advance(BACK_OFF_MS[0]);
    await shoot();
    expect(camera.status).toBe('running');
    // At most one analysis of a camera is under way, the hung one included.
    expect(vision.asked).toHaveLength(1);
    await timers.advance(10_000);
    expect(camera.health()).toEqual({ status: 'degraded', detail: 'the analysis of a frame hangs' });
    analysis.release();
    await settle();
    expect(camera.health()).toEqual({ status: 'ok' });
    expect(vision.asked.map(({ handle }) => handle)).toEqual([0, 1]);
    expect(frames).toHaveLength(1);
  });

  test('counts its frames and drops over all its captures', async () => {
    const { camera, addon, timers, shoot } = setUp();
    await camera.start(live);
    await shoot();
    await shoot();
    addon.last.state.dropped = 1;
    addon.last.fail('gone');
    await timers.advance(BACK_OFF_MS[0]);
    await shoot();
    expect(camera.stats()).toMatchObject({ frames: 3, dropped: 1, losses: 1, status: 'running' });
  });

  test.each([
    { source: stream, why: 'the stream ended' },
    { source: { type: 'device', path: '/dev/video0' }, why: 'the stream ended' },
    { source: { type: 'gstreamer', pipeline: 'videotestsrc ! appsink' }, why: 'the stream ended' },
  ])('the end of a $source.type source is a loss', async ({ source, why }) => {
    const { camera, addon, shoot } = setUp({ source });
    await camera.start(live);
    await shoot();
    addon.last.end();
    await settle();
    expect(camera.health()).toEqual({ status: 'failed', detail: `the camera is lost: ${why}` });
  });
});

describe('the secrets of a stream', () => {
  test('user and password go into the URL, escaped, and never into log and health', async () => {
    const { camera, addon, log } = setUp({ source: { ...stream, username: 'door user' } }, { password: 'p@ss/w%41rd' });
    await camera.start(live);
    const { source } = addon.last.options;
    expect(source).toEqual({
      type: 'url',
      url: 'rtsp://door%20user:p%40ss%2Fw%2541rd@127.0.0.1/door',
      transport: 'tcp',
    });
    addon.last.fail(`cannot open rtsp://door%20user:p%40ss%2Fw%2541rd@127.0.0.1/door: p@ss/w%41rd was refused`);
    await settle();
    const told = JSON.stringify([log.lines, camera.health()]);
    expect(told).toContain('cannot open rtsp://***@127.0.0.1/door: *** was refused');
    expect(told).not.toMatch(/ss\/w|ss%2Fw|door user|door%20user/);
  });
});

describe('what the addon is asked for', () => {
  test.each([
    {
      source: { type: 'device', path: '/dev/video2', widthPx: 1280, heightPx: 720, fps: 25 },
      asked: { source: { type: 'device', path: '/dev/video2' }, widthPx: 1280, heightPx: 720, fps: 25 },
    },
    {
      source: { type: 'gstreamer', pipeline: 'videotestsrc ! appsink' },
      asked: { source: { type: 'gstreamer', pipeline: 'videotestsrc ! appsink' }, widthPx: 0, heightPx: 0, fps: 0 },
    },
    { source: stream, asked: { source: { ...stream, transport: 'tcp' }, widthPx: 0, heightPx: 0, fps: 0 } },
    {
      source: { ...stream, transport: 'auto' },
      asked: { source: { ...stream, transport: 'auto' }, widthPx: 0, heightPx: 0, fps: 0 },
    },
    {
      source: { type: 'file', path: 'a.mp4', loop: true },
      asked: { source: { type: 'file', path: 'a.mp4', loop: true, realTime: true }, widthPx: 0, heightPx: 0, fps: 0 },
    },
  ])('for a $source.type source', async ({ source, asked }) => {
    const { camera, addon } = setUp({ source, openTimeoutMs: 3_000, readTimeoutMs: 1_000 });
    await camera.start(live);
    expect(addon.last.options).toEqual({
      ...asked,
      openTimeoutMs: 3_000,
      readTimeoutMs: 1_000,
      rotate: 0,
      flip: 'none',
    });
  });
});

describe('the pace of the analysis', () => {
  test('at most maxFps, always the newest frame, never one twice', async () => {
    const { camera, timers, shoot, numbers, vision } = setUp({ maxFps: 10, mask: false, minFacePx: 80 });
    await camera.start(live);
    for (let frame = 1; frame <= 30; frame++) {
      await shoot();
      await timers.advance(40);
    }
    expect(numbers()).toEqual([1, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30]);
    expect(vision.asked[1]).toEqual({ handle: 0, after: 1, mask: false, liveness: true, minFacePx: 80 });
    expect(camera.stats()).toMatchObject({ analysed: 13, lastFrameAtMs: timers.nowMs - 40 });
    expect(camera.stats().fps).toBeCloseTo(10, 5);
  });

  test('a clock that is set back by an hour does not stop it', async () => {
    const { camera, timers, shoot, numbers } = setUp({ maxFps: 10 });
    await camera.start(live);
    await shoot();
    await timers.advance(100);
    timers.nowMs -= 3_600_000;
    await shoot();
    expect(numbers()).toEqual([1, 2]);
  });

  test('one analysis at a time, also when frames come faster than they are analysed', async () => {
    const { camera, vision, timers, shoot, numbers } = setUp({ maxFps: 240 });
    let analysis = held();
    vision.script = () => analysis.promise;
    await camera.start(live);
    for (let round = 0; round < 3; round++) {
      for (let frame = 0; frame < 5; frame++) {
        await shoot();
        await timers.advance(20);
      }
      const done = analysis;
      analysis = held();
      done.release();
      await settle();
    }
    expect(vision.mostUnderWay).toBe(1);
    expect(numbers()).toEqual([5, 10, 15]);
    analysis.release();
  });

  test('while the listener works the next frame is analysed, and no further one', async () => {
    const { camera, vision, listener, shoot, numbers } = setUp({ source: fastFile });
    const work = held();
    listener.work = () => work.promise;
    await camera.start(live);
    for (let frame = 0; frame < 5; frame++) await shoot();
    expect(numbers()).toEqual([1]);
    expect(vision.asked).toHaveLength(2);
    listener.work = () => Promise.resolve();
    work.release();
    await settle();
    expect(numbers()).toEqual([1, 2, 5]);
  });

  test('a file that is not in real time has no pauses', async () => {
    const { camera, timers, shoot, numbers } = setUp({ source: fastFile, maxFps: 1 });
    await camera.start(live);
    for (let frame = 0; frame < 4; frame++) await shoot();
    expect(numbers()).toEqual([1, 2, 3, 4]);
    expect(timers.waitingMs).toEqual([]);
  });
});

describe('the end of a file', () => {
  test('its last frame is still analysed, then the file is closed and not opened again', async () => {
    const { camera, addon, timers, shoot, numbers, log } = setUp({ source: { type: 'file', path: 'clip.mjpeg' } });
    await camera.start(live);
    await shoot();
    await shoot();
    addon.last.end();
    await settle();
    expect(camera.status).toBe('running');
    await timers.advance(100);
    expect(numbers()).toEqual([1, 2]);
    expect(camera.status).toBe('ended');
    expect(camera.health()).toEqual({ status: 'degraded', detail: 'the file was played to its end' });
    await timers.advance(60_000);
    expect(addon.captures).toHaveLength(1);
    expect(addon.openCount).toBe(0);
    expect(log.messages).toEqual(['the camera is running', 'the file was played to its end']);
    expect(camera.stats()).toMatchObject({ frames: 2, analysed: 2 });
    await camera.stop();
    expect(camera.status).toBe('stopped');
  });

  test('a last frame that is gone does not hold it up', async () => {
    const { camera, addon, timers, shoot, numbers } = setUp({ source: { type: 'file', path: 'clip.mjpeg' } });
    await camera.start(live);
    await shoot();
    await shoot();
    addon.last.end();
    addon.captureFrame = () => undefined;
    await timers.advance(1_000);
    expect(camera.status).toBe('ended');
    expect(numbers()).toEqual([1]);
  });

  test('a file without a frame counts as broken, and is tried again', async () => {
    const { camera, addon, timers } = setUp({ source: fastFile });
    await camera.start(live);
    addon.last.end();
    await settle();
    expect(camera.health()).toEqual({ status: 'failed', detail: 'the camera is lost: the file has no frame to read' });
    expect(timers.waitingMs).toEqual([500]);
  });
});

describe('analyses that do not succeed', () => {
  const busy = () => {
    throw new AppError('SERVER_BUSY', 'the queue is full');
  };
  const broken = () => {
    throw new AppError('WORKER_FAILED', 'the worker ended');
  };

  test('a refused one is counted and tried again after a pause, on the newest frame', async () => {
    const { camera, vision, timers, shoot, numbers, log } = setUp({ source: fastFile });
    vision.script = (analysis) => (analysis <= 2 ? busy() : undefined);
    await camera.start(live);
    await shoot();
    expect(timers.waitingMs).toEqual([100]);
    await shoot();
    expect(vision.asked).toHaveLength(1);
    await timers.advance(100);
    expect(vision.asked).toHaveLength(2);
    await timers.advance(100);
    expect(numbers()).toEqual([2]);
    expect(camera.stats()).toMatchObject({ refused: 2, errors: 0, analysed: 1 });
    expect(camera.health()).toEqual({ status: 'ok' });
    expect(log.messages).toEqual(['the camera is running']);
  });

  test('refusals that last are declared, until one analysis succeeds', async () => {
    const { camera, vision, timers, shoot } = setUp({ maxFps: 10 });
    vision.script = busy;
    await camera.start(live);
    await shoot();
    await timers.advance(1_000);
    expect(camera.health()).toEqual({ status: 'degraded', detail: 'the vision queue is full' });
    vision.script = () => undefined;
    await timers.advance(100);
    expect(camera.health()).toEqual({ status: 'ok' });
  });

  test('a broken one is counted, its frame is not tried again, and the file goes on', async () => {
    const { camera, vision, addon, timers, shoot, numbers } = setUp({ source: fastFile });
    vision.script = (analysis) => (analysis === 1 ? broken() : undefined);
    await camera.start(live);
    await shoot();
    await timers.advance(1_000);
    expect(vision.asked).toHaveLength(1);
    await shoot();
    expect(numbers()).toEqual([2]);
    addon.last.end();
    await settle();
    expect(camera.status).toBe('ended');
    expect(camera.stats()).toMatchObject({ errors: 1, analysed: 1 });
  });

  test('breakage is declared and logged when it begins, and taken back when it is over for a while', async () => {
    const { camera, vision, timers, shoot, log } = setUp({ source: fastFile });
    vision.script = (analysis) => (analysis <= 5 ? broken() : undefined);
    await camera.start(live);
    for (let frame = 0; frame < 24; frame++) {
      await shoot();
      await timers.advance(100);
    }
    expect(camera.health()).toEqual({ status: 'degraded', detail: 'frames cannot be analysed: WORKER_FAILED' });
    await shoot();
    expect(camera.health()).toEqual({ status: 'ok' });
    expect(log.messages).toEqual([
      'the camera is running',
      'a frame could not be analysed',
      'frames are analysed again',
    ]);
  });

  test('a slow retry never exceeds maxFps', async () => {
    const { camera, vision, timers, shoot } = setUp({ maxFps: 1 });
    vision.script = broken;
    await camera.start(live);
    for (let frame = 0; frame < 29; frame++) {
      await shoot();
      await timers.advance(100);
    }
    expect(vision.asked).toHaveLength(3);
  });

  test('a listener that fails is counted, and the frames go on', async () => {
    const { camera, listener, shoot, numbers } = setUp({ source: fastFile });
    listener.work = () => Promise.reject(new Error('no'));
    await camera.start(live);
    await shoot();
    await shoot();
    expect(numbers()).toEqual([1, 2]);
    expect(camera.stats()).toMatchObject({ errors: 2, analysed: 2 });
  });

  test('an addon that gives no frame after a broken analysis is counted, and is not an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
    const { camera, addon, vision, shoot } = setUp();
    vision.script = () => {
      throw new AppError('WORKER_FAILED', 'the worker ended');
    };
    addon.captureFrame = () => {
      throw new Error('the frame is gone');
    };
    await camera.start(live);
    await shoot();
    await settle();
    expect(unhandled).toEqual([]);
    expect(camera.stats().errors).toBe(2);
    await camera.stop();
  });

  test('an addon that loses its capture is a loss, not a crash', async () => {
    const { camera, addon, shoot } = setUp();
    await camera.start(live);
    await shoot();
    const answer = addon.captureState.bind(addon);
    addon.captureState = () => {
      throw new RangeError('no such capture');
    };
    addon.last.onChange();
    await settle();
    expect(camera.health()).toEqual({ status: 'failed', detail: 'the camera is lost: no such capture' });
    expect(camera.stats().frames).toBe(0);
    addon.captureState = answer;
  });
});

describe('a slow camera', () => {
  test('has a rate, and recovers within 10 s of good analyses', async () => {
    const { camera, vision, timers, shoot } = setUp({ maxFps: 0.25 });
    vision.script = (analysis) => {
      if (analysis === 1) throw new AppError('WORKER_FAILED', 'the worker ended');
    };
    await camera.start(live);
    for (let frame = 0; frame < 4; frame++) {
      await shoot();
      await timers.advance(4_000);
    }
    expect(camera.stats().fps).toBeCloseTo(0.25, 9);
    expect(camera.health().status).toBe('degraded');
    await shoot();
    expect(camera.health()).toEqual({ status: 'ok' });
  });

  test('that gets no turn is declared after 10 s', async () => {
    const { camera, vision, timers, shoot } = setUp({ maxFps: 0.25 });
    vision.script = () => {
      throw new AppError('SERVER_BUSY', 'the queue is full');
    };
    await camera.start(live);
    for (let frame = 0; frame < 2; frame++) {
      await shoot();
      await timers.advance(4_000);
    }
    expect(camera.health()).toEqual({ status: 'ok' });
    await timers.advance(4_000);
    expect(camera.health()).toEqual({ status: 'degraded', detail: 'the vision queue is full' });
  });

  test('has the mask and the liveness of more faces determined in each frame', async () => {
    const mostAt = async (maxFps: number): Promise<number | undefined> => {
      const { camera, vision, shoot } = setUp({ maxFps });
      await camera.start(live);
      await shoot();
      return vision.asked[0]?.mostAttributed;
    };
    expect([await mostAt(10), await mostAt(4), await mostAt(2), await mostAt(0.1)]).toEqual([
      undefined,
      undefined,
      6,
      20,
    ]);
  });
});
