// The events of doors up into the log of the fleet: at least once, in order, without gaps, over lost answers, and logs that lose messages.
import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '../../../src/errors.js';
import type { RecognitionEvent } from '../../../src/events/event.js';
import type { Appended, FleetLog } from '../../../src/fleet/fleet-log.js';
import { FolderLog } from '../../../src/fleet/folder-log.js';
import { nameEventStream } from '../../../src/fleet/subjects.js';
import { aDraft, eventually, range, recordingLog, startEvents } from '../../events/support.js';
import { tempDir } from '../../support/temp-dir.js';
import { collect } from '../log-contract.js';
import { natsServerPath } from '../nats-server.js';
import { Door, newReader, readAll, readNumber, EventServer } from './support.js';

if (natsServerPath === undefined) console.warn('skipped: nats-server is not installed (apt-get install nats-server)');

function openFolder(folder = tempDir()): FolderLog {
  return new FolderLog({ folder, pollMs: 5, timers: globalThis, newId: randomUUID });
}

type Append = FleetLog['append'];

/** A log whose appends go through a function. */
function through(
  log: FleetLog,
  change: (append: () => Promise<Appended>, nth: number) => Promise<Appended>,
): { append: Append } {
  let nth = 0;
  return { append: (...args) => change(() => log.append(...args), ++nth) };
}

const unreachable = (): never => {
  throw new AppError('FLEET_UNREACHABLE', 'the log is away');
};

async function* collectNothing(): AsyncGenerator<never> {
  unreachable();
}

