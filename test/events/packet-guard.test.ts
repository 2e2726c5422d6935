// The guard before the embedded broker: it follows packets through any fragmentation, and stops large ones and too many.
import { describe, expect, it } from 'vitest';
import { MAX_PACKET_BYTES, PacketGuard } from '../../src/events/packet-guard.js';

const LIMIT = MAX_PACKET_BYTES;

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

function check(chunks: readonly Buffer[], nowMs = () => 0): void {
  const guard = new PacketGuard(nowMs);
  for (const chunk of chunks) guard.check(chunk);
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

describe('the packet guard', () => {
  const stream = Buffer.concat([packet(0), packet(1), packet(127), packet(128), packet(LIMIT), packet(0), packet(300)]);

  it.each([1, 2, 3, 7, 129, 5_000])('passes packets up to the limit, in pieces of %i bytes', (size) => {
    expect(() => check(inPieces(stream, size))).not.toThrow();
  });

  it.each([1, 3, 5_000])('stops at one byte more, in pieces of %i bytes', (size) => {
    const tooLarge = Buffer.concat([packet(10), packet(LIMIT + 1)]);
    expect(() => check(inPieces(tooLarge, size))).toThrow('more than 8192 bytes');
  });

  it.each([
    ['the greatest length there is', [0x30, 0xff, 0xff, 0xff, 0x7f]],
    ['a length that never ends', [0x30, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ['a length of zeroes that never ends', [0x10, 0x80, 0x80, 0x80, 0x80]],
  ])('stops at %s, from its header alone', (_, bytes) => {
    expect(() => check([Buffer.from(bytes)])).toThrow('an MQTT packet of more than');
  });

  it('stops a flood of packets, and lets a client go on that sends some in each second', () => {
    const pings = (count: number): Buffer => Buffer.alloc(2 * count, Buffer.from([0xc0, 0]));
    expect(() => check([pings(100)])).not.toThrow();
    expect(() => check([pings(101)])).toThrow('more than 10 MQTT packets a second');
    let atMs = 0;
    const guard = new PacketGuard(() => atMs);
    guard.check(pings(100));
    for (let second = 1; second <= 20; second++) {
      atMs = second * 1_000;
      guard.check(pings(10));
    }
    expect(() => guard.check(pings(1))).toThrow('MQTT packets a second');
  });

  it('does not count the acknowledgements of messages that were sent, and counts all others', () => {
    const pubacks = (count: number): Buffer => Buffer.alloc(4 * count, Buffer.from([0x40, 2, 0, 1]));
    const guard = new PacketGuard(() => 0);
    for (let i = 0; i < 5_000; i++) guard.expectAcknowledgement();
    guard.check(pubacks(5_000));
    guard.check(pubacks(100));
    expect(() => guard.check(pubacks(1))).toThrow('MQTT packets a second');
  });
});
