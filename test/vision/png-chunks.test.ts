// The chunks of a PNG that reach a decoder.
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/addon.js';
import { decodePicture } from '../../src/vision/decode.js';
import { dropUnneededChunks } from '../../src/vision/png-chunks.js';
import { animated, buildPng, exif, png, pngChunk, pngChunks } from '../hostile/files.js';

const types = (bytes: Uint8Array): string[] => pngChunks(Buffer.from(bytes)).map(({ type }) => type);
const plain = png({ widthPx: 100, heightPx: 100 });
const text = pngChunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(1_000))]));
const profile = (length: number): Buffer => pngChunk('iCCP', Buffer.alloc(length, 1));

describe('dropUnneededChunks', () => {
  it('returns a file with nothing to remove as it is', () => {
    expect(dropUnneededChunks(plain)).toBe(plain);
  });

  it('keeps what the pixels depend on, and drops texts, times, animations and private chunks', () => {
    const before = ['gAMA', 'tRNS', 'tEXt', 'eXIf', 'iCCP', 'tIME', 'prVt'].map((type) =>
      pngChunk(type, Buffer.alloc(4)),
    );
    const bytes = png({ widthPx: 100, heightPx: 100, before: [...before, text] });
    const shown = pngChunks(bytes).filter(({ type }) => /^(IHDR|tRNS|eXIf|iCCP|IDAT|IEND)$/.test(type));
    expect(Buffer.from(dropUnneededChunks(bytes))).toEqual(buildPng(shown));
    expect(types(dropUnneededChunks(animated(plain)))).toEqual(['IHDR', 'IDAT', 'IEND']);
  });

  it('keeps one colour profile, and none that is large', () => {
    const bytes = (lengths: number[]): Buffer => png({ widthPx: 9, heightPx: 9, before: lengths.map(profile) });
    expect(types(dropUnneededChunks(bytes([65_536, 10])))).toEqual(['IHDR', 'iCCP', 'IDAT', 'IEND']);
    expect(types(dropUnneededChunks(bytes([65_537])))).toEqual(['IHDR', 'IDAT', 'IEND']);
  });

  it('leaves the rest of a damaged file as it is, wherever the file ends', () => {
    const bytes = png({ widthPx: 9, heightPx: 9, before: [text, text] });
    for (let length = 8; length < bytes.length; length++) {
      const kept = dropUnneededChunks(bytes.subarray(0, length));
      expect(bytes.subarray(0, length).indexOf(kept.subarray(-4))).toBeGreaterThanOrEqual(0);
      expect(kept.length).toBeGreaterThanOrEqual(8);
    }
    const [header, data] = pngChunks(plain);
    const endless = Buffer.from(buildPng([header!, { type: 'tEXt' }, data!]));
    endless.writeUInt32BE(0xffffffff, 33);
    expect(dropUnneededChunks(endless)).toBe(endless);
  });
});

describe('a PNG with 55 texts of 50 MB', () => {
  it('is decoded without them', { timeout: 60_000 }, async () => {
    const bomb = pngChunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(50_000_000))]));
    const bytes = png({ widthPx: 100, heightPx: 100, before: new Array<Buffer>(55).fill(bomb) });
    const started = process.cpuUsage();
    (await decodePicture(bytes, loadAddon())).release();
    // Inflating the texts takes 6 s of processor time and more.
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(1.5);
  });
});

describe('a PNG with an orientation', () => {
  it('is still turned upright', async () => {
    const bytes = await sharp({ create: { width: 200, height: 100, channels: 3, background: '#654' } })
      .png()
      .toBuffer();
    const [header, ...rest] = pngChunks(bytes);
    const orientation = { type: 'eXIf', data: exif(0x0112, 6).subarray(6) };
    const image = await decodePicture(buildPng([header!, { type: 'tEXt' }, orientation, ...rest]), loadAddon());
    expect([image.widthPx, image.heightPx]).toEqual([100, 200]);
    image.release();
  });
});
