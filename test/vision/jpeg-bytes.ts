// Bytes of JPEGs: finds markers, replaces bytes, and writes a small grey JPEG with restart intervals.
import { seedRandom } from '../hostile/files.js';

export const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7;

/** Offset of the first marker at or behind an offset in the compressed data. */
export function markerAt(jpeg: Buffer, from: number, wanted: (marker: number) => boolean): number {
  for (let at = from; at + 1 < jpeg.length; at++) {
    const marker = jpeg[at + 1]!;
    if (jpeg[at] === 0xff && marker !== 0 && marker !== 0xff && wanted(marker)) return at;
  }
  return jpeg.length;
}

/** Offsets of all markers of one kind, in headers and between compressed data. */
export function findMarkers(jpeg: Buffer, kind: number): number[] {
  const found: number[] = [];
  for (let at = 2; at + 1 < jpeg.length;) {
    at = markerAt(jpeg, at, () => true);
    const marker = jpeg[at + 1];
    if (marker === undefined) break;
    if (marker === kind) found.push(at);
    at += isRestart(marker) || marker === 0xd9 ? 2 : 2 + jpeg.readUInt16BE(at + 2);
  }
  return found;
}

/** Replaces bytes. */
export function splice(bytes: Buffer, at: number, removed: number, put: ArrayLike<number> = []): Buffer {
  return Buffer.concat([bytes.subarray(0, at), Uint8Array.from(put), bytes.subarray(at + removed)]);
}

/** Writes a JPEG of flat grey blocks (8 x 8 px each) with restart intervals. */
export function greyJpeg(size: { blocksAcross: number; blocksDown: number; blocksPerInterval: number }): Buffer {
  const { blocksAcross, blocksDown, blocksPerInterval } = size;
  const segment = (marker: number, ...data: number[]): number[] => [0xff, marker, 0, data.length + 2, ...data];
  const bytes = [0xff, 0xd8];
  bytes.push(...segment(0xe0, ...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0));
  bytes.push(...segment(0xdb, 0, ...Array<number>(64).fill(8)));
  const [heightPx, widthPx] = [blocksDown * 8, blocksAcross * 8];
  bytes.push(...segment(0xc0, 8, heightPx >> 8, heightPx & 255, widthPx >> 8, widthPx & 255, 1, 1, 0x11, 0));
  // Differences of brightness: nine codes of 4 bits for 0 to 8 bits of difference. AC: one code of one bit, the end of a block.
  bytes.push(...segment(0xc4, 0x00, 0, 0, 0, 9, ...Array<number>(12).fill(0), ...Array(9).keys()));
  bytes.push(...segment(0xc4, 0x10, 1, ...Array<number>(15).fill(0), 0));
  bytes.push(...segment(0xdd, blocksPerInterval >> 8, blocksPerInterval & 255));
  bytes.push(...segment(0xda, 1, 1, 0, 0, 63, 0));
  const next = seedRandom(blocksAcross);
  let bits = '';
  let before = 0;
  const flush = (): void => {
    bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
    for (let at = 0; at < bits.length; at += 8) {
      const byte = Number.parseInt(bits.slice(at, at + 8), 2);
      bytes.push(...(byte === 0xff ? [0xff, 0] : [byte]));
    }
    bits = '';
    before = 0;
  };
  for (let block = 0; block < blocksAcross * blocksDown; block++) {
    if (block > 0 && block % blocksPerInterval === 0) {
      flush();
      bytes.push(0xff, 0xd0 + ((block / blocksPerInterval - 1) & 7));
    }
    const level = Math.floor(next() * 240) - 120;
    const difference = level - before;
    const length = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1;
    const value = difference < 0 ? difference + 2 ** length - 1 : difference;
    bits += length.toString(2).padStart(4, '0') + (length ? value.toString(2).padStart(length, '0') : '') + '0';
    before = level;
  }
  flush();
  return Buffer.from([...bytes, 0xff, 0xd9]);
}
