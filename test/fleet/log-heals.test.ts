// A log that was wiped, put back to an older state, or has lost a part: the authority notices it and writes exactly what is missing.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openHead } from '../../src/fleet/head.js';
import { nameBucket, nameHead, nameRecord } from '../../src/fleet/subjects.js';
import { newId, startFleet } from './fleet-fakes.js';

async function startFilled(count = 60) {
  const fleet = await startFleet();
  const enrolled = Array.from({ length: count }, (_, i) => fleet.faces.put(`person ${i}`));
  await fleet.publisher.publish(enrolled);
  await fleet.copy.sync();
  return { ...fleet, enrolled };
}

describe('a check of the log', () => {
  it('writes nothing where all of it is there', async () => {
    const { publisher, log } = await startFilled();
    const writes = log.writes;
    expect(await publisher.check()).toEqual({ state: 'whole', head: 'same', records: 0, buckets: 0, keyTables: 0, removed: 0 }); // prettier-ignore
    expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'whole' });
    expect(log.writes).toBe(writes);
  });

  it('fills a wiped log with the same bytes as before: doors read nothing but the head', async () => {
    const { publisher, log, copy, openDoor, store } = await startFilled();
    const before = new Map(log.values);
    log.values.clear();
    expect(await copy.sync()).toEqual({ outcome: 'no-head' });
    expect(await publisher.check()).toMatchObject({ state: 'healed', head: 'missing', records: 60 });
    for (const [subject, value] of before)
      if (!subject.startsWith('head')) expect(log.values.get(subject)).toEqual(value);
    expect(log.values.size).toBe(before.size);
    const read: string[] = [];
    log.onGet = (subject) => read.push(subject);
    expect((await copy.sync()).outcome).toBe('unchanged');
    expect(read).toHaveLength(1);
    const joined = openDoor();
    await joined.copy.sync();
    expect(joined.store.records).toEqual(store.records);
  });

  it('goes on where it was interrupted', async () => {
    const { publisher, log, openPublisher } = await startFilled(200);
    const records = (): number => [...log.values.keys()].filter((one) => one.includes('record')).length;
    log.values.clear();
    log.writesLeft = 120;
    await expect(publisher.check()).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    log.writesLeft = Infinity;
    const had = records();
    expect(had).toBeGreaterThan(50);
    // After a kill as well: what is there is verified by reading, and not written again.
    const again = await openPublisher();
    expect(await again.check()).toMatchObject({ records: 200 - had });
    expect(records()).toBe(200);
  });

  it('notices a log that was put back to an older state, and brings it up to date', async () => {
    const { publisher, log, faces, enrolled, copy, store, refusals } = await startFilled();
    const before = new Map(log.values);
    await publisher.publish([faces.delete(enrolled[0]!.faceId), faces.put('changed', enrolled[1]!.faceId), faces.put('new')]); // prettier-ignore
    await copy.sync();
    log.values = before;
    expect(await copy.sync()).toMatchObject({ outcome: 'refused', refusal: 'rollback' });
    expect(await copy.sync()).toMatchObject({ outcome: 'refused', refusal: 'rollback' });
    expect(refusals).toMatchObject([{ reason: 'rollback', version: 1 }]);
    expect(copy.refusals).toEqual({ rollback: 2 });
    // The record that was deleted is there again, and goes; the two that are new or changed are written.
    expect(await publisher.check()).toMatchObject({ state: 'healed', head: 'older', records: 2, removed: 1 });
    expect((await copy.sync()).outcome).toBe('unchanged');
    expect([...store.records.values()].sort()).toEqual(faces.texts());
    expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'whole' });
  });

  it('finds lost records, a changed bucket and a foreign head, and removes what nobody published', async () => {
    const { publisher, log, group, subject, enrolled, find } = await startFilled();
    log.values.delete(subject(enrolled[3]!.faceId));
    log.values.set(nameRecord(group, newId()), Buffer.from('of nobody'));
    log.values.set(`group.${group}.record.hostile`, Buffer.from('of nobody'));
    const bucket = parseInt(find(enrolled[8]!.faceId).slice(0, 2), 16);
    log.values.set(nameBucket(group, bucket), Buffer.from('no bucket'));
    log.values.set(nameHead(group), Buffer.from('no head'));
    expect(await publisher.check()).toMatchObject({ state: 'healed', head: 'foreign', records: 1, buckets: 1, removed: 2 }); // prettier-ignore
    expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'whole' });
  });

  it('finds a record with another content when it reads all of them', async () => {
    const { publisher, log, subject, enrolled } = await startFilled();
    log.values.set(subject(enrolled[3]!.faceId), log.values.get(subject(enrolled[4]!.faceId))!);
    expect(await publisher.check()).toMatchObject({ state: 'whole' });
    expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'healed', records: 1 });
    expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'whole' });
  });

  it('publishes what the gallery has when a lost record has changed meanwhile', async () => {
    const { publisher, log, faces, subject, enrolled, copy, store } = await startFilled();
    log.values.delete(subject(enrolled[3]!.faceId));
    log.values.delete(subject(enrolled[4]!.faceId));
    faces.put('changed', enrolled[3]!.faceId);
    faces.delete(enrolled[4]!.faceId);
    await publisher.check();
    await copy.sync();
    expect([...store.records.values()].sort()).toEqual(faces.texts());
  });
});

