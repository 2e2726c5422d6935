// The form that every detail of an error must have.
import { expect } from 'vitest';

/** A sentence for a person: it begins with a capital and ends with one full stop, on one line. */
export const SENTENCE = /^[A-Z][^\n]*[^.\s]\.$/;

export function expectSentence(detail: string | undefined): void {
  expect(detail).toMatch(SENTENCE);
}
