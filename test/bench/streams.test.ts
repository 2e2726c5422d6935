// The tools of the bench of habits: timelines, packets of RTP, and the path of datagrams that loses some.
import { describe, expect, it } from 'vitest';
import { DatagramPath } from '../../bench/support/streams/datagram-path.js';
import type { Clip } from '../../bench/support/streams/clips.js';
import { RtpTrack, splitAnnexB } from '../../bench/support/streams/rtp.js';
import { freezeAt, holdBack, pauseAt, play, type Unit } from '../../bench/support/streams/timeline.js';

/** Ten pictures a second for two seconds; every fifth one is a key frame. */
const packets = Array.from({ length: 20 }, (_, n) => ({
  data: Buffer.from([0, 0, 0, 1, n % 5 === 0 ? 0x65 : 0x41, n]),
  isKey: n % 5 === 0,
  sentMs: n * 100,
  stampMs: n * 100,
  sceneMs: n * 100,
}));
const clip: Clip = {
  order: { codec: 'h264', widthPx: 64, heightPx: 64, fps: 10 },
  packets,
  durationMs: 2_000,
  transportStream: '',
};

const times = (units: readonly Unit[]): number[] => units.map(({ atMs }) => atMs);

describe('a timeline', () => {
  it('plays clips one after the other', () => {
    const units = play(clip, clip);
    expect(units).toHaveLength(40);
    expect(units[20]).toMatchObject({ atMs: 2_000, stampMs: 2_000, sceneMs: 0, isKey: true });
  });

  it('can pause, and can send what it held back at once', () => {
    expect(times(pauseAt(play(clip), 1_000, 500)).slice(9, 11)).toEqual([900, 1_500]);
    expect(times(holdBack(play(clip), 500, 1_000)).slice(4, 11)).toEqual([400, ...new Array<number>(6).fill(1_000)]);
  });

  it('can freeze on a key frame, with time stamps that go on or stand still', () => {
    const units = freezeAt(play(clip), 700, 300);
    expect(units.slice(4, 10).map(({ sceneMs }) => sceneMs)).toEqual([400, 500, 500, 500, 500, 600]);
    expect(times(units).slice(5, 10)).toEqual([500, 600, 700, 800, 900]);
    expect(freezeAt(play(clip), 700, 300, false)[8]).toMatchObject({ atMs: 800, stampMs: 500 });
  });
});

describe('packets of RTP', () => {
  it('mark the last one of a picture, count up, and wrap their time stamps', () => {
    const track = new RtpTrack(96, { firstStamp: 2 ** 32 - 90, sequence: 65_535 });
    const [first] = track.packVideo(play(clip)[0]!);
    const [second] = track.packVideo({ ...play(clip)[1]!, stampMs: 2 });
    expect([first!.readUInt8(1) & 0x80, first!.readUInt16BE(2), first!.readUInt32BE(4)]).toEqual([
      0x80, 65_535, 4_294_967_206,
    ]);
    expect([second!.readUInt16BE(2), second!.readUInt32BE(4)]).toEqual([0, 90]);
  });

  it('carry a long NAL unit in fragments that give it back', () => {
    const nal = Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i === 0 ? 0x65 : 1 + (i % 200))));
    const data = Buffer.concat([Buffer.from([0, 0, 0, 1]), nal]);
    const payloads = new RtpTrack(96).packVideo({ ...play(clip)[0]!, data }).map((packet) => packet.subarray(12));
    expect(payloads.map(([indicator, header]) => [indicator! & 31, header! >> 6])).toEqual([
      [28, 2],
      [28, 0],
      [28, 1],
    ]);
    const joined = Buffer.concat([nal.subarray(0, 1), ...payloads.map((payload) => payload.subarray(2))]);
    expect(joined.equals(nal)).toBe(true);
    expect(splitAnnexB(Buffer.concat([data, data])).map((one) => one.equals(nal))).toEqual([true, true]);
  });
});

describe('the path of datagrams', () => {
  const send = (path: DatagramPath): number[] => {
    const arrived: number[] = [];
    for (let n = 0; n < 1_000; n++)
      path.send(Buffer.from([n >> 8, n & 255]), (data) => arrived.push(data.readUInt16BE()));
    return arrived;
  };
  const numbers = Array.from({ length: 1_000 }, (_, n) => n);

  it('delivers everything in order, unless it is told to do otherwise', () => {
    expect(send(new DatagramPath())).toEqual(numbers);
  });

  it('loses, repeats and reorders its share, always the same one', () => {
    const lost = send(new DatagramPath({ lost: 0.1 }));
    expect(lost.length).toBeGreaterThan(850);
    expect(lost.length).toBeLessThan(950);
    expect(send(new DatagramPath({ lost: 0.1 }))).toEqual(lost);
    expect(send(new DatagramPath({ repeated: 0.1 })).length).toBeGreaterThan(1_050);
    const reordered = send(new DatagramPath({ reordered: 0.1 }));
    expect(reordered).not.toEqual(reordered.toSorted((a, b) => a - b));
    expect(new Set(reordered).size).toBeGreaterThan(990);
  });
});
