// Writes progressive JPEGs of a black picture with any number of scans, all of them legal: pictures that are small to send and slow to decode.

export interface ProgressiveOptions {
  widthPx: number;
  heightPx: number;
  /** 1 (grey) or 3 (YCbCr without subsampling). Default: 1. */
  components?: 1 | 3;
  /** Number of scans. Default: 2. */
  scans?: number;
  /**
   * Coefficients of each scan after the first ones. `one`: 1 coefficient a scan, up to 882 legal scans for each component; `all`: the 63 AC
   * coefficients, up to 14 legal scans for each component. Default: `one`.
   */
  band?: 'one' | 'all';
}

/** A block of one code of two bits (01), with which every coefficient of a scan is skipped. */
const SKIP_LONGEST_RUN = 0xe0;
const LONGEST_RUN = 32_767;
const HIGHEST_BIT = 13;

/**
 * Makes a progressive JPEG in which each scan refines coefficients that are all zero. A scan is some dozen bytes, and the decoder still visits
 * every block of the picture. Beyond the number of legal scans, the last scan is repeated.
 */
export function progressiveJpeg(options: ProgressiveOptions): Buffer {
  const { widthPx, heightPx, components = 1, scans = 2, band = 'one' } = options;
  const blocks = Math.ceil(widthPx / 8) * Math.ceil(heightPx / 8);
  const ids = Array.from({ length: components }, (_, i) => i + 1);
  const parts = [
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, [0, ...new Array<number>(64).fill(1)]),
    segment(0xc2, [8, ...bytes16(heightPx), ...bytes16(widthPx), components, ...ids.flatMap((id) => [id, 0x11, 0])]),
    // DC: the one code 0 (1 bit) says that the difference is 0.
    segment(0xc4, [0x00, 1, ...new Array<number>(15).fill(0), 0]),
    // AC: the code 0 (1 bit) begins a run of up to 32,767 blocks without a further coefficient.
    segment(0xc4, [0x10, 1, ...new Array<number>(15).fill(0), SKIP_LONGEST_RUN]),
  ];
  // All zeros: the codes of the DC scan, and padding bits.
  parts.push(scan(ids, [0, 0], [0, 0]), Buffer.alloc(Math.ceil((blocks * components) / 8)));
  const run = encodeRuns(blocks);
  const planned = planScans(ids, band);
  for (let i = 0; i < scans - 1; i++) {
    const { id, from, to, high, low } = planned[Math.min(i, planned.length - 1)]!;
    parts.push(scan([id], [from, to], [high, low]), run);
  }
  parts.push(Buffer.from([0xff, 0xd9]));
  return Buffer.concat(parts);
}

interface PlannedScan {
  id: number;
  from: number;
  to: number;
  high: number;
  low: number;
}

function planScans(ids: readonly number[], band: 'one' | 'all'): PlannedScan[] {
  const bands = band === 'all' ? [[1, 63] as const] : Array.from({ length: 63 }, (_, i) => [i + 1, i + 1] as const);
  return ids.flatMap((id) =>
    bands.flatMap(([from, to]) =>
      Array.from({ length: HIGHEST_BIT + 1 }, (_, i) => {
        const low = HIGHEST_BIT - i;
        return { id, from, to, high: i === 0 ? 0 : low + 1, low };
      }),
    ),
  );
}

/** Encodes that no block has a further coefficient: codes of 1 bit and 14 bits for a run of 16,384 to 32,767 blocks each. */
function encodeRuns(blocks: number): Buffer {
  let bits = '';
  let left = blocks;
  // The last run may reach beyond the picture; the decoder drops the rest.
  for (; left > 0; left -= LONGEST_RUN) bits += `0${(LONGEST_RUN - 16_384).toString(2).padStart(14, '0')}`;
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0');
  const bytes = bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2));
  return Buffer.from(bytes.flatMap((byte) => (byte === 0xff ? [0xff, 0] : [byte])));
}

function scan(
  ids: readonly number[],
  [from, to]: readonly [number, number],
  [high, low]: readonly [number, number],
): Buffer {
  return segment(0xda, [ids.length, ...ids.flatMap((id) => [id, 0x00]), from, to, (high << 4) | low]);
}

function segment(marker: number, data: readonly number[]): Buffer {
  return Buffer.from([0xff, marker, ...bytes16(data.length + 2), ...data]);
}

function bytes16(value: number): [number, number] {
  return [value >> 8, value & 0xff];
}
