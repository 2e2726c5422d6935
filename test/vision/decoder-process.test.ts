// The process that decodes pictures: the same pixels as within this process, and an end whenever its worker wants it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DecoderProcess } from '../../src/vision/decoder-process.js';
import { localDecoder } from '../../src/vision/local-decoder.js';
import { png } from '../hostile/files.js';
import { DECODER_FILE } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';

function startDecoder(file = DECODER_FILE): DecoderProcess {
  const decoder = new DecoderProcess(file);
  onTestFinished(() => decoder.abandon());
  return decoder;
}

/** Starts a decoder that writes its process id into a file, and then does what the script says about each picture. */
function startScripted(onPicture: string): { decoder: DecoderProcess; pidFile: string } {
  const folder = tempDir();
  const file = join(folder, 'decoder.mjs');
  const pidFile = join(folder, 'pid');
  writeFileSync(
    file,
    `import { writeFileSync } from 'node:fs';
    process.on('message', ({ bytes }) => {
      writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));
      ${onPicture}
    });`,
  );
  return { decoder: startDecoder(pathToFileURL(file)), pidFile };
}

const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/State:\tZ/.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
const readPid = (pidFile: string): number => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0);

describe('a decoder process', () => {
  it('gives the pixels and the errors of the decoder within this process', async () => {
    const decoder = startDecoder();
    const picture = sharp({ create: { width: 300, height: 200, channels: 3, background: '#a83' } });
    for (const bytes of [await picture.clone().png().toBuffer(), await picture.clone().jpeg().toBuffer()]) {
      const expected = await localDecoder.decode(bytes, 'error');
      const decoded = await decoder.decode(bytes, 'error');
      expect(decoded).toMatchObject({ widthPx: 300, heightPx: 200 });
      expect(Buffer.from(decoded.rgb).equals(Buffer.from(expected.rgb))).toBe(true);
    }
    await expect(decoder.decode(Buffer.from('no picture'), 'error')).rejects.toThrow(/unsupported image format/);
    await expect(decoder.decode(png({ widthPx: 8_000, heightPx: 8_000 }), 'error')).rejects.toThrow(/pixel limit/);
  });

  it.each([
    { bytes: 50_000_001, isKept: false },
    { bytes: 1_000, isKept: true },
  ])('is kept after a picture of $bytes bytes of pixels: $isKept', async ({ bytes, isKept }) => {
    const { decoder, pidFile } = startScripted(
      'process.send({ rgb: new Uint8Array(bytes.length), widthPx: 1, heightPx: 1 });',
    );
    expect((await decoder.decode(new Uint8Array(bytes), 'none')).rgb).toHaveLength(bytes);
    const first = readPid(pidFile);
    await decoder.decode(new Uint8Array(1), 'none');
    expect(readPid(pidFile) === first).toBe(isKept);
  });

  it('ends at once when it is abandoned, and the next picture has another process', async () => {
    const { decoder, pidFile } = startScripted(
      `if (bytes.length === 1) for (;;);
      process.send({ rgb: bytes, widthPx: 1, heightPx: 1 });`,
    );
    const endless = decoder.decode(new Uint8Array(1), 'none');
    const abandoned = expect(endless).rejects.toThrow('abandoned');
    await expect.poll(() => readPid(pidFile), { timeout: 10_000 }).toBeGreaterThan(0);
    const first = readPid(pidFile);
    decoder.abandon();
    await abandoned;
    await expect.poll(() => isAlive(first), { timeout: 10_000 }).toBe(false);
    expect(await decoder.decode(new Uint8Array([1, 2, 3]), 'none')).toMatchObject({ widthPx: 1 });
    expect(readPid(pidFile)).not.toBe(first);
  });

  it('fails the picture at which it crashes, and decodes the next one', async () => {
    const { decoder } = startScripted(
      `if (bytes.length === 1) process.kill(process.pid, 'SIGSEGV');
      process.send({ rgb: bytes, widthPx: 1, heightPx: 1 });`,
    );
    await expect(decoder.decode(new Uint8Array(1), 'none')).rejects.toThrow('ended with SIGSEGV');
    expect(await decoder.decode(new Uint8Array(3), 'none')).toMatchObject({ widthPx: 1 });
  });

  it('is given no environment but the limits of its allocator, and so no key', async () => {
    const { decoder } = startScripted(`process.send({ problem: Object.keys(process.env).join() });`);
    await expect(decoder.decode(new Uint8Array(1), 'none')).rejects.toThrow(
      /^MALLOC_ARENA_MAX,MALLOC_MMAP_THRESHOLD_,MALLOC_TRIM_THRESHOLD_,UV_THREADPOOL_SIZE$/,
    );
  });

  it('is a fault of the service where it cannot be started', async () => {
    const decoder = startDecoder(pathToFileURL(join(tempDir(), 'missing.js')));
    await expect(decoder.decode(new Uint8Array(1), 'none')).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });
});
