// The section `fleet` of the configuration: many doors with copies of one gallery, that of the authority.
import * as z from 'zod';
import { GROUP_ID_PATTERN } from '../domain/ids.js';
import { filePath, plainUrl } from './fields.js';

/** `authority`: its gallery is the truth. `door`: it holds copies. */
export const FLEET_ROLES = ['authority', 'door'] as const;

/** Forms of a door's events in the log of the fleet. `plain`: other subscribers of the server can read them. */
export const FLEET_EVENTS = ['none', 'sealed', 'plain'] as const;

export const fleetSchema = z
  .strictObject({
    role: z
      .enum(FLEET_ROLES)
      .describe('authority: its groups are copied to the doors; door: it holds copies of the groups of an authority'),
    appKey: z
      .string()
      .min(1)
      .default('default')
      .describe(
        'name of an appKey: of an authority, the one whose groups are shared; of a door, the one that sees the copies',
      ),
    groups: z
      .array(z.string().regex(GROUP_ID_PATTERN))
      .min(1)
      .max(1_000)
      .optional()
      .describe('groups that the authority shares; default: all groups of the appKey'),
    servers: z
      .array(plainUrl(['nats:', 'tls:']))
      .min(1)
      .max(16)
      .optional()
      .describe('NATS servers, such as tls://fleet.example.org:4222; a door has them from its invitation'),
    folder: filePath
      .optional()
      .describe(
        'folder that holds the log, on a file share or carried by rsync or a USB stick; the servers are not used then',
      ),
    maxStaleHours: z
      .number()
      .min(0.001)
      .max(8_760)
      .default(24)
      .describe('a door that has heard nothing fresh of a group for this long grants nobody of it'),
    renewSeconds: z
      .number()
      .min(1)
      .max(86_400)
      .default(60)
      .describe('interval at which the authority confirms its groups, and a door reports, also without a change'),
    proposals: z
      .boolean()
      .default(false)
      .describe('a door hands enrolments to the authority, which accepts those of doors; set it on both'),
    events: z
      .enum(FLEET_EVENTS)
      .default('sealed')
      .describe(
        'events of a door in the log of the fleet: none; sealed: for the authority; plain: for every subscriber of the server',
      ),
    eventsMaxAgeHours: z
      .number()
      .min(0.01)
      .max(87_600)
      .default(720)
      .describe('the log keeps events of the doors for this long; a key of the authority'),
    eventsMaxBytes: z
      .int()
      .min(1_000_000)
      .max(1_000_000_000_000)
      .default(10_000_000_000)
      .describe('most bytes of events in the log; the oldest are removed first; a key of the authority'),
  })
  .superRefine(({ role, servers, folder }, context) => {
    if (role === 'authority' && !servers && folder === undefined) {
      const message = 'an authority needs fleet.servers or fleet.folder';
      context.addIssue({ code: 'custom', path: ['role'], message });
    }
  })
  .optional()
  .describe('many doors with one gallery; without this section the device stands alone');

export type FleetConfig = NonNullable<z.output<typeof fleetSchema>>;
