// The requests about what the broker did not take, between the command line and the running service.
import * as z from 'zod';
import type { AdminRoute } from '../platform/admin-socket.js';
import type { Events } from './events.js';
import { setAsideEntrySchema, type SetAsideEntry } from './set-aside.js';

/** Answer to each request. */
export interface SetAsideAnswer {
  /** Events that are set aside now, oldest first. */
  entries: SetAsideEntry[];
  /** Number of events that the broker took, or that were forgotten; absent for a list, and without a connection to the broker. */
  count?: number | undefined;
}

export const SET_ASIDE_PATH = '/set-aside';
export const RESEND_PATH = '/set-aside/resend';
export const FORGET_PATH = '/set-aside/forget';

const answerSchema = z.object({ entries: z.array(setAsideEntrySchema), count: z.int().optional() });

/** Creates the routes of the admin socket. */
export function createSetAsideRoutes(
  events: Pick<Events, 'listSetAside' | 'resendSetAside' | 'forgetSetAside'>,
): Record<string, AdminRoute> {
  const answer = async function* (work: () => Promise<number | undefined>): AsyncGenerator<Uint8Array> {
    const count = await work();
    const body: SetAsideAnswer = { entries: events.listSetAside(), ...(count === undefined ? {} : { count }) };
    yield Buffer.from(JSON.stringify(body));
  };
  return {
    [`GET ${SET_ASIDE_PATH}`]: () => answer(async () => undefined),
    [`POST ${RESEND_PATH}`]: () => answer(() => events.resendSetAside()),
    [`POST ${FORGET_PATH}`]: () => answer(async () => events.forgetSetAside()),
  };
}

/** @throws SyntaxError, ZodError for a text that is no such answer */
export function parseSetAsideAnswer(text: string): SetAsideAnswer {
  return answerSchema.parse(JSON.parse(text));
}
