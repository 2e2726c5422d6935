// The limits before the embedded broker: it follows packets through any fragmentation, stops large ones, and slows down or stops too many.
import { describe, expect, it } from 'vitest';
import { PacketGuard } from '../../src/events/packet-guard.js';
import { MAX_MESSAGE_BYTES, MAX_PACKET_BYTES, PacketReader, type RawPacket } from '../../src/events/packet-reader.js';
import { connectPacket, makePacket } from './broker-clients.js';

const CONNECT = connectPacket('somebody');
const PINGREQ = 12;
const PUBLISH = 3;
const PUBACK = 4;

/** Reads chunks, after a CONNECT. */
function read(chunks: readonly Buffer[]): RawPacket[] {
  const reader = new PacketReader();
  const packets: RawPacket[] = [];
  for (const chunk of [CONNECT, ...chunks]) {
    for (let at = 0; at < chunk.length;) {
      const result = reader.read(chunk, at);
      at = result.at;
      if (result.packet) packets.push(result.packet);
    }
  }
  return packets.slice(1);
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** A SUBSCRIBE with this many bytes after its fixed header, all ones, so that a body taken for a header would be an impossible type. */
function packet(bytes: number): Buffer {
  return makePacket(0x82, Buffer.alloc(bytes, 0xff));
}

describe('the packet reader', () => {
  const lengths = [0, 1, 127, 128, MAX_PACKET_BYTES, 0, 300];

  it.each([1, 2, 3, 7, 129, 5_000])('finds packets up to the limit, in pieces of %i bytes', (size) => {
    const packets = read(inPieces(Buffer.concat(lengths.map(packet)), size));
    expect(packets.map(({ type, flags, body, length }) => [type, flags, body.length, length])).toEqual(
      lengths.map((length) => [8, 2, length, length]),
    );
    expect(packets.every(({ body }) => body.every((byte) => byte === 0xff))).toBe(true);
  });

  it.each([1, 3, 5_000])('stops at one byte more, in pieces of %i bytes', (size) => {
    expect(() => read(inPieces(packet(MAX_PACKET_BYTES + 1), size))).toThrow(`more than ${MAX_PACKET_BYTES} bytes`);
  });

  it('keeps the start of a large message only, finds the next packet, and stops at one that is larger still', () => {
    const large = makePacket(0x30, Buffer.alloc(MAX_MESSAGE_BYTES, 0xff));
    const [first, second] = read(inPieces(Buffer.concat([large, packet(5)]), 65_536));
    expect(first).toMatchObject({ type: PUBLISH, length: MAX_MESSAGE_BYTES });
    expect(first?.body).toHaveLength(MAX_PACKET_BYTES);
    expect(second).toMatchObject({ type: 8, length: 5 });
    const larger = makePacket(0x30, Buffer.alloc(MAX_MESSAGE_BYTES + 1));
    expect(() => read([larger.subarray(0, 5)])).toThrow(`more than ${MAX_MESSAGE_BYTES} bytes`);
  });

  it.each([
    ['the greatest length there is', [0x82, 0xff, 0xff, 0xff, 0x7f]],
    ['a length that never ends', [0x30, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ['a length of zeroes that never ends', [0x82, 0x80, 0x80, 0x80, 0x80]],
  ])('stops at %s, from its header alone', (_, bytes) => {
    expect(() => read([Buffer.from(bytes)])).toThrow('an MQTT packet of more than');
  });

  it('stops at a first packet that is no CONNECT', () => {
    expect(() => new PacketReader().read(Buffer.from([0xc0, 0]), 0)).toThrow('not a CONNECT');
  });
});

describe('the packet guard', () => {
  const count = (guard: PacketGuard, times: number, type: number, length = 2): number[] =>
    Array.from({ length: times }, () => guard.count({ type, length }));

  it('stops a flood of packets, and lets a client go on that sends some in each second', () => {
    expect(() => count(new PacketGuard(() => 0), 600, PINGREQ)).not.toThrow();
    expect(() => count(new PacketGuard(() => 0), 601, PINGREQ)).toThrow('more than 10 MQTT packets a second');
    let atMs = 0;
    const guard = new PacketGuard(() => atMs);
    count(guard, 600, PINGREQ);
    for (let second = 1; second <= 20; second++) {
      atMs = second * 1_000;
      count(guard, 10, PINGREQ);
    }
    expect(() => count(guard, 1, PINGREQ)).toThrow('MQTT packets a second');
  });

  it('does not count the acknowledgements of messages that were sent, and counts all others', () => {
    const guard = new PacketGuard(() => 0);
    guard.expectAcknowledgements(5_000);
    count(guard, 5_000, PUBACK);
    count(guard, 600, PUBACK);
    expect(() => count(guard, 1, PUBACK)).toThrow('MQTT packets a second');
  });

  it('slows down a client that publishes much, by as much as it needs, and stops it when that takes too long', () => {
    let atMs = 0;
    const guard = new PacketGuard(() => atMs);
    expect(count(guard, 1_000, PUBLISH).every((waitMs) => waitMs === 0)).toBe(true);
    const publish = (): void => {
      const [waitMs = 0] = count(guard, 1, PUBLISH);
      expect(waitMs).toBeCloseTo(20);
      atMs += waitMs;
    };
    // 10 s of waiting in all, and a tenth of a second more in each second.
    for (let i = 0; i < 550; i++) publish();
    expect(() => {
      for (let i = 0; i < 10; i++) publish();
    }).toThrow('more than 50 MQTT messages a second');
    // After a quiet while it may publish again.
    atMs += 120_000;
    expect(count(guard, 1_000, PUBLISH).every((waitMs) => waitMs === 0)).toBe(true);
  });

  it('counts a large message as several', () => {
    const guard = new PacketGuard(() => 0);
    expect(count(guard, 10, PUBLISH, 99 * 8 * 1024)).toEqual(Array(10).fill(0));
    expect(count(guard, 1, PUBLISH)).toEqual([20]);
  });

  it('counts messages that are passed on to others, and stops too many of them', () => {
    const guard = new PacketGuard(() => 0);
    for (let i = 0; i < 100; i++) guard.countAccepted();
    expect(() => guard.countAccepted()).toThrow('MQTT packets a second');
  });
});
