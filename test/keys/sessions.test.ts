// Sessions and one-time tokens: what opens them, what ends them, and how many there may be.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RegisteredKey } from '../../src/keys/key-registry.js';
import { Sessions, SESSIONS_IN_ALL, SESSIONS_PER_KEY } from '../../src/keys/sessions.js';
import { SignInTokens, TOKEN_LIFETIME_MS } from '../../src/keys/sign-in-tokens.js';
import { ManualTimers } from '../camera/manual-timers.js';

const IDLE_MS = 60_000;
const LIFETIME_MS = 200_000;
const PLACE = { channel: 'lintel', address: '127.0.0.1' };

const key = (id: string, role: RegisteredKey['role'] = 'viewer'): RegisteredKey & { role: 'viewer' } =>
  ({ id, name: `key-${id}`, fingerprint: 'f', createdAt: 'today', role }) as RegisteredKey & { role: 'viewer' };

interface Open {
  sessions: Sessions;
  timers: ManualTimers;
  /** Ids of the valid keys. */
  valid: Set<string>;
  /** Wall clock, which is set apart from the monotonic one. */
  wall: { ms: number };
  /** Number of times that the listener was called. */
  ended: () => number;
}

function open(): Open {
  const timers = new ManualTimers(1_000_000);
  const valid = new Set(['a', 'b']);
  const wall = { ms: Date.UTC(2026, 0, 1) };
  const sessions = new Sessions({
    adminKeys: { find: (id) => (valid.has(id) ? key(id) : undefined) },
    idleMs: IDLE_MS,
    lifetimeMs: LIFETIME_MS,
    clock: () => wall.ms,
    monotonic: timers.clock,
    timers,
  });
  let count = 0;
  sessions.watch(() => count++);
  onTestFinished(() => sessions.close());
  return { sessions, timers, valid, wall, ended: () => count };
}

