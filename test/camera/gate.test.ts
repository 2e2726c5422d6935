// The gate at which the capture loop waits.
import { expect, test } from 'vitest';
import { Gate } from '../../src/camera/gate.js';
import { ManualTimers, settle } from './manual-timers.js';

function waiter(gate: Gate) {
  const state = { isOver: false };
  void gate.wait().then(() => (state.isOver = true));
  return state;
}

test('a wait ends at the next wake-up, and one that came before is not lost', async () => {
  const gate = new Gate(new ManualTimers());
  gate.wake();
  const first = waiter(gate);
  await settle();
  expect(first.isOver).toBe(true);
  const second = waiter(gate);
  await settle();
  expect(second.isOver).toBe(false);
  gate.wake();
  await settle();
  expect(second.isOver).toBe(true);
});

test('a pause lasts its time, a newer one replaces it, and its end wakes', async () => {
  const timers = new ManualTimers();
  const gate = new Gate(timers);
  gate.closeFor(50);
  gate.closeFor(100);
  const one = waiter(gate);
  await timers.advance(99);
  expect([gate.isOpen, one.isOver]).toEqual([false, false]);
  await timers.advance(1);
  expect([gate.isOpen, one.isOver]).toEqual([true, true]);
});

test('opening ends a pause and leaves no timer behind', async () => {
  const timers = new ManualTimers();
  const gate = new Gate(timers);
  gate.closeFor(100);
  const one = waiter(gate);
  gate.open();
  await settle();
  expect([gate.isOpen, one.isOver, timers.waitingMs]).toEqual([true, true, []]);
});