describe('the events of doors', () => {
  it('come up in order, each once, and nobody but the authority can read them', async () => {
    const log = openFolder();
    const [front, back] = [new Door('front'), new Door('back')];
    await front.start(log);
    await back.start(log);
    for (let i = 1; i <= 5; i++) {
      await front.emit({ externalImageId: `known-${i}` });
      await back.emit();
    }
    await front.settled();
    await back.settled();
    const events = await readAll(log, [front, back]);
    for (const door of [front, back]) {
      const own = events.filter(({ name }) => name === door.name);
      expect(own.map(readNumber)).toEqual([1, 2, 3, 4, 5]);
      expect(
        own.every((event) => event.door === door.id && event.problem === undefined && event.notes.length === 0),
      ).toBe(true);
    }
    const sealed = await collect(log.read(nameEventStream(front.id), 0));
    for (const { message } of sealed) {
      for (const text of ['known-', 'front', 'groupId', 'match']) expect(message.includes(text), text).toBe(false);
    }
  });

  it('are JSON for every subscriber where they are plain', async () => {
    const log = openFolder();
    const door = new Door('front');
    await door.start(log, { seal: undefined });
    const event = await door.emit();
    await door.settled();
    const [first] = await collect(log.read(nameEventStream(door.id), 0));
    expect(JSON.parse(first!.message.toString())).toMatchObject({
      deviceId: 'front',
      stream: 'fleet',
      sequence: 1,
      event,
    });
    expect((await readAll(log, [door])).map(readNumber)).toEqual([1]);
  });

  it('go on where they ended after a restart, also where the last answer and the state were lost', async () => {
    const log = openFolder();
    const door = new Door('front');
    // The log takes the third event, and the door never learns it.
    const cut = through(log, async (append, nth) => {
      const appended = await append();
      return nth >= 3 ? unreachable() : appended;
    });
    await door.start(cut, { state: { read: async () => undefined, write: async () => undefined } });
    await door.emitMany(3);
    await eventually(async () => (await collect(log.read(nameEventStream(door.id), 0))).length === 3);
    await door.stop();
    const uplink = await door.start(log);
    await door.emit();
    await door.settled();
    expect((await readAll(log, [door])).map(readNumber)).toEqual([1, 2, 3, 4]);
    expect(uplink.stats().losses).toBe(0);
  });

  it('come again after a kill whose marks were lost, and are told once', async () => {
    const log = openFolder();
    const door = new Door('front');
    let ids = 0;
    // A log that knows no ids, as after its window for repeats.
    const forgetful: { append: Append } = {
      append: (stream, _id, ...rest) => log.append(stream, String(++ids), ...rest),
    };
    await door.start(
      through({ ...log, append: forgetful.append } as FleetLog, async (append, nth) => {
        const appended = await append();
        return nth >= 3 ? unreachable() : appended;
      }),
      { state: { read: async () => undefined, write: async () => undefined } },
    );
    await door.emitMany(3);
    await eventually(async () => (await collect(log.read(nameEventStream(door.id), 0))).length >= 3);
    await door.stop();
    await door.start(forgetful);
    await door.emit();
    await door.settled();
    expect((await collect(log.read(nameEventStream(door.id), 0))).length).toBeGreaterThan(4);
    const events = await readAll(log, [door]);
    expect(events.map(readNumber)).toEqual([1, 2, 3, 4]);
    expect(events.flatMap(({ notes }) => notes)).toEqual([]);
  });

  it('wait while the log is away, and hinder nothing', async () => {
    const folder = openFolder();
    let isAway = true;
    const door = new Door('front');
    const log = recordingLog();
    const uplink = await door.start(
      through(folder, async (append) => (isAway ? unreachable() : append())),
      { log },
    );
    for (let i = 0; i < 20; i++) await door.emit();
    await eventually(() => uplink.health().status === 'degraded');
    expect(uplink.health().detail).toMatch(/events for the fleet: .*away/);
    expect(door.pending).toBe(20);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    isAway = false;
    await door.settled();
    expect(uplink.health()).toEqual({ status: 'ok', facts: { fleetEventsSent: 20, fleetEventsLosses: 0 } });
    expect((await readAll(folder, [door])).map(readNumber)).toEqual(range(1, 20));
  });

  it('start although the disk cannot be read yet, and show in the health of the events', async () => {
    const log = openFolder();
    const events = await startEvents({}, { fleet: true });
    let failures = 3;
    const state = {
      read: async () => {
        if (failures-- > 0) throw new AppError('STORE_UNAVAILABLE', 'the disk is away');
        return undefined;
      },
      write: async () => undefined,
    };
    const door = new Door('gate');
    await events.emit(aDraft());
    const uplink = await door.start(log, {
      ...events.fleetHistory,
      feed: { readAfter: (...args) => events.readAfter(...args), watch: (on) => events.watch(on) },
      seal: undefined,
      state,
    });
    events.uplinkHealth = () => uplink.health();
    await eventually(() => events.health().facts?.fleetEventsSent === 1);
    expect(events.stats().fleetPending).toBe(0);
    expect(failures).toBeLessThan(0);
    events.uplinkHealth = () => ({ status: 'degraded', detail: 'events for the fleet: away' });
    await eventually(() => events.health().detail === 'events for the fleet: away');
    expect(events.health().status).toBe('degraded');
    await uplink.stop();
  });

  it('end with the door although the log never answers', async () => {
    const door = new Door('front');
    await door.start({ append: () => new Promise(() => undefined) }, { timing: { stopTimeoutMs: 50 } });
    await door.emit();
    await door.stop();
  });

  it('declare what the event log removed before the fleet had it', async () => {
    const folder = openFolder();
    let isAway = true;
    const door = new Door('front');
    await door.start(
      through(folder, async (append) => (isAway ? unreachable() : append())),
      { limits: { maxEvents: 10 } },
    );
    await door.emitMany(30);
    isAway = false;
    await door.settled();
    const events = await readAll(folder, [door]);
    const gaps = events.filter(({ message }) => message && 'gap' in message);
    expect(gaps.length).toBeGreaterThan(0);
    expect(gaps[0]!.notes.join()).toMatch(/gap declared: \d+ to \d+, removed/);
    expect(events.flatMap(({ notes }) => notes).filter((note) => note.includes('missing'))).toEqual([]);
    expect(readNumber(events.at(-1)!)).toBe(30);
  });

  it('are sent again to a folder that was emptied, and those that are too old are not', async () => {
    const folder = tempDir();
    const log = openFolder(folder);
    const door = new Door('front');
    const uplink = await door.start(log);
    await door.emit({ decidedAt: new Date(Date.now() - 7_200_000).toISOString() });
    await door.emitMany(40);
    await door.settled();
    rmSync(join(folder, 'streams'), { recursive: true });
    await door.emit();
    await door.settled();
    expect((await readAll(log, [door])).map(readNumber)).toEqual(range(2, 42));
    expect(uplink.stats()).toEqual({ sent: 82, resent: 40, losses: 1 });
  });

  it('go on being sent again after a restart in the middle of it', async () => {
    const folder = tempDir();
    const log = openFolder(folder);
    const door = new Door('front');
    await door.start(log);
    await door.emitMany(60);
    await door.settled();
    await door.stop();
    rmSync(join(folder, 'streams'), { recursive: true });
    // The log takes the first twenty once more, and then nothing.
    await door.start(through(log, async (append, nth) => (nth > 21 ? unreachable() : append())));
    await door.emit();
    await eventually(async () => (await collect(log.read(nameEventStream(door.id), 0))).length >= 20);
    await door.stop();
    await door.start(log);
    await door.settled();
    const events = await readAll(log, [door]);
    expect(events.map(readNumber)).toEqual(range(1, 61));
    expect(events.flatMap(({ notes }) => notes)).toEqual([]);
  });

  it('catch up at a bounded rate', async () => {
    const log = openFolder();
    const door = new Door('front');
    await door.startLog();
    const began = performance.now();
    await door.start(log, { timing: { recordsPerSecond: 100 } });
    await door.emitMany(50);
    await door.settled();
    // The first batch may be a single record, and nothing is waited for after the last one.
    expect(performance.now() - began).toBeGreaterThan(200);
  });
});

