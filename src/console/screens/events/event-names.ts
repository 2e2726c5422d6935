// Names of the types and reasons of events, from the words that the console has for them, so that no schema comes into the page.
import type { Reason, RecognitionEvent } from '../../../events/event.js';
import { decisionWords } from '../../decision-words.js';

function listNames<Name extends string>(prefix: string): Name[] {
  const keys = Object.keys(decisionWords.en).filter((key) => key.startsWith(prefix));
  return keys.map((key) => key.slice(prefix.length) as Name);
}

export const EVENT_TYPES = listNames<RecognitionEvent['type']>('type-');
export const REASONS = listNames<Reason>('reason-');
