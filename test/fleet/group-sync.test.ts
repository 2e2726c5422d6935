// A group from the authority through a log to a door: equal copies after any changes, and only what changed is read.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { computeRoot } from '../../src/fleet/bucket-tree.js';
import type { FaceChange } from '../../src/fleet/group-publisher.js';
import { randomNumbers } from '../store/values.js';
import { startFleet } from './fleet-fakes.js';

function textsOf(store: { records: Map<string, string> }): string[] {
  return [...store.records.values()].sort();
}

describe('a copy of a group', () => {
  it('is equal to the truth after each of 300 random changes', async () => {
    const { publisher, copy, store, faces } = await startFleet();
    const next = randomNumbers(7);
    const random = (below: number): number => Math.floor(next() * below);
    for (let round = 0; round < 100; round++) {
      const changes: FaceChange[] = [];
      for (let i = 0; i < 3; i++) {
        const ids = [...faces.all.keys()];
        const known = ids[random(Math.max(1, ids.length))];
        if (known !== undefined && random(3) === 0) changes.push(faces.delete(known));
        else changes.push(faces.put(`round ${round}, ${i}`, random(4) === 0 ? known : undefined));
      }
      const head = await publisher.publish(changes);
      // A door that is away for some versions gets them all at once.
      if (random(3) === 0 && round < 99) continue;
      expect((await copy.sync()).outcome).toBe('applied');
      expect(textsOf(store)).toEqual(faces.texts());
      expect(copy.applied).toMatchObject({ version: head.version, root: publisher.root });
    }
    expect((await copy.sync()).outcome).toBe('unchanged');
  });

  it('keeps its version when the store refuses, and takes the next one as a whole', async () => {
    const { publisher, copy, store, faces } = await startFleet();
    await publisher.publish([faces.put('one')]);
    await copy.sync();
    await publisher.publish([faces.put('two'), faces.put('three')]);
    store.isBroken = true;
    await expect(copy.sync()).rejects.toThrow('the disk refuses');
    expect([store.records.size, copy.applied?.version]).toEqual([1, 1]);
    store.isBroken = false;
    await copy.sync();
    expect([store.records.size, copy.applied?.version]).toEqual([3, 2]);
  });

  it('of more than 500 records is written in pieces, and is complete although the authority changes it meanwhile', async () => {
    const { publisher, faces, log, openDoor } = await startFleet();
    const { copy, store } = openDoor({ timers: globalThis });
    const enrolled = Array.from({ length: 1_600 }, (_, i) => faces.put(`person ${i}`));
    await publisher.publish(enrolled);
    let reads = 0;
    const changes: Promise<unknown>[] = [];
    log.onGet = (subject) => {
      if (!subject.startsWith('head') || reads++ > 1) return;
      changes.push(publisher.publish([faces.delete(enrolled[reads]!.faceId), faces.put(`newcomer ${reads}`)]));
      changes.push(publisher.publish([faces.put('changed', enrolled[10 + reads]!.faceId)]));
    };
    expect((await copy.sync()).outcome).toBe('applied');
    await Promise.all(changes);
    log.onGet = () => undefined;
    await copy.sync();
    expect(textsOf(store)).toEqual(faces.texts());
    expect([copy.records, copy.applied?.root]).toEqual([1_600, publisher.root]);
    expect(store.staged).toBe(0);
  });

  it('drops the pieces of a version that it cannot complete', async () => {
    const { publisher, copy, store, faces, log, subject } = await startFleet();
    const enrolled = Array.from({ length: 700 }, (_, i) => faces.put(`person ${i}`));
    await publisher.publish(enrolled);
    const hidden = subject(enrolled[300]!.faceId);
    const value = log.values.get(hidden)!;
    log.values.delete(hidden);
    expect(await copy.sync()).toEqual({ outcome: 'incomplete', isAltered: false });
    expect([store.staged, store.records.size, copy.applied]).toEqual([0, 0, undefined]);
    log.values.set(hidden, value);
    expect((await copy.sync()).outcome).toBe('applied');
    expect(store.records.size).toBe(700);
  });

  it('waits while the authority writes the next version', async () => {
    const { publisher, copy, store, faces, log } = await startFleet();
    const { faceId } = faces.put('first');
    await publisher.publish([faces.put('first', faceId)]);
    const head = [...log.values].find(([subject]) => subject.startsWith('head'))!;
    await publisher.publish([faces.put('second', faceId)]);
    const newest = log.values.get(head[0])!;
    // The old head with the new record: what a door may see between two writes. The new head comes while it waits.
    log.values.set(...head);
    let looks = 0;
    log.onGet = (subject) => {
      if (subject === head[0] && ++looks === 2) log.values.set(subject, newest);
    };
    expect((await copy.sync()).outcome).toBe('applied');
    expect([textsOf(store), looks]).toEqual([['second'], 2]);
  });

  it('knows what it holds after a restart, and reads only what changed', async () => {
    const { publisher, copy, store, faces, log, openDoor } = await startFleet();
    await publisher.publish(Array.from({ length: 40 }, (_, i) => faces.put(`person ${i}`)));
    await copy.sync();
    const again = openDoor({}, store, copy.applied).copy;
    expect((await again.sync()).outcome).toBe('unchanged');
    const read: string[] = [];
    log.onGet = (subject) => read.push(subject.split('.')[2] ?? 'head');
    await publisher.publish([faces.put('newcomer')]);
    expect((await again.sync()).outcome).toBe('applied');
    // The head tells the change: no bucket is read.
    expect(read).toEqual(['head', 'record']);
    read.length = 0;
    await publisher.publish([faces.delete([...faces.all.keys()][3]!)]);
    await again.sync();
    expect(read).toEqual(['head']);
    expect(textsOf(store)).toEqual(faces.texts());
  });

  it('reads buckets where more changed than a head carries', async () => {
    const { publisher, copy, store, faces, log } = await startFleet();
    await publisher.publish(Array.from({ length: 40 }, (_, i) => faces.put(`person ${i}`)));
    await copy.sync();
    for (let i = 0; i < 7; i++) await publisher.publish(Array.from({ length: 10 }, (_, j) => faces.put(`${i} ${j}`)));
    const read = new Set<string>();
    log.onGet = (subject) => read.add(subject.split('.')[2] ?? 'head');
    expect((await copy.sync()).outcome).toBe('applied');
    expect(read.has('bucket')).toBe(true);
    expect(textsOf(store)).toEqual(faces.texts());
  });

  it('reports a group that is deleted, also long afterwards, and the log holds nothing but its last head', async () => {
    const { publisher, copy, faces, log, time, state, group } = await startFleet();
    await publisher.publish([faces.put('one'), faces.put('two')]);
    await copy.sync();
    await publisher.remove();
    expect([...log.values.keys()]).toEqual([`head.${group}`]);
    expect([state.records.size, state.facts.epochKeys.size]).toEqual([0, 0]);
    time.nowMs += 1_000 * 24 * 3_600_000;
    expect(await copy.sync()).toMatchObject({ outcome: 'deleted', head: { version: 2, records: 0 } });
    log.values.clear();
    expect(await publisher.check()).toMatchObject({ state: 'healed', head: 'missing' });
    expect(await copy.sync()).toMatchObject({ outcome: 'deleted' });
    expect(await publisher.check()).toMatchObject({ state: 'whole', head: 'same' });
  });
});

