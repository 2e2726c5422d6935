// The libraries of the cameras: loaded when a camera first needs them, and their absence.
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ADDON_PATH, loadAddon, type CaptureOptions } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';
import { captureOptions } from './clips.js';

/** Lists libraries of a new process that has loaded the addon and run a script. */
function listLoaded(script: string): string[] {
  const program = `const addon = require(${JSON.stringify(ADDON_PATH)}); ${script};
    console.log(require('node:fs').readFileSync('/proc/self/maps', 'utf8'));`;
  const maps = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  return ['libavformat', 'libopencv_imgcodecs', 'libopencv_videoio'].filter((name) => maps.includes(`/${name}.`));
}

describe('the libraries of the cameras', () => {
  test.each([
    ['are not loaded with the addon', '', []],
    ['are not loaded for the version of OpenCV', 'addon.info().opencv', []],
    ['are not loaded to encode a JPEG', 'addon.encodeJpeg(addon.wrapRgb(new Uint8Array(48), 4, 4), 90)', []],
    ['are FFmpeg alone for its version', 'addon.info().ffmpeg', ['libavformat']],
    // videoio itself loads FFmpeg.
    [
      'are all loaded for the video back-ends',
      'addon.info().backends',
      ['libavformat', 'libopencv_imgcodecs', 'libopencv_videoio'],
    ],
  ])('%s', (_name, script, loaded) => {
    expect(listLoaded(script)).toEqual(loaded);
  });

  test.each<[string, CaptureOptions['source']]>([
    ['a file', { type: 'file', path: ADDON_PATH, loop: false, realTime: true }],
    ['a device', { type: 'device', path: '/dev/video0' }],
  ])('that are missing are the reason why %s does not open', async (_name, source) => {
    const alone = join(tempDir(), 'lintel.node');
    copyFileSync(ADDON_PATH, alone);
    const addon = loadAddon(alone);
    const handle = addon.openCapture(captureOptions(source), () => undefined);
    await vi.waitFor(() => expect(addon.captureState(handle).status).toBe('failed'));
    expect(addon.captureState(handle).error).toMatch(/^a library for cameras cannot be loaded: .*lintel-\w+\.so/);
    await addon.closeCapture(handle);
  });
});
