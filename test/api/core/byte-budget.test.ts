// The budget of bytes: refusals, small requests, slow transfers, and what comes back.
import { describe, expect, it } from 'vitest';
import { ByteBudget, FREE_BYTES, type Reservation } from '../../../src/api/core/byte-budget.js';
import { GrowingBuffer } from '../../../src/api/core/growing-buffer.js';

const MB = 1_000_000;

function openBudget(maxBytes = 10 * MB): { budget: ByteBudget; pass: (ms: number) => void } {
  let nowMs = 0;
  return { budget: new ByteBudget({ maxBytes, monotonicMs: () => nowMs }), pass: (ms) => void (nowMs += ms) };
}

function holding(budget: ByteBudget, bytes: number): Reservation {
  const reservation = budget.open();
  reservation.hold(bytes);
  return reservation;
}

const busy = expect.objectContaining({ code: 'SERVER_BUSY' }) as unknown as Error;

describe('the budget', () => {
  it('is refused beyond its limit, to the byte, and is whole again after a release', () => {
    const { budget } = openBudget();
    const first = holding(budget, 9 * MB);
    const second = holding(budget, MB);
    expect(() => second.hold(1)).toThrow(busy);
    expect(budget.stats()).toEqual({ heldBytes: 10 * MB, refused: 1, cutOff: 0 });
    first.release();
    first.release();
    second.hold(9 * MB);
    expect(budget.stats().heldBytes).toBe(10 * MB);
    second.release();
    expect(budget.stats().heldBytes).toBe(0);
  });

  it('always has room for small requests', () => {
    const { budget } = openBudget();
    holding(budget, 10 * MB);
    const small = holding(budget, FREE_BYTES);
    expect(() => small.hold(1)).toThrow(busy);
    expect(budget.stats().heldBytes).toBe(10 * MB + FREE_BYTES);
  });

  it('cuts off slow transfers, the slowest first, and nothing else', () => {
    const { budget, pass } = openBudget();
    const cut: string[] = [];
    const transfer = (name: string, bytes: number) => {
      holding(budget, bytes).beginTransfer(budget.nowMs(), () => cut.push(name));
    };
    transfer('slow', 3 * MB);
    transfer('slowest', 2 * MB);
    const done = holding(budget, 2 * MB);
    done.beginTransfer(budget.nowMs(), () => cut.push('done'));
    done.endTransfer();
    pass(15_000);
    transfer('fresh', 3 * MB);
    pass(900);
    holding(budget, 2 * MB);
    expect(cut).toEqual(['slowest']);
    holding(budget, 3 * MB);
    expect(cut).toEqual(['slowest', 'slow']);
    expect(() => holding(budget, MB)).toThrow(busy);
    expect(cut).toEqual(['slowest', 'slow']);
    expect(budget.stats()).toEqual({ heldBytes: 10 * MB, refused: 1, cutOff: 2 });
  });
});

it('cuts off a transfer that stalls, however fast it was, and not one that goes on', () => {
  const { budget, pass } = openBudget();
  const cut: string[] = [];
  const transfers = ['stalled', 'going on'].map((name) => {
    const reservation = holding(budget, 5 * MB);
    reservation.beginTransfer(budget.nowMs(), () => cut.push(name));
    reservation.noteProgress(budget.nowMs());
    return reservation;
  });
  pass(1_000);
  transfers[1]?.noteProgress(budget.nowMs());
  holding(budget, 5 * MB);
  expect(cut).toEqual(['stalled']);
  expect(() => holding(budget, MB)).toThrow(busy);
});

describe('a growing buffer', () => {
  const collect = (pieces: Iterable<Uint8Array>, options: { maxBytes: number; announcedBytes?: number }) => {
    const reservation = openBudget().budget.open();
    const buffer = new GrowingBuffer({ ...options, reservation });
    for (const piece of pieces) {
      const problem = buffer.append(piece);
      if (problem) return problem;
    }
    return { bytes: buffer.take(), held: reservation.bytes };
  };

  it.each([
    ['announced', 300_000],
    ['not announced', undefined],
  ])('returns what came, in memory of its own, %s', (_name, announcedBytes) => {
    const all = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => i * 7));
    const pieces = Array.from({ length: 30 }, (_, i) => all.subarray(i * 10_000, (i + 1) * 10_000));
    const collected = collect(pieces, { maxBytes: MB, ...(announcedBytes && { announcedBytes }) });
    if (typeof collected === 'string') throw new Error(collected);
    expect(collected.bytes.equals(all)).toBe(true);
    expect(collected.bytes.buffer.byteLength).toBe(300_000);
    expect(collected.held).toBeGreaterThanOrEqual(300_000);
    expect(collected.held).toBeLessThanOrEqual(announcedBytes ?? 2 * 300_000);
  });

  it('holds only what has come of a body that is announced', () => {
    const collected = collect([Buffer.alloc(100)], { maxBytes: 8 * MB, announcedBytes: 8 * MB });
    expect(collected).toMatchObject({ held: 65_536 });
  });

  it('refuses a body beyond the limit, and one in too many pieces', () => {
    expect(collect([Buffer.alloc(600), Buffer.alloc(600)], { maxBytes: 1_000 })).toBe('too-long');
    const ones = Array.from({ length: 2_000 }, () => Buffer.alloc(1));
    expect(collect(ones, { maxBytes: MB })).toBe('too-many-pieces');
    const lines = Array.from({ length: 20_000 }, () => Buffer.alloc(76));
    expect(collect(lines, { maxBytes: 8 * MB })).toMatchObject({ bytes: { length: 20_000 * 76 } });
  });
});
