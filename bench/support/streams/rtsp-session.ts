// One client of the RTSP camera: its transports, and the sending of the timeline at its times.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { DatagramPath } from './datagram-path.js';
import { AUDIO_PACKET_MS, PAYLOAD_TYPES, RtpTrack } from './rtp.js';
import type { RtspOptions } from './rtsp-server.js';
import { findEnd } from './timeline.js';

export type Transport =
  { kind: 'tcp'; rtpChannel: number; rtcpChannel: number } | { kind: 'udp'; rtpPort: number; rtcpPort: number };

interface Channel {
  sendPacket: (packet: Buffer) => void;
  sendReport: (report: Buffer) => void;
}

const REPORT_EVERY_MS = 5_000;

export class RtspSession {
  readonly #socket: Socket;
  readonly #options: RtspOptions;
  readonly #channels = new Map<'video' | 'audio', Channel>();
  readonly #datagrams: DatagramSocket[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #isStopped = false;

  constructor(socket: Socket, options: RtspOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Prepares a track. @returns the header that answers the client */
  async setUp(media: 'video' | 'audio', transport: Transport): Promise<string> {
    if (transport.kind === 'tcp') {
      const send = (channel: number) => (data: Buffer) => {
        const head = Buffer.from([0x24, channel, data.length >> 8, data.length & 255]);
        if (!this.#socket.destroyed) this.#socket.write(Buffer.concat([head, data]));
      };
      const { rtpChannel, rtcpChannel } = transport;
      this.#channels.set(media, { sendPacket: send(rtpChannel), sendReport: send(rtcpChannel) });
      return `RTP/AVP/TCP;unicast;interleaved=${rtpChannel}-${rtcpChannel}`;
    }
    const [rtp, rtcp] = [await this.#openDatagrams(), await this.#openDatagrams()];
    const path = this.#options.createPath?.() ?? new DatagramPath();
    this.#channels.set(media, {
      sendPacket: (packet) => path.send(packet, (data) => rtp.send(data, transport.rtpPort, '127.0.0.1')),
      sendReport: (report) => rtcp.send(report, transport.rtcpPort, '127.0.0.1'),
    });
    const client = `client_port=${transport.rtpPort}-${transport.rtcpPort}`;
    return `RTP/AVP;unicast;${client};server_port=${rtp.address().port}-${rtcp.address().port}`;
  }

  /** Sends what the timeline sends from now on. @param startedAtMs wall-clock time of its moment 0 */
  play(startedAtMs: number): void {
    const { units, firstStamp } = this.#options;
    const video = this.#channels.get('video');
    if (video) {
      const first = units.findIndex(({ atMs }) => startedAtMs + atMs >= Date.now() - 1);
      const payloadType = PAYLOAD_TYPES[units[Math.max(0, first)]!.codec];
      const track = new RtpTrack(payloadType, firstStamp === undefined ? {} : { firstStamp });
      let reportAtMs = 0;
      const next = (index: number): void => {
        const unit = units[index];
        if (index < 0 || !unit) return;
        this.#at(startedAtMs + unit.atMs, () => {
          if (Date.now() >= reportAtMs) {
            video.sendReport(track.report(unit.stampMs, Date.now()));
            reportAtMs = Date.now() + REPORT_EVERY_MS;
          }
          for (const packet of track.packVideo(unit)) video.sendPacket(packet);
          next(index + 1);
        });
      };
      next(first);
    }
    this.#playAudio(startedAtMs);
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#datagrams.splice(0)) socket.close();
  }

  #playAudio(startedAtMs: number): void {
    const audio = this.#channels.get('audio');
    if (!audio) return;
    const { units, audioAloneMs = 0 } = this.#options;
    const track = new RtpTrack(PAYLOAD_TYPES.audio, { ssrc: 0x61756469 });
    const endMs = startedAtMs + findEnd(units);
    const next = (atMs: number): void => {
      if (atMs > endMs) return;
      this.#at(atMs, () => {
        audio.sendPacket(track.packSilence(atMs - startedAtMs + audioAloneMs));
        next(atMs + AUDIO_PACKET_MS);
      });
    };
    next(Date.now());
  }

  #at(timeMs: number, work: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (!this.#isStopped) work();
      },
      Math.max(0, timeMs - Date.now()),
    );
    this.#timers.add(timer);
  }

  async #openDatagrams(): Promise<DatagramSocket> {
    const socket = createSocket('udp4');
    socket.on('error', () => undefined);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    this.#datagrams.push(socket);
    return socket;
  }
}
