// The log: one JSON object per line, and the prefix that journald reads.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLog, forJournal, writesToJournal } from '../../src/platform/log.js';

describe('the log', () => {
  it('writes the level as a word, the time, the fields and the message, and nothing about the machine', () => {
    const lines: string[] = [];
    const log = createLog('info', { write: (line: string) => void lines.push(line) });
    log.debug({}, 'below the level');
    log.warn({ camera: 'front' }, 'camera lost');
    expect(lines).toHaveLength(1);
    const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(rest).toEqual({ level: 'warn', camera: 'front', msg: 'camera lost' });
  });

  it('keeps the stack and the code of an error', () => {
    const lines: string[] = [];
    const log = createLog('info', { write: (line: string) => void lines.push(line) });
    log.error({ err: Object.assign(new Error('full'), { code: 'ENOSPC' }) }, 'disk');
    const { err } = JSON.parse(lines[0] ?? '') as { err: Record<string, unknown> };
    expect(err).toMatchObject({ type: 'Error', message: 'full', code: 'ENOSPC' });
    expect(err.stack).toContain('log.test');
  });
});

describe('for the journal', () => {
  it('every line begins with the priority of its level, followed by JSON', () => {
    const lines: string[] = [];
    const log = createLog('trace', forJournal({ write: (line: string) => void lines.push(line) }));
    log.trace({}, 'one');
    log.debug({}, 'two');
    log.info({}, 'three');
    log.warn({ level: 'error' }, 'four');
    log.error({}, 'five');
    expect(lines.map((line) => line.slice(0, 3))).toEqual(['<7>', '<7>', '<6>', '<4>', '<3>']);
    expect(lines.every((line) => line.endsWith('}\n'))).toBe(true);
    expect(JSON.parse(lines[4]?.slice(3) ?? '')).toMatchObject({ level: 'error', msg: 'five' });
  });

  it('lines that wait are written on demand and at the end of the process', async () => {
    const script = `
      import { createLog, forJournal } from './src/platform/log.ts';
      import { LogOutput } from './src/platform/log-output.ts';
      const log = createLog('info', forJournal(new LogOutput(process.stdout.fd)));
      log.warn({}, 'first');
      await new Promise((resolve) => log.flush(resolve));
      log.error({}, 'last');
      process.exit(0);`;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      script,
    ]);
    expect(stdout).toMatch(/^<4>\{.*"first"\}\n<3>\{.*"last"\}\n$/);
  });

  it.each([
    [undefined, false],
    ['8:77', true],
    ['8:78', false],
    ['8', false],
    ['', false],
  ])(
    'standard output with device 8 and inode 77 is the journal for JOURNAL_STREAM %j: %s',
    (journalStream, expected) => {
      expect(writesToJournal(journalStream, () => ({ dev: 8, ino: 77 }))).toBe(expected);
    },
  );

  it('an output that is closed is not the journal', () => {
    const closed = (): never => {
      throw Object.assign(new Error('closed'), { code: 'EBADF' });
    };
    expect(writesToJournal('8:77', closed)).toBe(false);
  });
});
