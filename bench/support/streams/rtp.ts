// RTP as a camera sends it: packets of H.264 (RFC 6184), H.265 (RFC 7798) and JPEG (RFC 2435), silence in PCMU, and sender reports.
import type { Unit } from './timeline.js';

const MOST_PAYLOAD = 1_400;
const VIDEO_CLOCK = 90;
const AUDIO_CLOCK = 8;
/** Length of an audio packet: 20 ms. */
export const AUDIO_PACKET_MS = 20;
/** Seconds between 1900 and 1970. */
const NTP_EPOCH_S = 2_208_988_800;

export const PAYLOAD_TYPES = { h264: 96, h265: 97, jpeg: 26, audio: 0 } as const;

/** Packets of one track: counts them, and stamps them. */
export class RtpTrack {
  readonly #payloadType: number;
  readonly #ssrc: number;
  readonly #firstStamp: number;
  readonly #clock: number;
  #sequence: number;
  #packets = 0;
  #bytes = 0;

  /** @param firstStamp time stamp of the moment 0, in ticks: 90,000 a second for video */
  constructor(payloadType: number, { firstStamp = 1_000_000, ssrc = 0x4c696e74, sequence = 1_000 } = {}) {
    this.#payloadType = payloadType;
    this.#ssrc = ssrc;
    this.#firstStamp = firstStamp;
    this.#sequence = sequence;
    this.#clock = payloadType === PAYLOAD_TYPES.audio ? AUDIO_CLOCK : VIDEO_CLOCK;
  }