describe('the reader of all doors', () => {
  it('follows doors, also one that joins later, and a log that was put back', async () => {
    const folder = tempDir();
    const log = openFolder(folder);
    const doors = [new Door('front')];
    await doors[0]!.start(log);
    const ending = new AbortController();
    onTestFinished(() => ending.abort());
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of newReader(log, doors).read({ follow: true, signal: ending.signal })) {
        seen.push(`${event.name} ${readNumber(event)}${event.problem ?? ''}`);
      }
    })();
    await doors[0]!.emitMany(3);
    await eventually(() => seen.length === 3);
    doors.push(new Door('back'));
    await doors[1]!.start(log);
    await doors[1]!.emit();
    await eventually(() => seen.includes('back 1'));
    rmSync(join(folder, 'streams'), { recursive: true });
    await doors[0]!.emit();
    await eventually(() => seen.includes('front 4'));
    expect(seen.filter((one) => one.startsWith('front'))).toEqual(['front 1', 'front 2', 'front 3', 'front 4']);
    ending.abort();
    await reading;
  });

  it('goes on where a log gives up in the middle, and ends where it never answers', async () => {
    const log = openFolder();
    const door = new Door('front');
    await door.start(log);
    await door.emitMany(10);
    await door.settled();
    let reads = 0;
    const failing: Pick<FleetLog, 'read'> = {
      async *read(stream, after) {
        reads++;
        let count = 0;
        for await (const message of log.read(stream, after)) {
          if (++count > 4) throw new AppError('FLEET_UNREACHABLE', 'the reader was forgotten');
          yield message;
        }
      },
    };
    expect((await readAll(failing, [door])).map(readNumber)).toEqual(range(1, 10));
    expect(reads).toBeGreaterThanOrEqual(3);
    const away = { read: () => collectNothing() };
    await expect(readAll(away, [door])).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
  });

  it('reads one door where one is asked for', async () => {
    const log = openFolder();
    const doors = [new Door('front'), new Door('back')];
    for (const door of doors) {
      await door.start(log);
      await door.emit();
      await door.settled();
    }
    const events = await collect(
      newReader(log, doors).read({ door: doors[1]!.id, signal: new AbortController().signal }),
    );
    expect(events.map(({ name }) => name)).toEqual(['back']);
  });

  it('tells what is missing, and believes nothing that the door did not sign for this stream', async () => {
    const log = openFolder();
    const [door, other] = [new Door('front'), new Door('back')];
    await door.startLog();
    const events: RecognitionEvent[] = [];
    for (let i = 0; i < 6; i++) events.push(await door.emit());
    const stream = nameEventStream(door.id);
    const put = async (text: string): Promise<void> => {
      await log.append(stream, randomUUID(), Buffer.from(text));
    };
    const encode = (i: number, kind?: 'mqtt'): string => door.encode({ sequence: i, event: events[i - 1]! }, kind);
    await put(encode(1));
    await put(encode(4));
    await put(encode(1).replace('"late":false', '"late":true'));
    await put(other.encode({ sequence: 2, event: events[1]! }));
    await put(encode(2, 'mqtt'));
    await put(JSON.stringify(events[4]));
    await put('no json');
    await log.append(stream, 'garbage', randomBytes(200));
    await put(encode(4));
    await put(encode(5));
    const read = await readAll(log, [door]);
    expect(read.map((event) => readNumber(event) ?? event.problem)).toEqual([
      1,
      4,
      'the signature is wrong',
      'the signature is wrong',
      'it is no message of the history for the fleet',
      'it is no message of the history for the fleet',
      'it is not sealed for this authority, or not by this door',
      'it is not sealed for this authority, or not by this door',
      5,
    ]);
    expect(read[1]!.notes).toEqual(['2 to 3 are missing']);
    expect(read.at(-1)!.notes).toEqual([]);
  });
});

describe.skipIf(natsServerPath === undefined)('the events of doors on nats-server', () => {
  let stage: EventServer;
  beforeAll(async () => {
    stage = await EventServer.start();
  });
  afterAll(() => stage?.server.end());

  it('are sent again to a server whose store was wiped', async () => {
    await stage.beginFleet();
    const door = new Door('front');
    const uplink = await door.start(await stage.open());
    await door.emitMany(50);
    await door.settled();
    await stage.server.kill();
    stage.server.wipe();
    await stage.server.restart();
    await eventually(async () =>
      stage.authority.createStreams().then(
        () => true,
        () => false,
      ),
    );
    await door.emit();
    await door.settled();
    expect((await readAll(stage.authority, [door])).map(readNumber)).toEqual(range(1, 51));
    expect(uplink.stats()).toMatchObject({ resent: 50, losses: 1 });
  });
});
