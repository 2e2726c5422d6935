// The polite live region of the page: what is written there is read out by screen readers.
import { signal } from '@preact/signals';

/** Text of the live region. */
export const announcement = signal('');

/** Has screen readers read a text out when they are done with what they read now. */
export function announce(text: string): void {
  // The same text twice would not be a change.
  announcement.value = announcement.peek() === text ? `${text}\u00a0` : text;
}