  /** Makes the packets of one picture. */
  packVideo({ codec, data, stampMs }: Unit): Buffer[] {
    const payloads = codec === 'jpeg' ? splitJpeg(data) : splitAnnexB(data).flatMap((nal) => splitNal(nal, codec));
    return payloads.map((payload, index) => this.#pack(payload, stampMs, index === payloads.length - 1));
  }

  /** Makes a packet of 20 ms of silence. */
  packSilence(stampMs: number): Buffer {
    return this.#pack(Buffer.alloc(AUDIO_PACKET_MS * AUDIO_CLOCK, 0xff), stampMs, false);
  }

  /** Makes a sender report, which ties a time stamp to the wall clock. */
  report(stampMs: number, nowMs: number): Buffer {
    const report = Buffer.alloc(28);
    report.writeUInt8(0x80, 0);
    report.writeUInt8(200, 1);
    report.writeUInt16BE(6, 2);
    report.writeUInt32BE(this.#ssrc, 4);
    report.writeUInt32BE(Math.floor(nowMs / 1_000) + NTP_EPOCH_S, 8);
    report.writeUInt32BE(Math.floor(((nowMs % 1_000) / 1_000) * 2 ** 32), 12);
    report.writeUInt32BE(this.#toTicks(stampMs), 16);
    report.writeUInt32BE(this.#packets, 20);
    report.writeUInt32BE(this.#bytes % 2 ** 32, 24);
    return report;
  }

  #toTicks(stampMs: number): number {
    return (((this.#firstStamp + Math.round(stampMs * this.#clock)) % 2 ** 32) + 2 ** 32) % 2 ** 32;
  }

  #pack(payload: Buffer, stampMs: number, isLast: boolean): Buffer {
    const header = Buffer.alloc(12);
    header.writeUInt8(0x80, 0);
    header.writeUInt8((isLast ? 0x80 : 0) | this.#payloadType, 1);
    header.writeUInt16BE(this.#sequence, 2);
    header.writeUInt32BE(this.#toTicks(stampMs), 4);
    header.writeUInt32BE(this.#ssrc, 8);
    this.#sequence = (this.#sequence + 1) % 2 ** 16;
    this.#packets++;
    this.#bytes += payload.length;
    return Buffer.concat([header, payload]);
  }
}

/** Splits an access unit at its start codes. @returns the NAL units without them */
export function splitAnnexB(data: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let at = data.indexOf('\0\0\x01', 0, 'latin1'); at >= 0; at = data.indexOf('\0\0\x01', at + 3, 'latin1')) {
    starts.push(at + 3);
  }
  return starts.map((start, index) => {
    let end = (starts[index + 1] ?? data.length + 3) - 3;
    // A start code may have more zeros, which belong to it.
    while (end > start && data[end - 1] === 0) end--;
    return data.subarray(start, end);
  });
}

/** Splits a NAL unit that is too long for one packet into fragments. */
function splitNal(nal: Buffer, codec: 'h264' | 'h265'): Buffer[] {
  if (nal.length <= MOST_PAYLOAD) return [nal];
  const headerBytes = codec === 'h264' ? 1 : 2;
  const body = nal.subarray(headerBytes);
  const fragments: Buffer[] = [];
  for (let at = 0; at < body.length; at += MOST_PAYLOAD) {
    const part = body.subarray(at, at + MOST_PAYLOAD);
    const mark = (at === 0 ? 0x80 : 0) | (at + MOST_PAYLOAD >= body.length ? 0x40 : 0);
    const [first = 0, second = 0] = nal;
    const header =
      codec === 'h264'
        ? [(first & 0xe0) | 28, mark | (first & 0x1f)]
        : [(first & 0x81) | (49 << 1), second, mark | ((first >> 1) & 0x3f)];
    fragments.push(Buffer.concat([Buffer.from(header), part]));
  }
  return fragments;
}

/** Splits a JPEG into fragments with the header of RFC 2435; the first one carries the quantisation tables. */
function splitJpeg(jpeg: Buffer): Buffer[] {
  const { widthPx, heightPx, type, tables, scan } = parseJpeg(jpeg);
  const fragments: Buffer[] = [];
  for (let at = 0; at < scan.length;) {
    const header = Buffer.alloc(8);
    header.writeUInt32BE(at, 0);
    header.writeUInt8(type, 4);
    header.writeUInt8(255, 5);
    header.writeUInt8(widthPx >> 3, 6);
    header.writeUInt8(heightPx >> 3, 7);
    const quantisation = at === 0 ? Buffer.concat([Buffer.from([0, 0, 0, tables.length]), tables]) : Buffer.alloc(0);
    const part = scan.subarray(at, at + MOST_PAYLOAD - quantisation.length);
    fragments.push(Buffer.concat([header, quantisation, part]));
    at += part.length;
  }
  return fragments;
}

interface JpegParts {
  widthPx: number;
  heightPx: number;
  /** 0: 4:2:2, 1: 4:2:0. */
  type: number;
  /** Two tables of 64 bytes. */
  tables: Buffer;
  scan: Buffer;
}

function parseJpeg(jpeg: Buffer): JpegParts {
  const tables: Buffer[] = [];
  let [widthPx, heightPx, type] = [0, 0, 1];
  for (let at = 2; at + 4 <= jpeg.length;) {
    const marker = jpeg.readUInt16BE(at);
    const length = jpeg.readUInt16BE(at + 2);
    const body = jpeg.subarray(at + 4, at + 2 + length);
    if (marker === 0xffdb) {
      for (let t = 0; t + 65 <= body.length; t += 65) tables[body[t]! & 15] = body.subarray(t + 1, t + 65);
    } else if (marker === 0xffc0) {
      heightPx = body.readUInt16BE(1);
      widthPx = body.readUInt16BE(3);
      type = body[7] === 0x22 ? 1 : 0;
    } else if (marker === 0xffda) {
      const luma = tables[0] ?? Buffer.alloc(64, 16);
      const end = jpeg.lastIndexOf('\xff\xd9', undefined, 'latin1');
      const scan = jpeg.subarray(at + 2 + length, end < 0 ? jpeg.length : end);
      return { widthPx, heightPx, type, tables: Buffer.concat([luma, tables[1] ?? luma]), scan };
    }
    at += 2 + length;
  }
  throw new Error('a JPEG without a scan');
}

/** Describes the stream for a client (SDP). @param unit a key frame of the stream, which holds its parameter sets */
export function describeStream(unit: Unit, { audioFirst }: { audioFirst?: boolean | undefined }): string {
  const video = describeVideo(unit);
  const audio = ['m=audio 0 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=control:audio'];
  const media = audioFirst === undefined ? video : audioFirst ? [...audio, ...video] : [...video, ...audio];
  const session = ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=door', 'c=IN IP4 0.0.0.0', 't=0 0', 'a=control:*'];
  return [...session, ...media, ''].join('\r\n');
}

function describeVideo({ codec, data }: Unit): string[] {
  const type = PAYLOAD_TYPES[codec];
  const media = [`m=video 0 RTP/AVP ${type}`];
  if (codec === 'jpeg') return [...media, 'a=control:video'];
  const nals = splitAnnexB(data);
  const find = (wanted: number): string[] =>
    nals
      .filter((nal) => (codec === 'h264' ? nal[0]! & 31 : (nal[0]! >> 1) & 63) === wanted)
      .map((nal) => nal.toString('base64'));
  const format =
    codec === 'h264'
      ? `packetization-mode=1;sprop-parameter-sets=${[...find(7), ...find(8)].join(',')}`
      : `sprop-vps=${find(32).join(',')};sprop-sps=${find(33).join(',')};sprop-pps=${find(34).join(',')}`;
  return [...media, `a=rtpmap:${type} ${codec.toUpperCase()}/90000`, `a=fmtp:${type} ${format}`, 'a=control:video'];
}
