// Makes HEIC files as phones do: HEVC pictures by ffmpeg, in the boxes of ISO/IEC 23008-12.
import { spawnSync } from 'node:child_process';

export interface HeicOptions {
  /** Quarter turns against the clock that a viewer applies (irot). */
  quarterTurns?: 0 | 1 | 2 | 3;
  /** Mirroring that a viewer applies after the turn (imir). */
  mirror?: 'left-right' | 'top-down';
  /** Colour profile (ICC). */
  profile?: Uint8Array;
  /** Tiles that the picture consists of, as on an iPhone. Default: one coded picture. */
  tiles?: { columns: number; rows: number };
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

/** One item of the file: a coded picture, or a grid of others. */
interface Item {
  type: 'hvc1' | 'grid';
  data: Buffer;
  /** Boxes that describe the item; equal boxes are stored once for each item. */
  properties: Buffer[];
}

/** @param png a picture whose sides are even and at least 64 px @returns a HEIC file with this picture as the primary one */
export function makeHeic(png: Uint8Array, options: HeicOptions = {}): Buffer {
  const { quarterTurns = 0, mirror, profile, before = [], tiles } = options;
  const view = new DataView(png.buffer, png.byteOffset);
  const [widthPx, heightPx] = [view.getUint32(16), view.getUint32(20)];
  const ofViewer = [
    ...(profile ? [box('colr', text('prof'), Buffer.from(profile))] : []),
    ...(quarterTurns ? [box('irot', Buffer.from([quarterTurns]))] : []),
    ...(mirror ? [box('imir', Buffer.from([mirror === 'top-down' ? 0 : 1]))] : []),
  ];
  const items = before.map((other) => encodeItem(other, { widthPx, heightPx, left: 0, top: 0 }));
  const firstTile = items.length + 1;
  if (tiles) {
    const size = { widthPx: widthPx / tiles.columns, heightPx: heightPx / tiles.rows };
    for (let i = 0; i < tiles.columns * tiles.rows; i++) {
      const [left, top] = [(i % tiles.columns) * size.widthPx, Math.floor(i / tiles.columns) * size.heightPx];
      items.push(encodeItem(png, { ...size, left, top }));
    }
    const data = [Buffer.from([0, 0, tiles.rows - 1, tiles.columns - 1]), uint16(widthPx), uint16(heightPx)];
    items.push({ type: 'grid', data: Buffer.concat(data), properties: describePixels(widthPx, heightPx) });
  } else {
    items.push(encodeItem(png, { widthPx, heightPx, left: 0, top: 0 }));
  }
  items.at(-1)?.properties.push(...ofViewer);
  const tileIds = tiles ? Array.from({ length: tiles.columns * tiles.rows }, (_, i) => firstTile + i) : [];
  return assemble(items, tileIds);
}

/** @param tileIds ids of the items that the last one, a grid, consists of */
function assemble(items: readonly Item[], tileIds: readonly number[]): Buffer {
  const properties = items.flatMap((item) => item.properties);
  if (properties.length > 127) throw new RangeError('the items have more properties than 7 bits can number');
  let next = 1;
  const associations = items.map((item, i) => {
    const indices = item.properties.map(() => 0x80 | next++);
    return Buffer.concat([uint16(i + 1), Buffer.from([indices.length, ...indices])]);
  });
  const infos = items.map(({ type }, i) => fullBox('infe', uint16(i + 1), uint16(0), text(type), Buffer.from([0]), 2));
  const brands = box('ftyp', text('heic'), uint32(0), text('mif1heic'));
  const makeMeta = (dataAt: number): Buffer => {
    let at = dataAt;
    const places = items.map(({ data }, i) => {
      const place = Buffer.concat([uint16(i + 1), uint16(0), uint16(1), uint32(at), uint32(data.length)]);
      at += data.length;
      return place;
    });
    const references = box('dimg', uint16(items.length), uint16(tileIds.length), ...tileIds.map(uint16));
    return fullBox(
      'meta',
      fullBox('hdlr', uint32(0), text('pict'), Buffer.alloc(13)),
      fullBox('pitm', uint16(items.length)),
      fullBox('iloc', Buffer.from([0x44, 0]), uint16(items.length), ...places),
      fullBox('iinf', uint16(items.length), ...infos),
      ...(tileIds.length > 0 ? [fullBox('iref', references)] : []),
      box('iprp', box('ipco', ...properties), fullBox('ipma', uint32(items.length), ...associations)),
    );
  };
  const boxHeaderBytes = 8;
  const meta = makeMeta(brands.length + makeMeta(0).length + boxHeaderBytes);
  return Buffer.concat([brands, meta, box('mdat', ...items.map(({ data }) => data))]);
}

function describePixels(widthPx: number, heightPx: number): Buffer[] {
  return [
    fullBox('ispe', uint32(widthPx), uint32(heightPx)),
    // BT.601 in full range: what ffmpeg is asked for.
    box('colr', text('nclx'), uint16(1), uint16(13), uint16(6), Buffer.from([0x80])),
  ];
}

/** A part of a picture, in pixels. */
interface Crop {
  widthPx: number;
  heightPx: number;
  left: number;
  top: number;
}

function encodeItem(png: Uint8Array, crop: Crop): Item {
  const { configuration, data } = encodeHevc(png, crop);
  const properties = [box('hvcC', configuration), ...describePixels(crop.widthPx, crop.heightPx)];
  return { type: 'hvc1', data, properties };
}

/** Types of the units of HEVC that belong to the configuration: parameter sets of video, sequence and picture. */
const SEQUENCE_SET = 33;
const PARAMETER_SETS = [32, SEQUENCE_SET, 34];
const MESSAGES = [39, 40];

function encodeHevc(png: Uint8Array, crop: Crop): { configuration: Buffer; data: Buffer } {
  const part = `crop=${crop.widthPx}:${crop.heightPx}:${crop.left}:${crop.top}`;
  const format = ['-vf', `${part},scale=out_color_matrix=bt601:out_range=full,format=yuv420p`, '-color_range', 'pc'];
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
