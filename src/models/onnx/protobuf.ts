// The protobuf wire format, for messages that a small table describes. Fields that the table does not name survive a round trip.
import { AppError } from '../../errors.js';

/** Type of a field. `int` is a varint that fits a JavaScript number, `int64` one that may not; `bytes` share the memory of the input. */
export type Kind = 'int' | 'int64' | 'float' | 'string' | 'bytes' | MessageType;

export interface Field {
  number: number;
  kind: Kind;
  repeated: boolean;
  /** True writes a repeated scalar with all its values in one field, false with one field per value. Both forms can be read. */
  packed: boolean;
}

/** Returns the fields of a message by name. It is a function so that messages can contain each other. */
export type MessageType = () => Readonly<Record<string, Field>>;

/** Key of the fields that the table does not name: the bytes of each, key and value, in the order in which they were read. */
export const UNKNOWN = Symbol('unknown fields');

export type Message = Record<string, unknown> & { [UNKNOWN]?: Uint8Array[] };

/** Greatest number of messages, texts and unknown fields. Each becomes an object of some hundred bytes; the largest model of the manifest has 3,770. */
const MAX_PARTS = 500_000;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** Reads a message. @throws AppError MODEL_INVALID where the bytes are no message of this type */
export function decodeMessage(type: MessageType, bytes: Uint8Array): Message {
  try {
    return new Reader(bytes, { parts: 0 }).message(type);
  } catch (cause) {
    if (cause instanceof AppError || cause instanceof RangeError) {
      throw new AppError('MODEL_INVALID', 'the file is no ONNX model, or it is cut off', { cause });
    }
    throw cause;
  }
}

/** Writes a message: fields in the order of their numbers and unknown ones last, as protobuf's own libraries do. */
export function encodeMessage(type: MessageType, message: Message): Uint8Array {
  const chunks: Uint8Array[] = [];
  writeMessage(type, message, chunks);
  return Buffer.concat(chunks);
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Number of parts so far, counted for all messages of the file together. */
  readonly #count: { parts: number };
  #at = 0;

  constructor(bytes: Uint8Array, count: { parts: number }) {
    this.#bytes = bytes;
    this.#count = count;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  message(type: MessageType): Message {
    const names = new Map(Object.entries(type()).map(([name, field]) => [field.number, { name, field }]));
    const message: Message = {};
    for (const { name, field } of names.values()) if (field.repeated) message[name] = [];
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      const key = Number(this.#varint());
      const known = names.get(key >>> 3);
      const wire = key & 7;
      if (!known) {
        this.#countPart();
        this.#skip(wire);
        (message[UNKNOWN] ??= []).push(this.#bytes.subarray(start, this.#at));
      } else if (!known.field.repeated) {
        message[known.name] = this.#value(known.field.kind, wire);
      } else if (wire === DELIMITED && isScalar(known.field.kind)) {
        const packed = new Reader(this.#delimited(), this.#count);
        const values = message[known.name] as unknown[];
        while (packed.#at < packed.#bytes.length)
          values.push(packed.#value(known.field.kind, wireType(known.field.kind)));
      } else {
        (message[known.name] as unknown[]).push(this.#value(known.field.kind, wire));
      }
    }
    return message;
  }

  #value(kind: Kind, wire: number): unknown {
    if (wire !== wireType(kind)) throw new RangeError(`a field has the wire type ${wire}`);
    if (kind === 'int') {
      const value = Number(BigInt.asIntN(64, this.#varint()));
      if (!Number.isSafeInteger(value)) throw new RangeError('an integer is out of range');
      return value;
    }
    if (kind === 'int64') return BigInt.asIntN(64, this.#varint());
    if (kind === 'float') return this.#view.getFloat32(this.#forward(4), true);
    this.#countPart();
    const content = this.#delimited();
    if (kind === 'string') return Buffer.from(content).toString('utf8');
    return kind === 'bytes' ? content : new Reader(content, this.#count).message(kind);
  }

  #countPart(): void {
    if (++this.#count.parts > MAX_PARTS) throw new RangeError(`it has more than ${MAX_PARTS} parts`);
  }

  #skip(wire: number): void {
    if (wire === VARINT) this.#varint();
    else if (wire === FIXED64) this.#forward(8);
    else if (wire === FIXED32) this.#forward(4);
    else if (wire === DELIMITED) this.#delimited();
    else throw new RangeError(`a field has the wire type ${wire}`);
  }

  #delimited(): Uint8Array {
    const length = Number(this.#varint());
    const start = this.#forward(length);
    return this.#bytes.subarray(start, start + length);
  }

  #varint(): bigint {
    let low = 0;
    // Nearly all varints are short, and 28 bits fit a number: bigints are slow.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[this.#forward(1)]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#forward(1)]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a varint does not end');
  }

  #forward(length: number): number {
    const start = this.#at;
    if (!(length <= this.#bytes.length - start)) throw new RangeError('a field is cut off');
    this.#at += length;
    return start;
  }
}

function writeMessage(type: MessageType, message: Message, chunks: Uint8Array[]): void {
  const fields = Object.entries(type()).sort(([, a], [, b]) => a.number - b.number);
  for (const [name, field] of fields) {
    const value = message[name];
    if (value === undefined) continue;
    const { number, kind } = field;
    const values = field.repeated ? (value as unknown[]) : [value];
    if (field.packed && values.length > 0) {
      const content: Uint8Array[] = [];
      for (const one of values) writeValue(kind, one, content);
      writeDelimited(number, content, chunks);
    } else {
      for (const one of values) {
        if (isScalar(kind)) {
          chunks.push(varint(BigInt((number << 3) | wireType(kind))));
          writeValue(kind, one, chunks);
        } else {
          writeDelimited(number, encodeContent(kind, one), chunks);
        }
      }
    }
  }
  chunks.push(...(message[UNKNOWN] ?? []));
}

function writeValue(kind: Kind, value: unknown, chunks: Uint8Array[]): void {
  if (kind === 'float') {
    const four = Buffer.alloc(4);
    four.writeFloatLE(value as number);
    chunks.push(four);
  } else {
    chunks.push(varint(BigInt(value as number | bigint)));
  }
}

function encodeContent(kind: Kind, value: unknown): Uint8Array[] {
  if (kind === 'string') return [Buffer.from(value as string, 'utf8')];
  if (kind === 'bytes') return [value as Uint8Array];
  const chunks: Uint8Array[] = [];
  writeMessage(kind as MessageType, value as Message, chunks);
  return chunks;
}

function writeDelimited(number: number, content: readonly Uint8Array[], chunks: Uint8Array[]): void {
  const length = content.reduce((sum, { byteLength }) => sum + byteLength, 0);
  chunks.push(varint(BigInt((number << 3) | DELIMITED)), varint(BigInt(length)));
  for (const chunk of content) chunks.push(chunk);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function isScalar(kind: Kind): boolean {
  return kind === 'int' || kind === 'int64' || kind === 'float';
}

function wireType(kind: Kind): number {
  return kind === 'float' ? FIXED32 : kind === 'int' || kind === 'int64' ? VARINT : DELIMITED;
}
