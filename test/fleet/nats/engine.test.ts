// The engine over a real nats-server with the configuration that Lintel generates: killed, wiped, put back, with the credentials of a door.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import type { FleetLog } from '../../../src/fleet/fleet-log.js';
import { newId, startFleet } from '../fleet-fakes.js';
import { natsServerPath, startFleetServer, type FleetServer } from '../fleet-server.js';

const retry = { firstMs: 50, maxMs: 200 };

describe.skipIf(natsServerPath === undefined)('a group on nats-server', () => {
  let running: { server: FleetServer; logs: NatsLog[] } | undefined;

  afterEach(async () => {
    await Promise.all((running?.logs ?? []).map((log) => log.close()));
    await running?.server.server.end();
    running = undefined;
  });

  async function start() {
    const server = await startFleetServer();
    const log = await NatsLog.connect({ access: server.makeAuthorityAccess(), retry, fleet: server.fleet });
    await log.createStreams();
    const doorLog = await NatsLog.connect({ access: server.makeDoorAccess(newId()), retry, fleet: server.fleet });
    running = { server, logs: [log, doorLog] };
    const base = await startFleet();
    const publisher = await base.openPublisher({ log });
    const { copy, store, refusals } = base.openDoor({ log: doorLog, timers: globalThis });
    const texts = (): string[] => [...store.records.values()].sort();
    const nats = server.server;
    return { ...base, log, publisher, copy, store, refusals, texts, nats };
  }

  /** Repeats work until the log can be reached again. */
  async function insist<T>(work: () => Promise<T>): Promise<T> {
    for (let i = 0; ; i++) {
      try {
        return await work();
      } catch (error) {
        if ((error as { code?: string }).code !== 'FLEET_UNREACHABLE' || i > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  it('gives a door with its own credentials a large first copy, and then every change', async () => {
    const { publisher, copy, texts, faces } = await start();
    const enrolled = Array.from({ length: 1_200 }, (_, i) => faces.put(`person ${i}`.padEnd(2_000, '.')));
    await publisher.publish(enrolled);
    expect((await copy.sync()).outcome).toBe('applied');
    expect(texts()).toEqual(faces.texts());
    await publisher.publish([faces.delete(enrolled[0]!.faceId), faces.put('newcomer')]);
    expect((await copy.sync()).outcome).toBe('applied');
    expect(texts()).toEqual(faces.texts());
  });

  it('is whole again after kill -9, a wiped store, and one that was put back to an older state', async () => {
    const { publisher, copy, texts, faces, nats, log, refusals } = await start();
    const enrolled = Array.from({ length: 120 }, (_, i) => faces.put(`person ${i}`));
    await publisher.publish(enrolled);
    await copy.sync();
    await nats.kill();
    await expect(publisher.publish([faces.put('while it is away')])).rejects.toMatchObject({
      code: 'FLEET_UNREACHABLE',
    });
    const saved = join(nats.folder, 'saved');
    cpSync(join(nats.folder, 'store'), saved, { recursive: true });
    await nats.restart();
    await insist(() => publisher.check());
    await insist(() => copy.sync());
    expect(texts()).toEqual(faces.texts());

    await publisher.publish([faces.delete(enrolled[5]!.faceId)]);
    await insist(() => copy.sync());
    await nats.kill();
    nats.wipe();
    cpSync(saved, join(nats.folder, 'store'), { recursive: true });
    rmSync(saved, { recursive: true });
    await nats.restart();
    expect(await insist(() => copy.sync())).toMatchObject({ outcome: 'refused', refusal: 'rollback' });
    expect(await insist(() => publisher.check())).toMatchObject({ head: 'older', removed: 1 });
    expect((await copy.sync()).outcome).toBe('unchanged');

    await nats.kill();
    nats.wipe();
    await nats.restart();
    await insist(() => log.createStreams());
    expect(await insist(() => publisher.check())).toMatchObject({ head: 'missing', records: 120 });
    await publisher.publish([faces.put('afterwards')]);
    expect((await insist(() => copy.sync())).outcome).toBe('applied');
    expect(texts()).toEqual(faces.texts());
    expect(refusals.map(({ reason }) => reason)).toEqual(['rollback']);
    expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'whole' });
    expect(await listRecords(log, publisher.group)).toHaveLength(faces.all.size);
  });
});

async function listRecords(log: FleetLog, group: string): Promise<string[]> {
  const subjects: string[] = [];
  for await (const subject of log.list(`group.${group}.record`)) subjects.push(subject);
  return subjects;
}
