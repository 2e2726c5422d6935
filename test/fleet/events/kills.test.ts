// The events of doors up into a real nats-server: while it is killed, and ten thousand that waited.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.js';
import { eventually, range } from '../../events/support.js';
import { natsServerPath } from '../nats-server.js';
import { Door, newReader, readAll, readNumber, EventServer } from './support.js';

if (natsServerPath === undefined) console.warn('skipped: nats-server is not installed (apt-get install nats-server)');

const unreachable = (): never => {
  throw new AppError('FLEET_UNREACHABLE', 'the log is away');
};

describe.skipIf(natsServerPath === undefined)('the events of doors on nats-server', () => {
  let stage: EventServer;
  beforeAll(async () => {
    stage = await EventServer.start();
  });
  afterAll(() => stage?.server.end());

  it('come in the order of arrival over all doors, while the server is killed', async () => {
    await stage.beginFleet();
    const doors = [new Door('front'), new Door('back'), new Door('side')];
    for (const door of doors) await door.start(await stage.open());
    const writing = doors.map((door) => door.emitMany(300));
    for (let kill = 0; kill < 3; kill++) {
      await stage.server.kill();
      await stage.server.restart();
    }
    await Promise.all(writing);
    for (const door of doors) await door.settled(60_000);
    const events = await readAll(stage.authority, doors);
    for (const door of doors) {
      const own = events.filter(({ name }) => name === door.name);
      expect(own.map(readNumber)).toEqual(range(1, 300));
      expect(own.flatMap(({ notes, problem }) => problem ?? notes)).toEqual([]);
    }
  });

  it('need little memory for 10,000 of them that waited', async () => {
    await stage.beginFleet();
    const door = new Door('front');
    await door.startLog();
    const snapshot = randomBytes(6_000).toString('base64');
    await door.start({ append: unreachable });
    await door.emitMany(10_000, { snapshot });
    await door.stop();
    globalThis.gc?.();
    const before = process.memoryUsage();
    await door.start(await stage.open());
    let most = 0;
    await eventually(() => {
      const { arrayBuffers, heapUsed } = process.memoryUsage();
      most = Math.max(most, arrayBuffers + heapUsed - before.arrayBuffers - before.heapUsed);
      return door.pending === 0;
    }, 300_000);
    // All of them together have 80 MB as JSON and as much again sealed.
    expect(most).toBeLessThan(64 * 1024 * 1024);
    let next = 1;
    for await (const event of newReader(stage.authority, [door]).read({ signal: new AbortController().signal })) {
      expect(readNumber(event)).toBe(next++);
    }
    expect(next).toBe(10_001);
  }, 600_000);
});
