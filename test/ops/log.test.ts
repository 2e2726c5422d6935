// The log: one JSON object a line.
import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/ops/log.js';

describe('the log', () => {
  it('writes the level as a word, the time, the fields and the message, and nothing of the machine', () => {
    const lines: string[] = [];
    const log = createLog('info', { write: (line: string) => void lines.push(line) });
    log.debug({}, 'too small to be told');
    log.warn({ camera: 'front' }, 'camera lost');
    expect(lines).toHaveLength(1);
    const { time, ...rest } = JSON.parse(lines[0]) as Record<string, unknown>;
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(rest).toEqual({ level: 'warn', camera: 'front', msg: 'camera lost' });
  });

  it('keeps the stack and the code of an error', () => {
    const lines: string[] = [];
    const log = createLog('info', { write: (line: string) => void lines.push(line) });
    log.error({ err: Object.assign(new Error('full'), { code: 'ENOSPC' }) }, 'disk');
    const { err } = JSON.parse(lines[0]) as { err: Record<string, unknown> };
    expect(err).toMatchObject({ type: 'Error', message: 'full', code: 'ENOSPC' });
    expect(err.stack).toContain('log.test');
  });
});
