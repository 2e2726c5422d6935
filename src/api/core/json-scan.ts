// A scan of a JSON body before it is parsed: it bounds depth, values and names, and cuts out the long texts of pictures.
import { clientError, type AppError } from '../../errors.js';

/** Deepest nesting. A request needs two levels. */
const MAX_DEPTH = 16;
/** Limit of the fields of all objects and the elements of all arrays together. */
const MAX_VALUES = 2_000;
/** Longest name of a field, as it is written. */
const MAX_NAME_BYTES = 256;
/** A picture's text that is longer is cut out. */
const LONG_BYTES = 4_096;
/** Field of a picture that holds its base64. */
const BYTES_FIELD = 'bytes';
/** Field of a picture that holds its URL. */
const URL_FIELD = 'url';
const DATA_PREFIX_BYTES = 5;

export interface ScanRules {
  /** Fields of the body that hold a picture in `bytes`. */
  imageFields: readonly string[];
  /** Longest body without the texts that are cut out, in bytes. */
  maxBytes: number;
}

/** A text that was cut out of the body. */
export interface LongText {
  /** Field of the body; the text stands in its field `bytes`. */
  field: string;
  /** The text between its quotes, as it is written. */
  raw: Buffer;
}

export interface ScannedJson {
  /** The body with an empty text in place of each long one. */
  rest: string;
  longTexts: LongText[];
}

/** An object or array that is open. */
interface Container {
  /** Names that were used in an object; undefined in an array. */
  names: Set<string> | undefined;
  /** Name of the value that comes next; undefined where a name comes next. */
  name: string | undefined;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Scans a body. Names, places and counts are right where the body is valid JSON; whether it is one, the parser finds out afterwards.
 * The work is bounded by `maxBytes`, because long texts are skipped by a native search.
 * @param body UTF-8 without a byte order mark
 * @throws AppError INVALID_PARAM: beyond a bound, a name twice in an object, the name __proto__, or a text without end
 */
export function scanJson(body: Buffer, rules: ScanRules): ScannedJson {
  return new JsonScan(body, rules).run();
}

class JsonScan {
  readonly #body: Buffer;
  readonly #rules: ScanRules;
  readonly #open: Container[] = [];
  readonly #longTexts: LongText[] = [];
  readonly #rest: string[] = [];
  /** Bytes that were looked at one by one, or that count as such. */
  #visited = 0;
  #values = 0;
  /** Index of the first byte of the body that is not in `rest` yet. */
  #restFrom = 0;

  constructor(body: Buffer, rules: ScanRules) {
    this.#body = body;
    this.#rules = rules;
  }

  run(): ScannedJson {
    const body = this.#body;
    let at = 0;
    while (at < body.length) {
      const byte = body[at];
      if (byte === QUOTE) {
        at = this.#readText(at);
        continue;
      }
      this.#visit(1);
      at++;
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#enter(byte === OPEN_OBJECT);
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.#open.pop();
      else if (byte === COMMA) this.#nextValue();
    }
    this.#rest.push(body.toString('utf8', this.#restFrom));
    return { rest: this.#rest.join(''), longTexts: this.#longTexts };
  }

  #visit(bytes: number): void {
    this.#visited += bytes;
    if (this.#visited > this.#rules.maxBytes) {
      const without = this.#rules.imageFields.length > 0 ? ', its pictures not counted' : '';
      throw refuse(`The body is longer than ${this.#rules.maxBytes} bytes${without}.`);
    }
  }

  /** Counts a comma or an opening bracket: there are at least as many of them as fields and elements. */
  #countValue(): void {
    if (++this.#values > MAX_VALUES) throw refuse(`The body has more than ${MAX_VALUES} fields and elements.`);
  }

  #enter(isObject: boolean): void {
    this.#countValue();
    const field = this.#findPictureField();
    if (field !== undefined) {
      const what = isObject ? 'an object' : 'a list of numbers';
      throw refuse(`The field ${field}.${BYTES_FIELD} is ${what}; it must be a string: the picture in base64.`);
    }
    if (this.#open.length >= MAX_DEPTH) throw refuse(`The body is nested deeper than ${MAX_DEPTH} levels.`);
    this.#open.push({ names: isObject ? new Set() : undefined, name: undefined });
  }

