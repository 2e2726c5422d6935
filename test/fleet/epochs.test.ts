// Epochs: a door that is removed opens nothing that is enrolled later, one that joins late reads everything, and no record is written again.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openRecord, readRecordEpoch } from '../../src/fleet/record-seal.js';
import { nameKeyTable, nameKeyTables } from '../../src/fleet/subjects.js';
import { startFleet } from './fleet-fakes.js';

describe('a new epoch', () => {
  it('leaves the records as they are, and doors read nothing but the head', async () => {
    const { publisher, faces, log, copy } = await startFleet();
    await publisher.publish(Array.from({ length: 300 }, (_, i) => faces.put(`person ${i}`)));
    await copy.sync();
    const before = new Map(log.values);
    const writes = log.writes;
    await publisher.beginEpoch(randomBytes(32));
    expect(log.writes - writes).toBeLessThanOrEqual(257);
    for (const [subject, value] of before) if (subject.includes('record')) expect(log.values.get(subject)).toBe(value);
    const read: string[] = [];
    log.onGet = (subject) => read.push(subject);
    expect((await copy.sync()).outcome).toBe('applied');
    expect(read).toHaveLength(1);
    expect(copy.applied).toMatchObject({ epoch: 2, version: 2 });
  });

  it('gives a door that joins at epoch 3 everything, with the key of epoch 3 alone', async () => {
    const { publisher, faces, state, openDoor } = await startFleet();
    const early = [faces.put('epoch 1'), faces.put('changed in epoch 2'), faces.put('leaves')];
    await publisher.publish(early);
    await publisher.beginEpoch(randomBytes(32));
    await publisher.publish([faces.put('epoch 2'), faces.put('changed', early[1]!.faceId)]);
    await publisher.beginEpoch(randomBytes(32));
    await publisher.publish([faces.put('epoch 3'), faces.delete(early[2]!.faceId)]);
    const newest = state.facts.epochKeys.get(3);
    const late = openDoor({ findEpochKey: (epoch) => (epoch === 3 ? newest : undefined) });
    expect((await late.copy.sync()).outcome).toBe('applied');
    expect([...late.store.records.values()].sort()).toEqual(faces.texts());
    await publisher.publish([faces.put('still epoch 3')]);
    await late.copy.sync();
    expect([...late.store.records.values()].sort()).toEqual(faces.texts());
  });

  it('keeps a door without its key away from everything that is enrolled later', async () => {
    const { publisher, faces, state, openDoor, log, group, subject } = await startFleet();
    await publisher.publish([faces.put('resident')]);
    const old = state.facts.epochKeys.get(1)!;
    const removed = openDoor({ findEpochKey: (epoch) => (epoch === 1 ? old : undefined) });
    await removed.copy.sync();
    await publisher.beginEpoch(randomBytes(32));
    const late = faces.put('enrolled later');
    await publisher.publish([late]);
    expect(await removed.copy.sync()).toEqual({ outcome: 'no-key' });
    expect([...removed.store.records.values()]).toEqual(['resident']);
    // By hand, with all that it has: neither under its own epoch nor as if the record were of it.
    const sealed = log.values.get(subject(late.faceId))!;
    const record = Buffer.from(subject(late.faceId).split('.')[3]!, 'hex');
    for (const epoch of [1, 2]) {
      const place = { group: Buffer.from(group, 'hex'), epoch, record, modelVersion: 'v1' };
      const renamed = Buffer.from(sealed);
      renamed.writeUInt32BE(epoch, 1);
      expect(() => openRecord(old, place, renamed)).toThrow('does not open');
    }
    expect(readRecordEpoch(sealed)).toBe(2);
    expect([...log.values.values()].some((value) => value.includes(old) || value.includes(state.facts.epochKeys.get(2)!))).toBe(false); // prettier-ignore
  });

  it('drops the wrapped key of a record that is deleted', async () => {
    const { publisher, faces, log, group, find } = await startFleet();
    const [gone, stays] = [faces.put('leaves'), faces.put('stays')];
    await publisher.publish([gone, stays]);
    await publisher.beginEpoch(randomBytes(32));
    const table = (faceId: string): Buffer | undefined => {
      return log.values.get(nameKeyTable(group, parseInt(find(faceId).slice(0, 2), 16)));
    };
    expect(table(gone.faceId)?.includes(Buffer.from(find(gone.faceId), 'hex'))).toBe(true);
    await publisher.publish([faces.delete(gone.faceId)]);
    expect(table(gone.faceId)?.includes(Buffer.from(find(gone.faceId), 'hex')) ?? false).toBe(false);
    expect(table(stays.faceId)?.includes(Buffer.from(find(stays.faceId), 'hex'))).toBe(true);
  });

  it('has its tables of keys healed', async () => {
    const { publisher, faces, log, group, find, openPublisher, openDoor, state } = await startFleet();
    const faceIds = Array.from({ length: 40 }, (_, i) => faces.put(`person ${i}`));
    await publisher.publish(faceIds);
    await publisher.beginEpoch(randomBytes(32));
    const buckets = faceIds.map(({ faceId }) => parseInt(find(faceId).slice(0, 2), 16));
    const others = buckets.filter((bucket) => bucket !== buckets[0]);
    log.values.delete(nameKeyTable(group, buckets[0]!));
    log.values.set(nameKeyTable(group, others[0]!), Buffer.from('no table'));
    const empty = Array.from({ length: 256 }, (_, bucket) => bucket).find((bucket) => !buckets.includes(bucket))!;
    log.values.set(nameKeyTable(group, empty), Buffer.from('of nobody'));
    const again = await openPublisher();
    expect(await again.check()).toMatchObject({ state: 'healed', keyTables: 3 });
    expect(await again.check()).toMatchObject({ state: 'whole' });
    expect(log.values.has(nameKeyTable(group, empty))).toBe(false);
    const late = openDoor({ findEpochKey: (epoch) => (epoch === 2 ? state.facts.epochKeys.get(2) : undefined) });
    log.values.delete(`${nameKeyTables(group)}.${find(faceIds[0]!.faceId).slice(0, 2)}`);
    expect(await late.copy.sync()).toMatchObject({ outcome: 'incomplete' });
    await again.check();
    expect((await late.copy.sync()).outcome).toBe('applied');
    expect([...late.store.records.values()].sort()).toEqual(faces.texts());
  });
});
