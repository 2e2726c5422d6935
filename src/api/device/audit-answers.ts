// Schemas of the answers about the audit log.
import * as z from 'zod';

const count = z.int().min(0);
const time = z.iso.datetime();

export const auditEntryAnswer = z
  .object({
    sequence: z.int().min(1),
    at: time,
    action: z.string(),
    actor: z.string(),
    subject: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    hash: z.string().meta({ description: 'Chained to the previous entry: see POST /audit/check.' }),
  })
  .meta({ id: 'AuditEntry' });

export const auditListAnswer = z.object({
  entries: z.array(auditEntryAnswer),
  before: z.int().optional().meta({ description: 'Value of `before` for the next page.' }),
  next: z.string().optional().meta({ description: 'Path of the next page; absent on the last page.' }),
});

export const auditRecordAnswer = z.object({
  ...auditEntryAnswer.shape,
  previous: z.string().meta({ description: 'Hash of the entry before; 64 zeroes in the first one.' }),
});

export const auditCheckAnswer = z
  .object({
    state: z.enum(['none', 'running', 'done', 'failed']).meta({
      description: '`none`: no check since the service started. `failed`: the log could not be read to its end.',
    }),
    startedAt: time.optional(),
    endedAt: time.optional(),
    examined: count.optional().meta({ description: 'Number of entries that were read so far.' }),
    entries: count.optional().meta({ description: 'Number of entries that there are to read.' }),
    detail: z.string().optional().meta({ description: 'Why the check failed.' }),
    report: z
      .object({
        ok: z.boolean().meta({ description: 'True where nothing is wrong.' }),
        entries: count.meta({ description: 'Number of entries that could be read.' }),
        firstAt: time.optional(),
        lastAt: time.optional(),
        head: z
          .object({ sequence: count, hash: z.string() })
          .meta({ description: 'The newest entry. Keep a copy of it elsewhere: a shorter log cannot have this head.' }),
        problems: z.array(z.string()).meta({ description: 'One sentence for each problem; at most 20.' }),
        problemCount: count,
      })
      .optional(),
  })
  .meta({ id: 'AuditCheck' });
