// Secrets that a configuration may carry in a text are masked; everything else is shown as it is.
import { expect, test } from 'vitest';
import { maskSecrets } from '../../src/config/mask-secrets.js';
import { configSchema } from '../../src/config/schema.js';

test.each([
  ['rtsp://user:pa@ss@camera/stream', 'rtsp://camera/stream'],
  ['http://camera/video?token=abc#x', 'http://camera/video?***'],
  ['https://hook.example.org/x', 'https://hook.example.org/x'],
  [
    'rtspsrc location=rtsp://u:p@cam/1?key=2 user-pw=geheim ! decodebin',
    'rtspsrc location=rtsp://cam/1?*** user-pw=*** ! decodebin',
  ],
  [
    'souphttpsrc location=http://cam/ user-pw="two words" proxy-pw=\'a b\' ! jpegdec',
    'souphttpsrc location=http://cam/ user-pw=*** proxy-pw=*** ! jpegdec',
  ],
  ['x access-token = abc ! y', 'x access-token = *** ! y'],
  ['/dev/video0', '/dev/video0'],
  ['var/keys/camera-password', 'var/keys/camera-password'],
])('%s', (text, shown) => {
  expect(maskSecrets({ a: [{ b: text }] })).toEqual({ a: [{ b: shown }] });
});

test('a configuration without secrets is shown whole, with its defaults', () => {
  const config = configSchema.parse({
    cameras: [
      { id: 'door', group: 'staff', source: { type: 'url', url: 'rtsp://cam/1', username: 'u', passwordFile: 'p' } },
    ],
  });
  expect(maskSecrets(config)).toEqual(JSON.parse(JSON.stringify(config)));
});