describe('the authority', () => {
  it('publishes nothing for a face that is as it was', async () => {
    const { publisher, faces, log } = await startFleet();
    const change = faces.put('one');
    const { version } = await publisher.publish([change]);
    const record = [...log.values.keys()].find((one) => one.includes('record'))!;
    const bytes = log.values.get(record);
    expect((await publisher.publish([change, { faceId: 'never enrolled' }])).version).toBe(version);
    expect(log.values.get(record)).toEqual(bytes);
  });

  it('signs a head again under its version, and under the next one where the clock was put back', async () => {
    const { publisher, copy, faces, time } = await startFleet();
    await publisher.publish([faces.put('one')]);
    await copy.sync();
    time.nowMs += 60_000;
    expect((await publisher.publish([])).version).toBe(1);
    expect((await copy.sync()).outcome).toBe('unchanged');
    time.nowMs -= 90_000;
    expect((await publisher.publish([])).version).toBe(2);
    expect((await copy.sync()).outcome).toBe('applied');
    time.nowMs += 1_000;
    expect((await publisher.publish([])).version).toBe(2);
  });

  it('finds out what changed while nobody listened', async () => {
    const { publisher, copy, store, faces } = await startFleet();
    const stays = faces.put('stays');
    const leaves = faces.put('leaves');
    const changes = faces.put('changes');
    await publisher.publish([stays, leaves, changes]);
    faces.delete(leaves.faceId);
    faces.put('changed', changes.faceId);
    faces.put('came');
    expect(await publisher.reconcile()).toEqual({ put: 2, deleted: 1 });
    await copy.sync();
    expect(textsOf(store)).toEqual(['came', 'changed', 'stays']);
    expect(await publisher.reconcile()).toEqual({ put: 0, deleted: 0 });
  });

  it('does not bring back what was deleted while it went through all faces', async () => {
    const fleet = await startFleet();
    const { faces, copy, store } = fleet;
    const enrolled = Array.from({ length: 20 }, (_, i) => faces.put(`person ${i}`));
    const late = faces.put('of a moment');
    let publishing: Promise<unknown> | undefined;
    const publisher = await fleet.openPublisher({
      listFaces: async function* () {
        for await (const face of faces.list()) {
          if (face.faceId === enrolled[5]!.faceId) {
            // Both are still in the walk, which began before.
            publishing = publisher.publish([faces.delete(late.faceId), faces.put('changed', enrolled[9]!.faceId)]);
            await new Promise((resolve) => setImmediate(resolve));
          }
          yield face;
        }
      },
    });
    await publisher.check();
    await publisher.reconcile();
    await publishing;
    await copy.sync();
    expect(textsOf(store)).toEqual(faces.texts());
    expect(textsOf(store)).not.toContain('of a moment');
  });

  it('renews, enrols and deletes while a check fills an empty log', async () => {
    const { publisher, copy, store, faces, log } = await startFleet();
    const enrolled = Array.from({ length: 1_200 }, (_, i) => faces.put(`person ${i}`));
    await publisher.publish(enrolled);
    await copy.sync();
    log.values.clear();
    let isFilled = false;
    let deletion: Promise<boolean> | undefined;
    log.onWrite = () => {
      deletion ??= publisher.publish([faces.delete(enrolled[1]!.faceId)]).then(() => isFilled);
    };
    await publisher.check().then(() => (isFilled = true));
    expect(await deletion).toBe(false);
    expect((await copy.sync()).outcome).toBe('applied');
    expect(textsOf(store)).toEqual(faces.texts());
    expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'whole' });
  });
});

it('a root depends on each digest of a bucket', () => {
  const digests = randomBytes(256 * 32);
  const changed = Buffer.from(digests);
  changed[8_191]! ^= 1;
  expect(computeRoot(digests)).not.toEqual(computeRoot(changed));
});
