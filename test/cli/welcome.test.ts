// The text that the service prints on a terminal when it is ready.
import { expect, it } from 'vitest';
import { formatWelcome } from '../../src/cli/serve.js';

const service = { url: 'http://127.0.0.1:8080', brokerUrl: undefined, firstAppKeyFile: 'keys/app-key' };

it.each([
  [undefined, []],
  ['the built-in models run', ['Less exact than it should be: the built-in models run.']],
])(
  'names the address, and the reason where the service is less exact than it should be: %s',
  (modelsFallback, expected) => {
    const lines = formatWelcome({ ...service, modelsFallback }).split('\n');
    expect(lines).toContain('  events     no broker, topics lintel/#');
    expect(lines).toContain('  base URL   http://127.0.0.1:8080/nhn-face-reco/v1.0/appkeys/{appKey}');
    expect(lines.filter((line) => line.startsWith('Less exact'))).toEqual(expected);
  },
);
