// State that all screens share: the session, the connection and what the service tells of itself.
import { computed, signal } from '@preact/signals';
import type { statusMessage } from '../api/device/answers.js';
import { mayAct, type Role } from '../domain/role.js';
import type { Answer } from './api/types.js';

/** The signed-in key. */
export interface ConsoleSession {
  /** Name of the admin key. */
  name: string;
  role: Role;
  /** The session ends after so many seconds without an action. */
  idleSeconds: number;
  /** ISO 8601; the session ends then in any case. */
  expiresAt: string;
}

/** Session of this page; undefined until it is known, null while nobody is signed in. */
export const session = signal<ConsoleSession | null | undefined>(undefined);

/** Why the sign-in page is shown, for a person who was signed in before. */
export const signOutReason = signal<'ended' | 'signed-out' | 'link' | 'insecure' | undefined>(undefined);

/** Newest message of the status stream; undefined until the first one. */
export const status = signal<Answer<typeof statusMessage> | undefined>(undefined);

/** False while the service cannot be reached. */
export const online = signal(true);

/** Whether privacy is on; undefined until it is known. */
export const privacy = computed(() => status.value?.privacy);

/** Tells whether the session may do what takes this role. */
export function hasRole(least: Role): boolean {
  return mayAct(session.value?.role, least);
}
