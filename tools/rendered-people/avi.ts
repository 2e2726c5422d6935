// Writes the AVI container of motion JPEG for a clip: RIFF with one video stream and an index (Microsoft AVI RIFF File Reference).

export const AVI_HEADER_BYTES = 224;

const HAS_INDEX = 0x10;
const KEY_FRAME = 0x10;
const FRAME_ID = '00dc';

interface AviOptions {
  widthPx: number;
  heightPx: number;
  fps: number;
  /** Size of each frame's JPEG in bytes. */
  sizes: readonly number[];
}

/** Returns the bytes that come before the frames. Their number does not depend on the frames. */
export function makeAviHeader({ widthPx, heightPx, fps, sizes }: AviOptions): Buffer {
  const framesBytes = sizes.reduce((sum, size) => sum + 8 + padded(size), 0);
  const largest = Math.max(0, ...sizes);
  // Frames per second are a fraction of two integers.
  const scale = 1_000;
  const rate = Math.round(fps * scale);
  const avih = [Math.round(1e6 / fps), Math.ceil(largest * fps), 0, HAS_INDEX, sizes.length, 0, 1, largest];
  const strh = [0, 0, 0, scale, rate, 0, sizes.length, largest, 0xffffffff, 0];
  const header = Buffer.concat([
    fourCc('RIFF'),
    uint32(AVI_HEADER_BYTES - 8 + framesBytes + 8 + 16 * sizes.length),
    fourCc('AVI '),
    list(
      'hdrl',
      chunk('avih', ...[...avih, widthPx, heightPx, 0, 0, 0, 0].map(uint32)),
      list(
        'strl',
        chunk(
          'strh',
          fourCc('vids'),
          fourCc('MJPG'),
          ...strh.map(uint32),
          uint16(0),
          uint16(0),
          uint16(widthPx),
          uint16(heightPx),
        ),
        chunk(
          'strf',
          ...[40, widthPx, heightPx].map(uint32),
          uint16(1),
          uint16(24),
          fourCc('MJPG'),
          ...[widthPx * heightPx * 3, 0, 0, 0, 0].map(uint32),
        ),
      ),
    ),
    fourCc('LIST'),
    uint32(4 + framesBytes),
    fourCc('movi'),
  ]);
  return header;
}

/** Returns the chunk of one frame. */
export function makeAviChunk(jpeg: Buffer): Buffer {
  return Buffer.concat([fourCc(FRAME_ID), uint32(jpeg.length), jpeg, Buffer.alloc(padded(jpeg.length) - jpeg.length)]);
}

/** Returns the bytes that come after the frames. @param sizes size of each frame's JPEG in bytes */
export function makeAviIndex(sizes: readonly number[]): Buffer {
  // Offsets count from the word 'movi'.
  let offset = 4;
  const entries = sizes.map((size) => {
    const entry = Buffer.concat([fourCc(FRAME_ID), uint32(KEY_FRAME), uint32(offset), uint32(size)]);
    offset += 8 + padded(size);
    return entry;
  });
  return chunk('idx1', ...entries);
}

function list(type: string, ...parts: readonly Buffer[]): Buffer {
  return chunk('LIST', fourCc(type), ...parts);
}

function chunk(id: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([fourCc(id), uint32(body.length), body]);
}

/** Rounds a size up to an even number, because chunks begin at even offsets. */
function padded(size: number): number {
  return size + (size % 2);
}

function fourCc(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
}
