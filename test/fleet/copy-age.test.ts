import { describe, expect, it } from 'vitest';
import { CopyAge } from '../../src/fleet/copy-age.js';

const START = Date.parse('2026-11-28T12:00:00Z');
const LIMIT_MS = 60_000;

function createAge() {
  let wallMs = START;
  let passedMs = 0;
  const age = new CopyAge({ clock: () => wallMs, monotonic: () => passedMs });
  return {
    age,
    pass: (ms: number) => {
      wallMs += ms;
      passedMs += ms;
    },
    setClock: (byMs: number) => (wallMs += byMs),
    sign: () => new Date(wallMs).toISOString(),
  };
}

describe('the age of a copy', () => {
  it('is above every limit before the first head', () => {
    expect(createAge().age.isAbove(Infinity)).toBe(true);
  });

  it('counts from the time that the authority signed, also for a head that came late', () => {
    const { age, pass, sign } = createAge();
    const issuedAt = sign();
    pass(LIMIT_MS - 1);
    age.hear(issuedAt);
    expect(age.isAbove(LIMIT_MS)).toBe(false);
    pass(2);
    expect(age.isAbove(LIMIT_MS)).toBe(true);
    age.hear(sign());
    expect(age.isAbove(LIMIT_MS)).toBe(false);
  });

  it('grows while the log shows the same head again and again, also when the clock is set back', () => {
    const { age, pass, setClock, sign } = createAge();
    const frozen = sign();
    age.hear(frozen);
    setClock(-3_600_000);
    for (let i = 0; i < 7; i++) {
      pass(10_000);
      age.hear(frozen);
    }
    expect(age.isAbove(LIMIT_MS)).toBe(true);
  });
});
