// What the authority publishes, in the sealed store: it survives restarts and kills, and a deleted key leaves the files.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GroupPublisher } from '../../src/fleet/group-publisher.js';
import { PublishedGroups } from '../../src/fleet/published-groups.js';
import type { PublishedRecord } from '../../src/fleet/published-state.js';
import type { SealedStore } from '../../src/store/sealed-store.js';
import { openStore, temporaryDirectory } from '../store/support.js';
import { Faces, HOUR, MemoryLog, newId } from './fleet-fakes.js';
import { generateKeyPairSync } from 'node:crypto';

async function openGroups(store: SealedStore): Promise<PublishedGroups> {
  const groups = new PublishedGroups({ store, randomBytes });
  await groups.open();
  return groups;
}

function makeRecord(): PublishedRecord {
  return { epoch: 1, digest: randomBytes(32), plainDigest: randomBytes(16), key: randomBytes(32) };
}

describe('a published group in the store', () => {
  it('is as it was after a restart', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const groups = await openGroups(store);
    const [group, other] = [newId(), newId()];
    const stored = await groups.create({ group, modelVersion: 'v1' });
    await groups.create({ group: other, modelVersion: 'v2' });
    await expect(groups.create({ group, modelVersion: 'v1' })).rejects.toThrow('published already');
    const records = new Map(Array.from({ length: 300 }, () => [newId(), makeRecord()]));
    const gone = newId();
    await stored.write({
      facts: { version: 7, root: 'ab'.repeat(32) },
      puts: new Map([...records, [gone, makeRecord()]]),
    });
    const epochKeys = new Map([...stored.facts.epochKeys, [2, randomBytes(32)] as const]);
    await stored.write({ facts: { version: 8, epoch: 2, epochKeys }, deletes: [gone] });
    await store.stop();
    const again = await openGroups(await openStore(directory));
    expect(again.list()).toHaveLength(2);
    const found = again.find(group)!;
    expect(found.facts).toEqual(stored.facts);
    expect(found.facts).toMatchObject({ version: 8, epoch: 2, modelVersion: 'v1', isDeleted: false });
    const read = new Map<string, PublishedRecord>();
    for await (const [id, record] of found.entries()) read.set(id, record);
    expect(read).toEqual(records);
    expect([...read.keys()]).toEqual([...records.keys()].sort());
    const [id] = records.keys();
    const bucket = parseInt(id!.slice(0, 2), 16);
    const listed: string[] = [];
    for await (const [one] of found.entries(bucket)) listed.push(one);
    expect(listed).toEqual([...records.keys()].filter((one) => one.startsWith(id!.slice(0, 2))).sort());
    expect(await found.find(id!)).toEqual(records.get(id!));
    expect(await found.find(gone)).toBeUndefined();
  });

  it('erases the key of a record that is deleted or replaced', async () => {
    const store = await openStore(await temporaryDirectory());
    const stored = await (await openGroups(store)).create({ group: newId(), modelVersion: 'v1' });
    const [a, b] = [newId(), newId()];
    await stored.write({ facts: {}, puts: new Map([a, b].map((id) => [id, makeRecord()])) });
    await store.idle();
    expect(store.stats().pendingErasures).toBe(0);
    let most = 0;
    const count = (): void => void (most = Math.max(most, store.stats().pendingErasures));
    await stored.write({ facts: {}, deletes: [a] });
    count();
    await store.idle();
    await stored.write({ facts: {}, puts: new Map([[b, makeRecord()]]), replaced: new Set([b]) });
    count();
    await store.idle();
    expect([most, store.stats().pendingErasures]).toEqual([1, 0]);
  });

  it('has no key left when it is deleted, also where a kill came between', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const groups = await openGroups(store);
    const group = newId();
    const stored = await groups.create({ group, modelVersion: 'v1' });
    const id = newId();
    await stored.write({ facts: { version: 3 }, puts: new Map([[id, makeRecord()]]) });
    // What a kill before the second batch leaves: both spaces.
    const [old] = store.spaces('fleet-group');
    const destroy = store.destroySpace.bind(store);
    store.destroySpace = () => Promise.reject(new Error('killed'));
    await expect(stored.destroyKeys(4, 'ab'.repeat(32))).rejects.toThrow('killed');
    store.destroySpace = destroy;
    expect([store.spaces('fleet-group').length, old?.destroyed]).toEqual([2, false]);
    await store.stop();
    const later = await openStore(directory);
    const again = await openGroups(later);
    expect(later.spaces('fleet-group')).toHaveLength(1);
    expect(again.find(group)!.facts).toMatchObject({ version: 4, isDeleted: true });
    expect(again.find(group)!.facts.epochKeys.size).toBe(0);
    expect(await again.find(group)!.find(id)).toBeUndefined();
    await again.forget(again.find(group)!);
    expect([again.list().length, later.spaces('fleet-group').length]).toEqual([0, 0]);
  });
});

it('a publisher goes on from the store after a restart', async () => {
  const directory = await temporaryDirectory();
  const [log, faces, fleet, group] = [new MemoryLog(), new Faces(), newId(), newId()];
  const { privateKey: authority } = generateKeyPairSync('ed25519');
  const open = async (store: SealedStore): Promise<GroupPublisher> => {
    const groups = await openGroups(store);
    const state = groups.find(group) ?? (await groups.create({ group, modelVersion: 'v1' }));
    const options = { log, authority, fleet, state, listFaces: () => faces.list(), headLifeMs: HOUR };
    return GroupPublisher.open({ ...options, clock: Date.now, randomBytes });
  };
  const store = await openStore(directory);
  const publisher = await open(store);
  const leaves = faces.put('leaves');
  await publisher.publish([leaves, faces.put('stays')]);
  await publisher.beginEpoch(randomBytes(32));
  await publisher.publish([faces.delete(leaves.faceId), faces.put('comes')]);
  const { version, root } = publisher;
  await store.stop();
  const again = await open(await openStore(directory));
  expect([again.version, again.root, again.records]).toEqual([version, root, 2]);
  expect(await again.check({ isDeep: true })).toMatchObject({ state: 'whole' });
  expect(await again.reconcile()).toEqual({ put: 0, deleted: 0 });
  log.values.clear();
  expect(await again.check()).toMatchObject({ records: 2 });
  expect([again.version, again.root]).toEqual([version, root]);
});