describe('an authority that was put back to an older state', () => {
  it('goes on above the versions that doors have seen', async () => {
    const fleet = await startFilled();
    const { faces, state, copy, store, publisher } = fleet;
    const old = state.copy();
    await publisher.publish([faces.put('since the backup')]);
    await publisher.publish([faces.put('another')]);
    await copy.sync();
    // The gallery is put back as well.
    for (const [faceId, { record }] of faces.all) if (!record.toString().startsWith('person')) faces.delete(faceId);
    const again = await fleet.openPublisher({ state: old });
    expect(await again.check()).toMatchObject({ head: 'newer' });
    expect((await copy.sync()).outcome).toBe('applied');
    expect([...store.records.values()].sort()).toEqual(faces.texts());
    expect(copy.applied?.version).toBeGreaterThan(3);
  });

  it('does not use a version for a second root', async () => {
    const fleet = await startFilled();
    const { faces, state, copy, store, publisher } = fleet;
    const old = state.copy();
    const lost = faces.put('since the backup');
    await publisher.publish([lost]);
    await copy.sync();
    faces.delete(lost.faceId);
    const again = await fleet.openPublisher({ state: old });
    // Version 2 exists, with another root: the change below would be version 2 as well.
    await again.publish([faces.put('another')]);
    expect((await copy.sync()).outcome).toBe('applied');
    expect([...store.records.values()].sort()).toEqual(faces.texts());
  });

  it('learns versions and epochs from the reports of doors where the log is empty', async () => {
    const fleet = await startFilled();
    const { faces, state, copy, publisher, log } = fleet;
    const old = state.copy();
    await publisher.publish([faces.put('since the backup')]);
    await publisher.beginEpoch(randomBytes(32));
    await copy.sync();
    log.values.clear();
    const again = await fleet.openPublisher({ state: old });
    expect((await again.check()).lostEpoch).toBeUndefined();
    expect(await copy.sync()).toMatchObject({ refusal: 'rollback' });
    const before = [again.version, again.nextEpoch];
    for (const much of [
      { version: 2 ** 52, epoch: 1 },
      { version: 1, epoch: 4_000_000_000 },
    ]) {
      expect(await again.surpass(much)).toBe(false);
      expect([again.version, again.nextEpoch]).toEqual(before);
    }
    expect(await again.surpass({ version: copy.applied!.version, epoch: copy.applied!.epoch })).toBe(true);
    expect(again.nextEpoch).toBe(3);
    const { version } = again;
    // Every door that has seen it says so: that changes nothing more.
    expect(await again.surpass({ version: copy.applied!.version, epoch: copy.applied!.epoch })).toBe(true);
    expect([again.version, again.nextEpoch]).toEqual([version, 3]);
    expect(await again.check()).toMatchObject({ lostEpoch: 2 });
    expect(await copy.sync()).toMatchObject({ refusal: 'rollback' });
    await again.beginEpoch(randomBytes(32));
    expect(again.epoch).toBe(3);
    const door = fleet.openDoor({ findEpochKey: (epoch) => old.facts.epochKeys.get(epoch) }, fleet.store, copy.applied);
    expect((await door.copy.sync()).outcome).toBe('applied');
    expect(openHead(fleet.keys.publicKey, log.values.get(nameHead(fleet.group))!).head.epoch).toBe(3);
    expect([...door.store.records.values()].sort()).toEqual(faces.texts().filter((text) => text.startsWith('person') || text === 'since the backup')); // prettier-ignore
  });
});