  #nextValue(): void {
    this.#countValue();
    const container = this.#open.at(-1);
    if (container) container.name = undefined;
  }

  /** @param start index of the opening quote @returns index after the closing one */
  #readText(start: number): number {
    const body = this.#body;
    const end = this.#findTextEnd(start + 1);
    const length = end - start - 1;
    const container = this.#open.at(-1);
    if (container?.names && container.name === undefined) {
      this.#visit(length);
      container.name = this.#readName(container.names, start, end);
    } else {
      const field = length > LONG_BYTES ? this.#findPictureField() : undefined;
      if (field === undefined) {
        if (length > LONG_BYTES) this.#refuseMisplacedPicture(start + 1);
        this.#visit(length);
      } else {
        this.#rest.push(body.toString('utf8', this.#restFrom, start + 1));
        this.#restFrom = end;
        this.#longTexts.push({ field, raw: body.subarray(start + 1, end) });
      }
    }
    return end + 1;
  }

  /** Finds the quote that ends a text. Each quote that is only part of it counts as visited, and so does each backslash before one. */
  #findTextEnd(start: number): number {
    const body = this.#body;
    for (let from = start; ;) {
      const end = body.indexOf(QUOTE, from);
      if (end < 0) throw refuse('The body is not valid JSON.');
      let backslashes = 0;
      while (end - backslashes > start && body[end - backslashes - 1] === BACKSLASH) {
        backslashes++;
        this.#visit(1);
      }
      this.#visit(1);
      if (backslashes % 2 === 0) return end;
      from = end + 1;
    }
  }

  #readName(names: Set<string>, start: number, end: number): string {
    if (end - start - 1 > MAX_NAME_BYTES) {
      throw refuse(`The body has a field whose name is longer than ${MAX_NAME_BYTES} bytes.`);
    }
    const name = parseName(this.#body.toString('utf8', start, end + 1));
    if (name === '__proto__') throw refuse('The body has a field __proto__, which is not allowed.');
    if (names.has(name)) throw refuse('The body has a field twice in the same object.');
    names.add(name);
    return name;
  }

  /** Returns the field of the body whose `bytes` come next; undefined elsewhere. */
  #findPictureField(): string | undefined {
    return this.#open[1]?.name === BYTES_FIELD ? this.#findImageField(2) : undefined;
  }

  /** Returns the picture's field of the body that the next value belongs to, at a depth: 1 is the field itself, 2 a field of its object. */
  #findImageField(depth: 1 | 2): string | undefined {
    const [root, image] = this.#open;
    if (this.#open.length !== depth || !root?.names || (depth === 2 && !image?.names)) return undefined;
    return this.#rules.imageFields.find((field) => field === root.name);
  }

  /** @param start index of a long text @throws AppError INVALID_PARAM: it is a picture that stands beside the place where it belongs */
  #refuseMisplacedPicture(start: number): void {
    const [direct, inside] = [this.#findImageField(1), this.#findImageField(2)];
    if (direct !== undefined) {
      throw refuse(`The field ${direct} is a string; it must be an object: {"${BYTES_FIELD}": the picture in base64}.`);
    }
    const isDataUrl = /^data:/i.test(this.#body.toString('latin1', start, start + DATA_PREFIX_BYTES));
    if (isDataUrl && inside !== undefined && this.#open[1]?.name === URL_FIELD) {
      throw refuse(
        `The field ${inside}.${URL_FIELD} is a data: URL; send the base64 in it in ${inside}.${BYTES_FIELD}.`,
      );
    }
  }
}

/** @param written the name with its quotes */
function parseName(written: string): string {
  if (!written.includes('\\')) return written.slice(1, -1);
  try {
    return JSON.parse(written) as string;
  } catch {
    throw refuse('The body is not valid JSON.');
  }
}

function refuse(detail: string): AppError {
  return clientError('INVALID_PARAM', detail);
}
