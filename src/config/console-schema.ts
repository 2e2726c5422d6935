// The section `console` of the configuration: the web page for people beside the door, its sessions, and who may embed it.
import * as z from 'zod';
import { isOrigin } from './fields.js';

const ORIGIN_RULE =
  'must be an origin as browsers send it, such as https://lintel.example.org: scheme, host and port, in lower case and without a path';

/** Origins without the characters that have a meaning in the header Content-Security-Policy. */
const PLAIN_ORIGIN = /^https?:\/\/[a-z0-9.:[\]-]+$/;

export const consoleSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: the service hands out no console, and takes no sign-in'),
    idleMinutes: z
      .number()
      .min(0.1)
      .max(43_200)
      .default(30)
      .describe('a session ends when its user has done nothing for this long; a page that only shows does not count'),
    sessionHours: z
      .number()
      .min(0.1)
      .max(720)
      .default(12)
      .describe('a session ends after this long, whatever its user does'),
    publicOrigin: z
      .string()
      .refine(
        (text) => isOrigin(text) && text.startsWith('https://'),
        `${ORIGIN_RULE}; and it must begin with https://`,
      )
      .optional()
      .describe(
        'origin of the console behind a reverse proxy on this machine that speaks HTTPS, such as https://lintel.example.org',
      ),
    frameAncestors: z
      .array(z.string().refine((text) => PLAIN_ORIGIN.test(text) && isOrigin(text), ORIGIN_RULE))
      .default([])
      .describe(
        'origins whose pages may show the console in a frame (frame-ancestors), such as a Home Assistant panel; none by default',
      ),
  })
  .prefault({});
