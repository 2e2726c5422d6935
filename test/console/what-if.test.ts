// What another threshold would have decided on stored events, and the figures of the screen on trust.
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/config/schema.js';
import { acceptsPerAttempt } from '../../src/domain/false-accept.js';
import { showOneIn, showShare } from '../../src/console/screens/trust/show-share.js';
import {
  countReasons,
  decideAgain,
  promiseAt,
  writeYaml,
  type CameraThreshold,
  type PastDecision,
  type Similarities,
} from '../../src/console/screens/trust/what-if.js';

let sequence = 0;
function decision(rest: Partial<PastDecision>): PastDecision {
  return {
    sequence: ++sequence,
    decidedAt: '2026-01-02T03:04:05.000Z',
    cameraId: 'front',
    groupId: 'staff',
    type: 'unknown',
    reason: 'below-threshold',
    similarity: 85,
    threshold: 90,
    ...rest,
  };
}
const match = (similarity: number): PastDecision => decision({ type: 'match', reason: 'agreed', similarity });
const liveness = (mode: 'required' | 'observe' | 'challenge', verdict: 'live' | 'unsure' | 'spoof') => ({
  liveness: { mode, verdict },
});

it('a higher threshold refuses the matches below it, and a match at it stays one', () => {
  const all = [match(91), match(95), match(93), decision({})];
  const { refused, granted } = decideAgain(all, 95);
  expect(refused.map(({ similarity }) => similarity)).toEqual([93, 91]);
  expect(granted).toEqual([]);
  expect(decideAgain(all, 90)).toEqual({ refused: [], granted: [] });
});

it('a lower threshold grants those whom the threshold alone refused', () => {
  const granted = [
    decision({ similarity: 80 }),
    decision({ similarity: 82, ...liveness('observe', 'spoof') }),
    decision({ similarity: 84, ...liveness('required', 'live') }),
  ];
  const others = [
    decision({ similarity: 79.99 }),
    decision({ similarity: 88, ...liveness('required', 'unsure') }),
    decision({ similarity: 88, ...liveness('challenge', 'spoof') }),
    decision({ similarity: 99, reason: 'tie' }),
    decision({ similarity: 99, reason: 'disagreement' }),
    decision({ similarity: 99, type: 'spoof', reason: 'not-alive' }),
    decision({ similarity: 99, type: 'uncertain', reason: 'masked' }),
    decision({ reason: 'empty-group' }),
    match(92),
  ];
  const found = decideAgain([...others, ...granted], 80);
  expect(found.granted).toEqual(granted.toReversed());
  expect(found.refused).toEqual([]);
});

it('reasons are counted, the most frequent first', () => {
  const counts = countReasons([decision({ reason: 'tie' }), decision({}), decision({})]);
  expect(counts).toEqual([
    { reason: 'below-threshold', type: 'unknown', count: 2 },
    { reason: 'tie', type: 'unknown', count: 1 },
  ]);
});

it('the promise at a threshold is that of the domain', () => {
  const falseAcceptRates = Array.from({ length: 101 }, (_, similarity) => 10 ** (4 - similarity / 10));
  const found = { faces: 200, falseAcceptRates } as unknown as Similarities;
  const camera = { agree: 3, outOf: 5 } as CameraThreshold;
  const expected = acceptsPerAttempt(1e-5, { enrolledFaces: 200, agree: 3, outOf: 5 });
  expect(promiseAt(90, found, camera)).toBeCloseTo(expected, 12);
});

it.each([
  ['one group', false, { group: 'staff', threshold: 85 }],
  ['several groups', true, { groups: [{ group: 'staff', threshold: 85 }] }],
])('the YAML of a camera with %s is a configuration that the service takes', (_, ofGroup, rule) => {
  const written = parse(writeYaml('front', 'staff', 85, ofGroup)) as { cameras: object[] };
  expect(written.cameras).toEqual([{ id: 'front', ...rule }]);
  const cameras = written.cameras.map((camera) => ({ ...camera, source: { type: 'file', path: 'none' } }));
  expect(configSchema.safeParse({ cameras }).success).toBe(true);
});

it('small shares have two significant digits, and none is "one in infinity"', () => {
  expect(showShare(0.0000123)).toBe('0.0012%');
  expect(showOneIn(1 / 10_300)).toBe('10,000');
  expect(showOneIn(0.5)).toBe('2');
  expect(showOneIn(0)).toBeUndefined();
  expect(showOneIn(1e-13)).toBeUndefined();
});
