// Makes HEIC files as phones do: HEVC pictures by ffmpeg, in the boxes of ISO/IEC 23008-12.
import { spawnSync } from 'node:child_process';

export interface HeicOptions {
  /** Quarter turns against the clock that a viewer applies (irot). */
  quarterTurns?: 0 | 1 | 2 | 3;
  /** Mirroring that a viewer applies after the turn (imir). */
  mirror?: 'left-right' | 'top-down';
  /** Colour profile (ICC). */
  profile?: Uint8Array;
  /** Further pictures of the file, PNGs of the same size, before the primary one. */
  before?: readonly Uint8Array[];
}

/** Tells whether HEIC files cannot be made here, and prints why; for describe.skipIf. */
export function lacksHeicEncoder(what: string): boolean {
  const { stdout, error } = spawnSync('ffmpeg', ['-hide_banner', '-encoders'], { encoding: 'utf8' });
  const reason = error ? 'ffmpeg is not installed' : stdout.includes('libx265') ? undefined : 'ffmpeg has no libx265';
  if (reason !== undefined) console.warn(`skipped: ${what}: ${reason}`);
  return reason !== undefined;
}

/** @param png a picture whose sides are even and at least 64 px @returns a HEIC file with this picture as the primary one */
export function makeHeic(
  png: Uint8Array,
  { quarterTurns = 0, mirror, profile, before = [] }: HeicOptions = {},
): Buffer {
  const view = new DataView(png.buffer, png.byteOffset);
  const [widthPx, heightPx] = [view.getUint32(16), view.getUint32(20)];
  const pictures = [...before, png].map(encodeHevc);
  const properties = [
    fullBox('ispe', uint32(widthPx), uint32(heightPx)),
    // BT.601 in full range: what ffmpeg was asked for.
    box('colr', text('nclx'), uint16(1), uint16(13), uint16(6), Buffer.from([0x80])),
    ...(profile ? [box('colr', text('prof'), Buffer.from(profile))] : []),
    ...(quarterTurns ? [box('irot', Buffer.from([quarterTurns]))] : []),
    ...(mirror ? [box('imir', Buffer.from([mirror === 'top-down' ? 0 : 1]))] : []),
  ];
  // Each picture has its own configuration, and all the other properties.
  const configurations = pictures.map(({ configuration }) => box('hvcC', configuration));
  const associations = pictures.map((_picture, i) => {
    const indices = [i + 1, ...properties.map((_property, j) => pictures.length + j + 1)];
    return Buffer.concat([uint16(i + 1), Buffer.from([indices.length, ...indices.map((index) => 0x80 | index)])]);
  });
  const items = pictures.map((_picture, i) =>
    fullBox('infe', uint16(i + 1), uint16(0), text('hvc1'), Buffer.from([0]), 2),
  );
  const brands = box('ftyp', text('heic'), uint32(0), text('mif1heic'));
  const makeMeta = (dataAt: number): Buffer => {
    let at = dataAt;
    const places = pictures.map(({ data }, i) => {
      const place = Buffer.concat([uint16(i + 1), uint16(0), uint16(1), uint32(at), uint32(data.length)]);
      at += data.length;
      return place;
    });
    return fullBox(
      'meta',
      fullBox('hdlr', uint32(0), text('pict'), Buffer.alloc(13)),
      fullBox('pitm', uint16(pictures.length)),
      fullBox('iloc', Buffer.from([0x44, 0]), uint16(pictures.length), ...places),
      fullBox('iinf', uint16(pictures.length), ...items),
      box(
        'iprp',
        box('ipco', ...configurations, ...properties),
        fullBox('ipma', uint32(pictures.length), ...associations),
      ),
    );
  };
  const boxHeaderBytes = 8;
  const meta = makeMeta(brands.length + makeMeta(0).length + boxHeaderBytes);
  return Buffer.concat([brands, meta, box('mdat', ...pictures.map(({ data }) => data))]);
}

/** Types of the units of HEVC that belong to the configuration: parameter sets of video, sequence and picture. */
const SEQUENCE_SET = 33;
const PARAMETER_SETS = [32, SEQUENCE_SET, 34];
const MESSAGES = [39, 40];

function encodeHevc(png: Uint8Array): { configuration: Buffer; data: Buffer } {
  const format = ['-vf', 'scale=out_color_matrix=bt601:out_range=full,format=yuv420p', '-color_range', 'pc'];
  const codec = ['-c:v', 'libx265', '-crf', '6', '-x265-params', 'keyint=1:log-level=none:info=0', '-f', 'hevc', '-'];
  const ran = spawnSync('ffmpeg', ['-v', 'error', '-f', 'png_pipe', '-i', '-', ...format, ...codec], { input: png });
  if (ran.status !== 0) throw new Error(`ffmpeg failed: ${ran.stderr.toString()}`);
  const units = splitUnits(ran.stdout);
  const getType = (unit: Buffer): number => ((unit[0] ?? 0) >> 1) & 63;
  const sets = units.filter((unit) => PARAMETER_SETS.includes(getType(unit)));
  const slices = units.filter((unit) => ![...PARAMETER_SETS, ...MESSAGES].includes(getType(unit)));
  const sequence = sets.find((unit) => getType(unit) === SEQUENCE_SET) ?? Buffer.alloc(0);
  // Profile, tier and level stand behind the header of the unit and one byte; 0 0 3 stands for 0 0 there.
  const profile = Buffer.from(sequence.toString('latin1').replaceAll('\0\0\x03', '\0\0'), 'latin1').subarray(3, 15);
  return {
    configuration: Buffer.concat([
      Buffer.from([1]),
      profile,
      Buffer.from([0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, sets.length]),
      ...sets.map((unit) => Buffer.concat([Buffer.from([0x80 | getType(unit)]), uint16(1), uint16(unit.length), unit])),
    ]),
    data: Buffer.concat(slices.flatMap((unit) => [uint32(unit.length), unit])),
  };
}

/** Returns the units between the start codes of a stream. */
function splitUnits(stream: Buffer): Buffer[] {
  return stream
    .toString('latin1')
    .split(/\0?\0\0\x01/)
    .filter((unit) => unit !== '')
    .map((unit) => Buffer.from(unit, 'latin1'));
}

function box(type: string, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([uint32(8 + body.length), text(type), body]);
}

/** A box with a version, the last argument where it is not 0, and without flags. */
function fullBox(type: string, ...content: (Buffer | number)[]): Buffer {
  const version = content.find((part) => typeof part === 'number') ?? 0;
  return box(type, Buffer.from([version, 0, 0, 0]), ...content.filter((part) => typeof part !== 'number'));
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}
