// The guard before the embedded broker: it follows packets through any fragmentation and stops one that is too large.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { PacketGuard } from '../../src/events/packet-guard.js';

const LIMIT = 1_000;

/** A PUBLISH with this many bytes after its fixed header. */
function packet(bytes: number): Buffer {
  const length: number[] = [];
  let rest = bytes;
  do {
    length.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  // Filled with ones, so that a body taken for a header would be an impossible length.
  return Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(bytes, 0xff)]);
}

async function pass(chunks: Buffer[]): Promise<Buffer> {
  const passed: Buffer[] = [];
  await pipeline(Readable.from(chunks), new PacketGuard(LIMIT), async (output) => {
    for await (const chunk of output as AsyncIterable<Buffer>) passed.push(chunk);
  });
  return Buffer.concat(passed);
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

describe('the packet guard', () => {
  const stream = Buffer.concat([packet(0), packet(1), packet(127), packet(128), packet(LIMIT), packet(0), packet(300)]);

  it.each([1, 2, 3, 7, 129, 5_000])('passes packets up to the limit unchanged, in pieces of %i bytes', async (size) => {
    expect(await pass(inPieces(stream, size))).toEqual(stream);
  });

  it.each([1, 3, 5_000])('stops at one byte more, in pieces of %i bytes', async (size) => {
    const tooLarge = Buffer.concat([packet(10), packet(LIMIT + 1)]);
    await expect(pass(inPieces(tooLarge, size))).rejects.toThrow('more than 1000 bytes');
  });

  it.each([
    ['the greatest length there is', [0x30, 0xff, 0xff, 0xff, 0x7f]],
    ['a length that never ends', [0x30, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ['a length of zeroes that never ends', [0x10, 0x80, 0x80, 0x80, 0x80]],
  ])('stops at %s, from its header alone', async (_, bytes) => {
    await expect(pass([Buffer.from(bytes)])).rejects.toThrow('an MQTT packet of more than');
  });
});
