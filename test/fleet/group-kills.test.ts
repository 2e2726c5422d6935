// The authority is cut off and killed at every single write: no version number ever gets two roots, and every copy ends equal.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AppError } from '../../src/errors.js';
import type { FaceChange, GroupPublisher } from '../../src/fleet/group-publisher.js';
import { openHead } from '../../src/fleet/head.js';
import { randomNumbers } from '../store/values.js';
import { startFleet, type TestFleet } from './fleet-fakes.js';

/** Collects the root of each version that the log ever got. Fails where one version gets two. */
function watchRoots({ log, keys, group }: TestFleet): Map<number, string> {
  const roots = new Map<number, string>();
  log.onWrite = (subject) => {
    if (subject !== `head.${group}`) return;
    const { head } = openHead(keys.publicKey, log.values.get(subject)!);
    expect(roots.get(head.version) ?? head.root, `root of version ${head.version}`).toBe(head.root);
    roots.set(head.version, head.root);
  };
  return roots;
}

/** What an authority does in a day: enrolments, deletions, changes, a new epoch. */
async function live({ faces }: TestFleet, publisher: GroupPublisher): Promise<void> {
  const first = ['anna', 'bert', 'carla', 'dora'].map((name) => faces.put(name));
  await publisher.publish(first);
  await publisher.publish([faces.delete(first[0]!.faceId), faces.put('emil'), faces.put('berta', first[1]!.faceId)]);
  await publisher.beginEpoch(randomBytes(32));
  await publisher.publish([faces.put('fritz'), faces.delete(first[2]!.faceId)]);
  await publisher.publish([faces.put('dorothea', first[3]!.faceId)]);
}

async function countWrites(target: 'log' | 'state'): Promise<number> {
  const fleet = await startFleet();
  await fleet.publisher.check();
  const before = fleet[target].writes;
  await live(fleet, fleet.publisher);
  return fleet[target].writes - before;
}

describe.each(['log', 'state'] as const)('an authority that is killed at a write to the %s', (target) => {
  it('goes on after a restart, and the door has what the gallery has', async () => {
    // The number of writes differs by a few: two faces with new ids may lie in one bucket.
    for (let writes = 0, isCut = true; isCut; writes++) {
      const fleet = await startFleet();
      const { copy, store, faces } = fleet;
      const roots = watchRoots(fleet);
      await fleet.publisher.check();
      fleet[target].writesLeft = writes;
      const code = await live(fleet, fleet.publisher).catch((error: AppError) => error.code);
      isCut = code !== undefined;
      if (isCut) expect(code).toBe(target === 'log' ? 'FLEET_UNREACHABLE' : 'STORE_UNAVAILABLE');
      else expect(writes).toBeGreaterThan(target === 'log' ? 15 : 4);
      // A door that looks meanwhile has a whole version, or keeps the one before.
      const { outcome } = await copy.sync();
      expect(['applied', 'incomplete', 'unchanged'], `${target} ${writes}: ${outcome}`).toContain(outcome);
      if (copy.applied) expect(roots.get(copy.applied.version)).toBe(copy.applied.root);
      fleet[target].writesLeft = Infinity;
      const again = await fleet.openPublisher();
      await again.check();
      await again.reconcile();
      await again.publish([]);
      await copy.sync();
      expect([...store.records.values()].sort(), `after ${writes} writes`).toEqual(faces.texts());
      expect(copy.applied).toMatchObject({ version: again.version, root: again.root });
      expect(await again.check({ isDeep: true })).toMatchObject({ state: 'whole' });
      expect([...fleet.log.values.keys()].filter((one) => one.includes('record'))).toHaveLength(faces.all.size);
    }
  });

  it('goes on without a restart where the log or the disk was away for a moment', async () => {
    const total = await countWrites(target);
    for (let writes = 0; writes < total; writes += 3) {
      const fleet = await startFleet();
      const { copy, store, faces, publisher } = fleet;
      watchRoots(fleet);
      await publisher.check();
      fleet[target].writesLeft = writes;
      await live(fleet, publisher).catch(() => undefined);
      fleet[target].writesLeft = Infinity;
      await publisher.publish([]);
      await publisher.reconcile();
      await copy.sync();
      expect([...store.records.values()].sort(), `after ${writes} writes`).toEqual(faces.texts());
      expect(await publisher.check({ isDeep: true })).toMatchObject({ state: 'whole' });
    }
  });
});

it('random enrolments, deletions, cuts and kills end with equal copies', async () => {
  const next = randomNumbers(23);
  const random = (below: number): number => Math.floor(next() * below);
  const fleet = await startFleet();
  const { faces, log, copy, store, state } = fleet;
  const roots = watchRoots(fleet);
  let publisher = fleet.publisher;
  for (let round = 0; round < 150; round++) {
    const changes: FaceChange[] = [];
    for (let i = 0; i < 4; i++) {
      const ids = [...faces.all.keys()];
      const known = ids[random(Math.max(1, ids.length))];
      if (known !== undefined && random(2) === 0) changes.push(faces.delete(known));
      else changes.push(faces.put(`round ${round}, ${i}`, random(5) === 0 ? known : undefined));
    }
    if (random(3) === 0) log.writesLeft = random(12);
    if (random(5) === 0) state.writesLeft = random(2);
    if (random(10) === 0) await publisher.beginEpoch(randomBytes(32)).catch(() => undefined);
    await publisher.publish(changes).catch(() => undefined);
    [log.writesLeft, state.writesLeft] = [Infinity, Infinity];
    if (random(4) === 0) publisher = await fleet.openPublisher();
    if (random(6) === 0) log.values.clear();
    if (random(4) === 0) await publisher.check();
    if (random(2) === 0) await copy.sync();
    if (copy.applied) expect(roots.get(copy.applied.version)).toBe(copy.applied.root);
  }
  await publisher.reconcile();
  await publisher.check();
  await copy.sync();
  expect([...store.records.values()].sort()).toEqual(faces.texts());
  expect(copy.applied?.root).toBe(publisher.root);
});

it('a group whose deletion was cut off at any write is deleted in the end', async () => {
  for (let writes = 0; writes < 3; writes++) {
    const fleet = await startFleet();
    const { publisher, faces, log, copy, group } = fleet;
    await publisher.publish([faces.put('anna'), faces.put('bert')]);
    await copy.sync();
    log.writesLeft = writes;
    if (writes < 2) await expect(publisher.remove()).rejects.toMatchObject({ code: 'FLEET_UNREACHABLE' });
    else await publisher.remove();
    log.writesLeft = Infinity;
    const again = await fleet.openPublisher();
    expect(again.isDeleted).toBe(true);
    await again.check();
    expect([...log.values.keys()]).toEqual([`head.${group}`]);
    expect((await copy.sync()).outcome).toBe('deleted');
  }
});
