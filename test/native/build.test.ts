// scripts/build-native with missing tools or libraries, and with an addon that is up to date.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ADDON_PATH } from '../../src/native/addon.js';
import { tempDir } from '../support/temp-dir.js';

const OPENCV = 'libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libopencv-videoio-dev';
const SCRIPT = fileURLToPath(new URL('../../scripts/build-native', import.meta.url));

/** Runs the script with only these tools on the path. */
function build(tools: Record<string, string>, headers = '/usr/include/opencv4') {
  const folder = tempDir();
  symlinkSync('/usr/bin/dirname', join(folder, 'dirname'));
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return spawnSync('/bin/bash', [SCRIPT], { env: { PATH: folder, LINTEL_OPENCV_HEADERS: headers }, encoding: 'utf8' });
}

describe('build-native', () => {
  test('names the missing tools and the command that installs them', () => {
    const { status, stderr } = build({ make: 'exit 0' });
    expect(status).toBe(1);
    expect(stderr).toContain('missing: g++ pkg-config');
    expect(stderr).toContain(`sudo apt-get install g++ pkg-config ${OPENCV} libjpeg-dev`);
  });

  test('says that OpenCV is missing', () => {
    const { status, stderr } = build({ 'g++': '', make: '', 'pkg-config': 'exit 1' }, '/nowhere');
    expect(status).toBe(1);
    expect(stderr).toContain('the headers of OpenCV 4 are missing (opencv2/core.hpp)');
    expect(stderr).toContain(`sudo apt-get install ${OPENCV}`);
  });

  test('says that OpenCV is too old', () => {
    const { status, stderr } = build({
      'g++': '',
      make: '',
      'pkg-config': 'if [ "$1" = --modversion ]; then echo 4.2.0; fi',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('OpenCV 4.2.0 is too old, 4.5.4 or newer');
  });

  test.each([
    [4, 5, 3, 'OpenCV 4.5.3 is too old'],
    [4, 5, 4, 'the headers of libjpeg are missing'],
    [4, 10, 0, 'the headers of libjpeg are missing'],
  ])(
    'reads the version %i.%i.%i in the headers where pkg-config does not know it',
    (major, minor, revision, expected) => {
      const headers = tempDir();
      mkdirSync(join(headers, 'opencv2/core'), { recursive: true });
      for (const part of ['core', 'imgproc', 'imgcodecs', 'videoio'])
        writeFileSync(join(headers, `opencv2/${part}.hpp`), '');
      const lines = Object.entries({ MAJOR: major, MINOR: minor, REVISION: revision });
      const text = lines.map(([name, number]) => `#define CV_VERSION_${name}    ${number}\n`).join('');
      writeFileSync(join(headers, 'opencv2/core/version.hpp'), text);
      const { status, stderr } = build({ 'g++': '', make: '', 'pkg-config': 'exit 1' }, headers);
      expect(status).toBe(1);
      expect(stderr).toContain(expected);
    },
  );

  test('says that FFmpeg is missing, and what installs it', () => {
    const { status, stderr } = build({ 'g++': '', make: '', 'pkg-config': 'case "$*" in *libav*) exit 1 ;; esac' });
    expect(status).toBe(1);
    expect(stderr).toContain('pkg-config does not know libavformat');
    expect(stderr).toContain('sudo apt-get install libavformat-dev libavcodec-dev libavutil-dev libswscale-dev');
  });

  test('says that FFmpeg is too old', () => {
    const tooOld = 'case "$*" in --modversion*) echo 58.29.100 ;; *">= 58.76"*) exit 1 ;; esac';
    const { status, stderr } = build({ 'g++': '', make: '', 'pkg-config': tooOld });
    expect(status).toBe(1);
    expect(stderr).toContain("FFmpeg's libavformat 58.29.100 is too old, 58.76 or newer (FFmpeg 4.4) is needed");
  });

  test('does not rebuild an addon that is up to date', () => {
    const before = statSync(ADDON_PATH).mtimeMs;
    expect(spawnSync(SCRIPT, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(statSync(ADDON_PATH).mtimeMs).toBe(before);
  });
});
