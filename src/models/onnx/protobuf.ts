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
    return new Reader(bytes, { parts: 0, tables: new Map() }).message(type);
  } catch (cause) {
    if (cause instanceof AppError || cause instanceof RangeError) {
      throw new AppError('MODEL_INVALID', 'the file is no ONNX model, or it is cut off', { cause });
    }
    throw cause;
  }
}

/** Writes a message: fields in the order of their numbers and unknown ones last, as protobuf's own libraries do. */
export function encodeMessage(type: MessageType, message: Message): Uint8Array {
  const writer = new Writer();
  writer.message(type, message);
  return writer.bytes();
}

interface NamedField extends Field {
  name: string;
}

/** Common members of all readers of a file. */
interface Reading {
  /** Number of parts so far. */
  parts: number;
  /** Fields of each type by number. */
  tables: Map<MessageType, Map<number, NamedField>>;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #reading: Reading;
  #at = 0;

  constructor(bytes: Uint8Array, reading: Reading) {
    this.#bytes = bytes;
    this.#reading = reading;
  }

  message(type: MessageType): Message {
    const fields = this.#findFields(type);
    const message: Message = {};
    for (const { name, repeated } of fields.values()) if (repeated) message[name] = [];
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      const key = Number(this.#varint());
      const field = fields.get(key >>> 3);
      const wire = key & 7;
      if (!field) {
        this.#countPart();
        this.#skip(wire);
        (message[UNKNOWN] ??= []).push(this.#bytes.subarray(start, this.#at));
      } else if (!field.repeated) {
        message[field.name] = this.#value(field.kind, wire);
      } else if (wire === DELIMITED && isScalar(field.kind)) {
        const packed = new Reader(this.#delimited(), this.#reading);
        const values = message[field.name] as unknown[];
        while (packed.#at < packed.#bytes.length) values.push(packed.#value(field.kind, wireType(field.kind)));
      } else {
        (message[field.name] as unknown[]).push(this.#value(field.kind, wire));
      }
    }
    return message;
  }

  #findFields(type: MessageType): Map<number, NamedField> {
    const { tables } = this.#reading;
    const known = tables.get(type);
    if (known) return known;
    const fields = new Map(Object.entries(type()).map(([name, field]) => [field.number, { name, ...field }]));
    tables.set(type, fields);
    return fields;
  }

  #value(kind: Kind, wire: number): unknown {
    if (wire !== wireType(kind)) throw new RangeError(`a field has the wire type ${wire}`);
    if (kind === 'int') {
      const value = this.#varint();
      const number = typeof value === 'number' ? value : Number(BigInt.asIntN(64, value));
      if (!Number.isSafeInteger(number)) throw new RangeError('an integer is out of range');
      return number;
    }
    if (kind === 'int64') return BigInt.asIntN(64, BigInt(this.#varint()));
    if (kind === 'float') {
      const { buffer, byteOffset } = this.#bytes;
      return new DataView(buffer, byteOffset + this.#forward(4), 4).getFloat32(0, true);
    }
    this.#countPart();
    const content = this.#delimited();
    if (kind === 'string') return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8');
    return kind === 'bytes' ? content : new Reader(content, this.#reading).message(kind);
  }

  #countPart(): void {
    if (++this.#reading.parts > MAX_PARTS) throw new RangeError(`it has more than ${MAX_PARTS} parts`);
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

  /** Nearly all varints are short, and 28 bits fit a number: bigints are slow. */
  #varint(): number | bigint {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[this.#forward(1)]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
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

/** Writes from the end to the beginning: the length of a message, which stands before it, is known then. */
class Writer {
  #bytes = Buffer.alloc(64 * 1024);
  /** Position of the first byte that is written. */
  #at = this.#bytes.length;
  /** Fields of each type, the greatest number first. */
  readonly #tables = new Map<MessageType, NamedField[]>();

  /** Returns what was written. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(this.#at));
  }

  message(type: MessageType, message: Message): void {
    for (const bytes of message[UNKNOWN]?.toReversed() ?? []) this.#raw(bytes);
    for (const { name, number, kind, repeated, packed } of this.#findFields(type)) {
      const value = message[name];
      if (value === undefined) continue;
      const values = repeated ? (value as unknown[]) : [value];
      if (packed && values.length > 0) {
        const end = this.#bytes.length - this.#at;
        for (let i = values.length - 1; i >= 0; i--) this.#value(kind, values[i]);
        this.#head(number, end);
        continue;
      }
      for (let i = values.length - 1; i >= 0; i--) {
        const end = this.#bytes.length - this.#at;
        this.#value(kind, values[i]);
        if (isScalar(kind)) this.#varint((number << 3) | wireType(kind));
        else this.#head(number, end);
      }
    }
  }

  #findFields(type: MessageType): NamedField[] {
    const known = this.#tables.get(type);
    if (known) return known;
    const fields = Object.entries(type()).map(([name, field]) => ({ name, ...field }));
    fields.sort((a, b) => b.number - a.number);
    this.#tables.set(type, fields);
    return fields;
  }

  /** Writes the key and the length of a field. @param end number of bytes that stand behind it */
  #head(number: number, end: number): void {
    this.#varint(this.#bytes.length - this.#at - end);
    this.#varint((number << 3) | DELIMITED);
  }

  #value(kind: Kind, value: unknown): void {
    if (kind === 'float') this.#float(value as number);
    else if (kind === 'string') this.#raw(Buffer.from(value as string, 'utf8'));
    else if (kind === 'bytes') this.#raw(value as Uint8Array);
    else if (typeof kind === 'function') this.message(kind, value as Message);
    else this.#varint(value as number | bigint);
  }

  #float(value: number): void {
    // In two steps: making room may replace the memory.
    const at = this.#back(4);
    this.#bytes.writeFloatLE(value, at);
  }

  #raw(bytes: Uint8Array): void {
    const at = this.#back(bytes.byteLength);
    this.#bytes.set(bytes, at);
  }

  #varint(value: number | bigint): void {
    if (value >= 0 && value < 2 ** 31) {
      this.#shortVarint(Number(value));
      return;
    }
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#raw(Uint8Array.from(bytes));
  }

  /** @param value 0 to 2^31 - 1 */
  #shortVarint(value: number): void {
    let at = this.#back(Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7)));
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[at++] = (rest & 0x7f) | 0x80;
    this.#bytes[at] = rest;
  }

  /** Makes room for bytes before those that are written. @returns their position */
  #back(length: number): number {
    if (length > this.#at) {
      const written = this.#bytes.length - this.#at;
      const larger = Buffer.alloc(Math.max(2 * this.#bytes.length, written + length));
      this.#bytes.copy(larger, larger.length - written, this.#at);
      this.#bytes = larger;
      this.#at = larger.length - written;
    }
    this.#at -= length;
    return this.#at;
  }
}

function isScalar(kind: Kind): boolean {
  return kind === 'int' || kind === 'int64' || kind === 'float';
}

function wireType(kind: Kind): number {
  return kind === 'float' ? FIXED32 : kind === 'int' || kind === 'int64' ? VARINT : DELIMITED;
}
