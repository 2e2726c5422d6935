// Signing in to the console: the open sessions, and the one-time tokens of the command line.
import { Sessions } from '../keys/sessions.js';
import { SignInTokens } from '../keys/sign-in-tokens.js';
import type { ServiceBase } from './base.js';
import type { Storage } from './storage.js';

export interface SignIn {
  sessions: Sessions;
  signInTokens: SignInTokens;
}

export function createSignIn(base: ServiceBase, { keys }: Pick<Storage, 'keys'>): SignIn {
  const { config, clock, monotonic, timers } = base;
  const { idleMinutes, sessionHours } = config.console;
  return {
    sessions: new Sessions({
      adminKeys: keys.adminKeys,
      idleMs: idleMinutes * 60_000,
      lifetimeMs: sessionHours * 3_600_000,
      clock,
      monotonic,
      timers,
    }),
    signInTokens: new SignInTokens(monotonic),
  };
}