describe('a session', () => {
  test('is found by its id alone, which is random and not kept', () => {
    const { sessions } = open();
    const { secret, session } = sessions.open(key('a'), PLACE);
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(sessions.find(secret, 'lintel')).toMatchObject({
      id: session.id,
      name: 'key-a',
      role: 'viewer',
      keyId: 'a',
    });
    for (const wrong of ['', secret.slice(1), `${secret}x`, secret.toLowerCase(), session.id, 'A'.repeat(43)]) {
      expect(sessions.find(wrong, 'lintel')).toBeUndefined();
    }
    expect(JSON.stringify(sessions.list())).not.toContain(secret);
    expect(sessions.open(key('a'), PLACE).secret).not.toBe(secret);
  });

  test('opens nothing under the name of another cookie', () => {
    const { sessions } = open();
    const { secret } = sessions.open(key('a'), PLACE);
    expect(sessions.find(secret, '__Host-lintel')).toBeUndefined();
  });

  test('ends when its user does nothing, and later when the user does something', async () => {
    const { sessions, timers, ended } = open();
    const { secret, session } = sessions.open(key('a'), PLACE);
    await timers.advance(IDLE_MS - 1);
    expect(sessions.find(secret, 'lintel')?.idleLeftMs).toBe(1);
    expect(sessions.touch(session.id)?.idleLeftMs).toBe(IDLE_MS);
    await timers.advance(IDLE_MS - 1);
    expect(sessions.isOpen(session.id)).toBe(true);
    expect(ended()).toBe(0);
    await timers.advance(1);
    expect(sessions.find(secret, 'lintel')).toBeUndefined();
    expect(sessions.touch(session.id)).toBeUndefined();
    // The listeners hear of it without a request.
    await timers.advance(1_000);
    expect(ended()).toBe(1);
    expect(sessions.list()).toEqual([]);
  });

  test('ends after its lifetime, whatever its user does', async () => {
    const { sessions, timers, ended } = open();
    const { secret, session } = sessions.open(key('a'), PLACE);
    for (let ms = 0; ms < LIFETIME_MS; ms += 10_000) {
      expect(sessions.touch(session.id)).toBeDefined();
      await timers.advance(10_000);
    }
    expect(sessions.find(secret, 'lintel')).toBeUndefined();
    await timers.advance(1_000);
    expect(ended()).toBe(1);
    expect(timers.waitingMs).toEqual([]);
  });

  test('neither ends nor goes on when the clock of the device is set', () => {
    const { sessions, wall } = open();
    const { secret, session } = sessions.open(key('a'), PLACE);
    wall.ms += 10 * LIFETIME_MS;
    expect(sessions.find(secret, 'lintel')?.idleLeftMs).toBe(IDLE_MS);
    wall.ms -= 20 * LIFETIME_MS;
    expect(sessions.find(secret, 'lintel')?.expiresAtMs).toBe(wall.ms + LIFETIME_MS);
    expect(sessions.isOpen(session.id)).toBe(true);
  });

  test('ends with its key, at once', () => {
    const { sessions, valid, ended } = open();
    const { secret, session } = sessions.open(key('a'), PLACE);
    const other = sessions.open(key('b'), PLACE);
    valid.delete('a');
    expect(sessions.find(secret, 'lintel')).toBeUndefined();
    expect(sessions.isOpen(session.id)).toBe(false);
    sessions.sweep();
    expect(ended()).toBe(1);
    expect(sessions.list().map(({ id }) => id)).toEqual([other.session.id]);
  });

  test('of a one-time link has no key, and its own name', () => {
    const { sessions } = open();
    const { secret } = sessions.open({ name: 'console@device', role: 'operator' }, PLACE);
    const found = sessions.find(secret, 'lintel');
    expect(found).toMatchObject({ name: 'console@device', role: 'operator' });
    expect(found).not.toHaveProperty('keyId');
  });

  test('is ended by hand once', () => {
    const { sessions, ended } = open();
    const { secret, session } = sessions.open(key('a'), PLACE);
    expect(sessions.end(session.id)?.id).toBe(session.id);
    expect(sessions.end(session.id)).toBeUndefined();
    expect(sessions.find(secret, 'lintel')).toBeUndefined();
    expect(ended()).toBe(1);
  });

  test('gives way to new ones of its key where its user was away for the longest time', async () => {
    const { sessions, timers } = open();
    const other = sessions.open(key('b'), PLACE);
    const first = sessions.open(key('a'), PLACE);
    const second = sessions.open(key('a'), PLACE);
    for (let i = 2; i < SESSIONS_PER_KEY; i++) expect(sessions.open(key('a'), PLACE).gaveWay).toEqual([]);
    await timers.advance(1);
    sessions.touch(first.session.id);
    const { gaveWay } = sessions.open(key('a'), PLACE);
    expect(gaveWay.map(({ id }) => id)).toEqual([second.session.id]);
    expect(sessions.isOpen(first.session.id)).toBe(true);
    expect(sessions.isOpen(second.session.id)).toBe(false);
    expect(sessions.isOpen(other.session.id)).toBe(true);
  });

  test('gives way when there are too many in all', () => {
    const { sessions, valid } = open();
    const ids = Array.from({ length: SESSIONS_IN_ALL + 10 }, (_, i) => `k${i}`);
    for (const id of ids) valid.add(id);
    for (const id of ids) sessions.open(key(id), PLACE);
    const left = sessions.list();
    expect(left).toHaveLength(SESSIONS_IN_ALL);
    expect(left[0]?.keyId).toBe('k10');
  });

  test('is refused for an appKey', () => {
    const { sessions } = open();
    const { id, name, fingerprint, createdAt } = key('a');
    expect(() => sessions.open({ id, name, fingerprint, createdAt }, PLACE)).toThrow(TypeError);
  });
});

describe('a one-time token', () => {
  test('opens one session within a minute', () => {
    const timers = new ManualTimers(0);
    const tokens = new SignInTokens(timers.clock);
    const { token } = tokens.create('operator');
    expect(token).toMatch(/^[\w-]{43}$/);
    timers.nowMs = TOKEN_LIFETIME_MS - 1;
    expect(tokens.redeem('x')).toBeUndefined();
    expect(tokens.redeem(token)).toBe('operator');
    expect(tokens.redeem(token)).toBeUndefined();
    const late = tokens.create('admin');
    timers.nowMs += TOKEN_LIFETIME_MS;
    expect(tokens.redeem(late.token)).toBeUndefined();
  });

  test('is forgotten when many are made', () => {
    const tokens = new SignInTokens(() => 0);
    const all = Array.from({ length: 20 }, () => tokens.create('admin').token);
    expect(all.filter((token) => tokens.redeem(token) !== undefined)).toEqual(all.slice(4));
  });
});
