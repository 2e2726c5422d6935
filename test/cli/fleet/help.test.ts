// The help of `lintel fleet` and of its commands, letter by letter.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FLEET_COMMANDS } from '../../../src/cli/fleet/fleet.js';
import { lintel } from '../terminal.js';

/** In the order of the help. */
const NAMES = [
  'status',
  'invite',
  'approve',
  'refuse',
  'join',
  'remove',
  'leave',
  'proof',
  'events',
  'server-config',
  'demo',
];

it('is that of help.txt, in at most 100 columns', async () => {
  const helps: string[] = [];
  for (const args of [['fleet'], ...NAMES.map((name) => ['fleet', name])]) {
    const { code, stdout } = await lintel([...args, '--help'], { fleet: FLEET_COMMANDS });
    expect(code).toBe(0);
    helps.push(`$ lintel ${args.join(' ')} --help\n${stdout}`);
  }
  const text = helps.join('\n');
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  expect(text).toBe(readFileSync(new URL('help.txt', import.meta.url), 'utf8'));
});
