// match-event.schema.json holds the schema of the code; `npx vitest run test/events/event-schema.test.ts -u` writes it again.
import { readFileSync } from 'node:fs';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeEventJsonSchema } from '../../src/events/event-schema.js';
import type { RecognitionEvent } from '../../src/events/event.js';
import { anEvent } from './support.js';

const file = new URL('../../src/events/match-event.schema.json', import.meta.url);

describe('match-event.schema.json', () => {
  it('is made from the schema of the code', async () => {
    const text = await format(JSON.stringify(makeEventJsonSchema()), { parser: 'json', printWidth: 120 });
    await expect(text).toMatchFileSnapshot(file.pathname);
  });

  // Read back from the file, as an integrator's validator would read it.
  const read = (): z.ZodType => z.fromJSONSchema(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>);

  it('accepts a whole event and one without its optional fields', () => {
    const { faceId, imageId, externalImageId, similarity, masked, keyId, signature, ...bare } = anEvent();
    expect([faceId, imageId, externalImageId, similarity, masked, keyId, signature]).not.toContain(undefined);
    expect(read().safeParse(anEvent()).success).toBe(true);
    expect(read().safeParse({ ...bare, type: 'unknown' }).success).toBe(true);
  });

  const wrong: [name: string, change: Partial<Record<keyof RecognitionEvent | 'name', unknown>>][] = [
    ['another version', { version: 1 }],
    ['a reason that is none', { reason: 'because' }],
    ['a signature that is none', { signature: '+/=' }],
    ['a liveness verdict that is none', { liveness: { mode: 'required', verdict: 'maybe' } }],
    ['an unknown type', { type: 'open' }],
    ['a sequence of 0', { sequence: 0 }],
    ['a sequence that is no whole number', { sequence: 1.5 }],
    ['an event id that is no UUID', { eventId: '17' }],
    ['a camera id with a slash', { cameraId: 'a/b' }],
    ['a time that is none', { expiresAt: 'soon' }],
    ['a similarity beyond 100', { similarity: 101 }],
    ['a box beyond the frame', { bbox: { x0: 0, y0: 0, x1: 1.5, y1: 1 } }],
    ['a field that is not of it', { name: 'somebody' }],
  ];
  it.each(wrong)('refuses %s', (_, change) => {
    expect(read().safeParse({ ...anEvent(), ...change }).success).toBe(false);
  });

  it.each(['version', 'eventId', 'sequence', 'deviceId', 'expiresAt', 'reason', 'threshold', 'bbox'] as const)(
    'refuses an event without %s',
    (field) => {
      expect(read().safeParse({ ...anEvent(), [field]: undefined }).success).toBe(false);
    },
  );
});
