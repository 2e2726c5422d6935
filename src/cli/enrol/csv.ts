// Tables in CSV: a table that is wrong in any line is refused as a whole, before anything is done.
import { CsvError, parse } from 'csv-parse/sync';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { AppError } from '../../errors.js';
import { readFileAtMost } from '../../platform/read-file.js';

const MAX_TABLE_BYTES = 50_000_000;
/** A table has as many rows as a group can have faces at most. */
const MAX_ROWS = 1_000_000;
/** Length of one row: a path of 4,096 bytes with every byte quoted, an id of 255, and some room. */
const MAX_ROW_BYTES = 16_384;
/** A row has two fields, and names can have commas. The parser keeps an object for each field. */
const MAX_FIELDS = 1_000;
const MAX_PROBLEMS = 20;

export interface CsvRecord {
  /** Number of the line in which the record begins, from 1. */
  line: number;
  fields: string[];
}

/** One row of a table: a path or the name of a folder, and the person that it belongs to. */
export interface TableRow {
  line: number;
  name: string;
  externalImageId: string;
}

/**
 * Parses a table whose fields are separated by commas and whose lines end in LF or CRLF. A field in double quotes has "" for a quote. Empty
 * lines are left out; blanks belong to their field.
 * @throws AppError INVALID_PARAM where a quote or a carriage return is at a wrong place, with the number of the line; where a row is longer
 * than 16 KiB, or there are more than 1,000,000
 */
export function parseCsv(content: string): CsvRecord[] {
  const text = content.replaceAll(/\r\n|\r$/g, '\n');
  const beforeReturn = text.split('\r', 1).join('');
  if (beforeReturn.length < text.length) {
    throw invalid(`line ${countLineBreaks(beforeReturn) + 1}: a carriage return must be followed by a line feed`);
  }
  const wide = findWideLine(text);
  if (wide !== undefined) throw invalid(`line ${wide}: it has more than ${MAX_FIELDS} fields`);
  const records: CsvRecord[] = [];
  try {
    parse(text, {
      bom: true,
      record_delimiter: '\n',
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_ROW_BYTES,
      on_record: (fields: string[], { lines }) => {
        if (records.length >= MAX_ROWS) throw invalid(`it has more than ${MAX_ROWS.toLocaleString('en')} rows`);
        records.push({ line: lines - countLineBreaks(fields.join()), fields });
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const problem = QUOTE_PROBLEMS[error.code] ?? error.message;
    throw invalid(typeof error.lines === 'number' ? `line ${error.lines}: ${problem}` : problem);
  }
  return records;
}

const LINE_FEED = '\n'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);

const QUOTE_PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed',
  CSV_INVALID_CLOSING_QUOTE: 'a closing quote must be followed by a comma or the end of the line',
  INVALID_OPENING_QUOTE: 'a field that contains a quote must be in quotes',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${MAX_ROW_BYTES} bytes`,
};

/**
 * Reads a table of two columns, `name` and externalImageId, with or without a header.
 * @param columns names that the header may have for the first column, such as `path`; the first of them is used in messages
 * @throws AppError INVALID_PARAM, with every problem and its line
 */
export async function readTable(path: string, columns: readonly [string, ...string[]]): Promise<TableRow[]> {
  const text = await readText(path);
  let records: CsvRecord[];
  try {
    records = parseCsv(text);
  } catch (error) {
    throw error instanceof AppError ? invalid(`the table ${path}: ${error.message}`) : error;
  }
  const [first] = records;
  if (first && isHeader(first.fields, columns)) records.shift();
  const [column] = columns;
  const problems: string[] = [];
  let problemCount = 0;
  const addProblem = (text: string): void => {
    if (++problemCount <= MAX_PROBLEMS) problems.push(text);
  };
  const lineByName = new Map<string, number>();
  const rows = records.map(({ line, fields }): TableRow => {
    const [name = '', externalImageId = ''] = fields;
    const earlier = lineByName.get(name);
    if (fields.length !== 2) {
      addProblem(`line ${line}: it must have two fields, ${column} and externalImageId, but has ${fields.length}`);
    } else if (name === '') {
      addProblem(`line ${line}: the ${column} is empty`);
    } else if (!EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId)) {
      addProblem(`line ${line}: ${ID_RULE}`);
    } else if (earlier !== undefined) {
      addProblem(`line ${line}: the same ${column} is in line ${earlier}`);
    }
    lineByName.set(name, line);
    return { line, name, externalImageId };
  });
  if (rows.length === 0) addProblem('it has no rows');
  if (problemCount > 0) {
    const more = problemCount > MAX_PROBLEMS ? [`and ${problemCount - MAX_PROBLEMS} more`] : [];
    throw invalid([`the table ${path} is not valid:`, ...problems, ...more].join('\n  '));
  }
  return rows;
}

export const ID_RULE = 'an externalImageId has 1 to 255 of these characters: letters, digits, _ . : -';

async function readText(path: string): Promise<string> {
  try {
    const content = await readFileAtMost(path, MAX_TABLE_BYTES);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EFBIG') throw invalid(`the table ${path} is larger than 50 MB`);
    const reason = code ?? 'it is not UTF-8 text';
    throw new AppError('INVALID_PARAM', `the table ${path} cannot be read (${reason})`, { cause });
  }
}

function isHeader([first = '', second = '']: readonly string[], columns: readonly string[]): boolean {
  return columns.includes(first.toLowerCase()) && second.toLowerCase() === 'externalimageid';
}

/** Returns the number of the first line with more than MAX_FIELDS commas. */
function findWideLine(text: string): number | undefined {
  let line = 1;
  let commas = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === LINE_FEED) {
      line++;
      commas = 0;
    } else if (code === COMMA && ++commas > MAX_FIELDS) return line;
  }
  return undefined;
}

function countLineBreaks(text: string): number {
  return text.split('\n').length - 1;
}

function invalid(message: string): AppError {
  return new AppError('INVALID_PARAM', message);
}
