// The process that decodes pictures: the same pixels as within this process, and an end whenever its worker wants it.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
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

/**
 * Starts a decoder that writes its process id into a file, and then does what the script says about each picture: its file is `bytes`.
 * `answer(widthPx, heightPx, body)` answers it; `head(widthPx, heightPx, bodyBytes)` makes the head of an answer for `pipe.write`.
 */
function startScripted(onPicture: string): { decoder: DecoderProcess; pidFile: string } {
  const folder = tempDir();
  const file = join(folder, 'decoder.mjs');
  const pidFile = join(folder, 'pid');
  writeFileSync(
    file,
    `import { writeFileSync } from 'node:fs';
    import { Socket } from 'node:net';
    const pipe = new Socket({ fd: 3 });
    let order = Buffer.alloc(0);
    pipe.on('data', (chunk) => {
      order = Buffer.concat([order, chunk]);
      if (order.length < 24 || order.length < 24 + order.readUInt32LE(20)) return;
      const [mark, bytes] = [order.subarray(0, 16), order.subarray(24)];
      order = Buffer.alloc(0);
      const head = (...fields) => Buffer.concat([mark, Buffer.from(Uint32Array.from(fields).buffer)]);
      const answer = (widthPx, heightPx, body) => pipe.write(Buffer.concat([head(widthPx, heightPx, body.length), body]));
      writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));
      ${onPicture}
    });
    pipe.on('end', () => process.exit());`,
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

  it('hands over all of the largest pixels, and is kept for the next picture', async () => {
    const { decoder, pidFile } = startScripted(`
      const side = bytes[0] * 256;
      const rgb = Buffer.alloc(side * side * 3);
      for (let i = 0; i < rgb.length; i++) rgb[i] = i % 251;
      answer(side, side, rgb);`);
    for (const side of [8, 1, 8]) {
      const { rgb, widthPx, heightPx } = await decoder.decode(new Uint8Array([side]), 'none');
      expect([widthPx, heightPx, rgb.length]).toEqual([side * 256, side * 256, (side * 256) ** 2 * 3]);
      expect(rgb.every((value, i) => value === i % 251)).toBe(true);
    }
    const first = readPid(pidFile);
    await decoder.decode(new Uint8Array([1]), 'none');
    expect(readPid(pidFile)).toBe(first);
  });

  it('ends at once when it is abandoned, and the next picture has another process', async () => {
    const { decoder, pidFile } = startScripted(
      `if (bytes.length === 1) for (;;);
      answer(1, 1, bytes);`,
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
      answer(1, 1, bytes);`,
    );
    await expect(decoder.decode(new Uint8Array(1), 'none')).rejects.toThrow('ended with SIGSEGV');
    expect(await decoder.decode(new Uint8Array(3), 'none')).toMatchObject({ widthPx: 1 });
  });

  it.each([
    ['announces pixels that do not fit the sides', 'pipe.write(head(100, 100, 100))', /announced 100 bytes/],
    ['announces sides beyond the limit', 'pipe.write(head(2049, 1, 6147))', /announced 6147 bytes/],
    ['announces 4 GB of pixels', 'pipe.write(head(2 ** 31, 2 ** 31, 2 ** 32 - 1))', /announced 4294967295 bytes/],
    ['announces a text of 1 MB', 'pipe.write(head(0, 0, 1e6))', /announced 1000000 bytes/],
    ['sends one byte too many', 'pipe.write(Buffer.concat([head(1, 1, 3), Buffer.alloc(4)]))', /more bytes/],
    ['answers an earlier order', 'mark[0] ^= 1; answer(1, 1, bytes)', /no answer/],
    ['is killed amid the pixels', 'pipe.write(head(9, 9, 243), () => process.kill(process.pid, "SIGKILL"))', /SIGKILL/],
    ['closes its pipe amid the pixels', 'pipe.end(head(9, 9, 243))', /ended with SIGKILL/],
    ['exits amid the pixels', 'pipe.write(head(9, 9, 243), () => process.exit(3))', /exit code 3/],
  ])('that %s fails the picture and ends, and the next picture succeeds', async (_what, onFirst, message) => {
    const { decoder, pidFile } = startScripted(`
      if (bytes[0] !== 0) return answer(1, 1, bytes);
      ${onFirst};`);
    await expect(decoder.decode(new Uint8Array(3), 'none')).rejects.toThrow(message);
    const first = readPid(pidFile);
    expect(await decoder.decode(new Uint8Array([1, 2, 3]), 'none')).toEqual({
      rgb: Buffer.from([1, 2, 3]),
      widthPx: 1,
      heightPx: 1,
    });
    expect(readPid(pidFile)).not.toBe(first);
    await expect.poll(() => isAlive(first), { timeout: 10_000 }).toBe(false);
  });

  it('ends when it sends bytes after its answer, which are never pixels of the next picture', async () => {
    const { decoder, pidFile } = startScripted(`
      answer(1, 1, bytes);
      if (bytes[0] === 7) setTimeout(() => pipe.write(Buffer.alloc(31, 9)), 20);`);
    expect((await decoder.decode(new Uint8Array([7, 7, 7]), 'none')).rgb).toEqual(Buffer.from([7, 7, 7]));
    const first = readPid(pidFile);
    await expect.poll(() => isAlive(first), { timeout: 10_000 }).toBe(false);
    expect((await decoder.decode(new Uint8Array([1, 2, 3]), 'none')).rgb).toEqual(Buffer.from([1, 2, 3]));
    expect(readPid(pidFile)).not.toBe(first);
  });

  it('that stalls amid the pixels is abandoned, and the next picture succeeds', async () => {
    const { decoder, pidFile } = startScripted(`
      if (bytes.length === 3) answer(1, 1, bytes);
      else pipe.write(head(2048, 2048, 2048 * 2048 * 3), () => pipe.write(Buffer.alloc(100_000)));`);
    const stalled = expect(decoder.decode(new Uint8Array(1), 'none')).rejects.toThrow('abandoned');
    await expect.poll(() => readPid(pidFile), { timeout: 10_000 }).toBeGreaterThan(0);
    const first = readPid(pidFile);
    decoder.abandon();
    await stalled;
    await expect.poll(() => isAlive(first), { timeout: 10_000 }).toBe(false);
    expect((await decoder.decode(new Uint8Array([1, 2, 3]), 'none')).rgb).toEqual(Buffer.from([1, 2, 3]));
  });

  it('is given no environment but the limits of its allocator, and so no key', async () => {
    const { decoder } = startScripted(`answer(0, 0, Buffer.from(Object.keys(process.env).join()));`);
    await expect(decoder.decode(new Uint8Array(1), 'none')).rejects.toThrow(
      /^MALLOC_ARENA_MAX,MALLOC_MMAP_THRESHOLD_,MALLOC_TRIM_THRESHOLD_,UV_THREADPOOL_SIZE$/,
    );
  });

  it('ends when its worker has ended', async () => {
    const child = spawn(process.execPath, [fileURLToPath(DECODER_FILE)], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    child.stdio[3]!.destroy();
    expect(await ended).toBe('SIGKILL');
  });

  it('is a fault of the service where it cannot be started', async () => {
    const decoder = startDecoder(pathToFileURL(join(tempDir(), 'missing.js')));
    await expect(decoder.decode(new Uint8Array(1), 'none')).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });
});
