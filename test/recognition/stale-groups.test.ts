// Copies of the fleet that are too old to be relied on: nobody is let in by them, and the other groups of the camera go on.
import { expect, test } from 'vitest';
import type { CopyTrust } from '../../src/gallery/copy-trust.js';
import { openDoor, staff } from './door.js';

const anna = 0;
const bert = 1;
const zoe = 2;
const guests = { ...staff, groupId: 'guests' };
const both = { group: undefined, groups: [{ group: 'staff' }, { group: 'guests' }] };
const standing = (person: number) => () => [{ person, x: 320 }];
const detail = 'group staff is a copy of the fleet that is too old';

async function openDoors(keys: object = both) {
  const stale = new Set(['staff']);
  const copyTrust: CopyTrust = ({ groupId }) => (stale.has(groupId) ? 'stale' : undefined);
  const door = await openDoor({ keys, parts: { copyTrust } });
  await door.gallery.createGroup(guests, 'model-1');
  return { ...door, stale };
}

test('a person of a stale group is uncertain, nameless and declared, and is let in when the fleet is heard again', async () => {
  const door = await openDoors({ group: 'staff' });
  await door.enrol(anna, 'anna');
  expect(door.recogniser.health()).toEqual({ status: 'degraded', detail });
  await door.play(2_000, standing(anna));
  expect(door.events.reasons).toEqual(['uncertain gallery-stale']);
  expect(JSON.stringify(door.events.first)).not.toMatch(/anna|faceId/);
  door.stale.clear();
  await door.play(2_000, standing(anna));
  expect(door.events.reasons).toEqual(['uncertain gallery-stale', 'match agreed']);
  expect(door.recogniser.health()).toEqual({ status: 'ok' });
});

test('a person of a fresh group is let in beside a stale one; nobody can say who else is a stranger', async () => {
  const door = await openDoors();
  await door.enrol(anna, 'anna');
  await door.enrol(bert, 'bert', 1, guests);
  await door.play(1_000, () => [
    { person: anna, x: 120 },
    { person: bert, x: 320 },
    { person: zoe, x: 520 },
  ]);
  expect(door.events.reasons.toSorted()).toEqual([
    'match agreed',
    'uncertain gallery-stale',
    'uncertain gallery-stale',
  ]);
  expect(door.events.published).toContain('match bert');
});

test('a stranger who was uncertain is decided again when the group is fresh', async () => {
  const door = await openDoors();
  await door.play(2_000, standing(zoe));
  door.stale.clear();
  await door.play(3_000, standing(zoe));
  expect(door.events.reasons[0]).toBe('uncertain gallery-stale');
  expect(door.events.reasons).not.toContain('match agreed');
});

test('the same person in a stale and a fresh group is let in by the fresh one', async () => {
  const door = await openDoors();
  await door.enrol(anna, 'anna');
  await door.enrol(anna, 'anna', 1, guests);
  await door.play(1_000, standing(anna));
  expect(door.events.reasons).toEqual(['match agreed']);
  expect(door.events.first).toMatchObject({ groupId: 'guests' });
});

test('the most similar person is of the stale group: nobody else is let in as somebody like them', async () => {
  const door = await openDoors();
  await door.enrol(anna, 'anna');
  await door.enrol(anna, 'her-twin', 0.95, guests);
  await door.play(1_000, standing(anna));
  expect(door.events.published).toEqual(['uncertain']);
});

test('a group that becomes stale while a person stands there grants nothing more', async () => {
  const door = await openDoors({ group: 'staff' });
  door.stale.clear();
  await door.enrol(anna, 'anna');
  await door.play(1_000, standing(anna));
  expect(door.events.reasons).toEqual(['match agreed']);
  door.stale.add('staff');
  await door.play(5_000, () => []);
  await door.play(2_000, standing(anna));
  expect(door.events.reasons).toEqual(['match agreed', 'uncertain gallery-stale']);
  // Two shots agreed while the group was fresh: the third one decides, and it is stale by then.
  const other = await openDoors({ group: 'staff' });
  other.stale.clear();
  await other.enrol(anna, 'anna');
  await other.play(2_000, (n) => {
    if (n === 2) other.stale.add('staff');
    return [{ person: anna, x: 320 }];
  });
  expect(other.events.reasons).toEqual(['uncertain gallery-stale']);
});
