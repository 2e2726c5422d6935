// Small comma-separated tables: strict, so that a wrong table is refused whole and before anything is done.
import { stat, readFile } from 'node:fs/promises';
import { EXTERNAL_IMAGE_ID_PATTERN } from '../../domain/ids.js';
import { AppError } from '../../errors.js';

const MAX_TABLE_BYTES = 50_000_000;
const MAX_PROBLEMS = 20;

export interface CsvRecord {
  /** Of the file, from 1: where the record begins. */
  line: number;
  fields: string[];
}

/** One row of a table: a path, or a folder's name, and whose it is. */
export interface TableRow {
  line: number;
  name: string;
  externalImageId: string;
}

/**
 * Commas, LF or CRLF, fields in double quotes with "" for a quote in them; empty lines are left out. Blanks belong to their field.
 * @throws AppError INVALID_PARAM: a quote where none may stand, or one that is not closed; names the line
 */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    const record: CsvRecord = { line, fields: [] };
    for (;;) {
      let field: string;
      if (text[at] === '"') {
        const end = closingQuote(text, at, line);
        const raw = text.slice(at + 1, end);
        field = raw.replaceAll('""', '"');
        line += raw.split('\n').length - 1;
        at = end + 1;
        if (at < text.length && !/^(,|\r?\n|\r$)/.test(text.slice(at, at + 2))) {
          throw invalid(`line ${line}: after a closing quote there must be a comma or the end of the line`);
        }
      } else {
        const end = endOfField(text, at);
        field = text.slice(at, end).replace(/\r$/, '');
        at = end;
        if (/["\r]/.test(field)) throw invalid(`line ${line}: a field with a quote in it must be in quotes`);
      }
      record.fields.push(field);
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    line++;
    if (record.fields.length > 1 || record.fields[0] !== '') records.push(record);
  }
  return records;
}

/**
 * A table of two columns, `name` and externalImageId, with or without a first row that says so.
 * @param columns what the first column may be called there, such as `path`
 * @throws AppError INVALID_PARAM: lists what is wrong with which line
 */
export async function readTable(path: string, columns: readonly string[]): Promise<TableRow[]> {
  const text = await readText(path);
  let records: CsvRecord[];
  try {
    records = parseCsv(text);
  } catch (error) {
    throw error instanceof AppError ? invalid(`the table ${path}: ${error.message}`) : error;
  }
  if (records.length > 0 && isHeader(records[0].fields, columns)) records.shift();
  const problems: string[] = [];
  const lineOf = new Map<string, number>();
  const rows = records.map(({ line, fields }): TableRow => {
    const [name = '', externalImageId = ''] = fields;
    const earlier = lineOf.get(name);
    if (fields.length !== 2) {
      problems.push(`line ${line}: there must be two fields, ${columns[0]} and externalImageId, not ${fields.length}`);
    } else if (name === '') {
      problems.push(`line ${line}: the ${columns[0]} is empty`);
    } else if (!EXTERNAL_IMAGE_ID_PATTERN.test(externalImageId)) {
      problems.push(`line ${line}: ${ID_RULE}`);
    } else if (earlier !== undefined) {
      problems.push(`line ${line}: the ${columns[0]} stands in line ${earlier} already`);
    }
    lineOf.set(name, line);
    return { line, name, externalImageId };
  });
  if (rows.length === 0) problems.push('it has no rows');
  if (problems.length > 0) {
    const more = problems.length > MAX_PROBLEMS ? [`and ${problems.length - MAX_PROBLEMS} more`] : [];
    throw invalid([`the table ${path} is not valid:`, ...problems.slice(0, MAX_PROBLEMS), ...more].join('\n  '));
  }
  return rows;
}

export const ID_RULE = 'an externalImageId has 1 to 255 of: letters, digits, _ . : -';

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_TABLE_BYTES) throw invalid(`the table ${path} is longer than 50 MB`);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = (cause as NodeJS.ErrnoException).code ?? 'not a text in UTF-8';
    throw new AppError('INVALID_PARAM', `the table ${path} cannot be read (${reason})`, { cause });
  }
}

function isHeader([first = '', second = '']: readonly string[], columns: readonly string[]): boolean {
  return columns.includes(first.toLowerCase()) && second.toLowerCase() === 'externalimageid';
}

/** @param at of the opening quote */
function closingQuote(text: string, at: number, line: number): number {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 2)) {
    if (text[end + 1] !== '"') return end;
  }
  throw invalid(`line ${line}: a quote is opened and not closed`);
}

/** The comma, the LF or the end of the text. */
function endOfField(text: string, at: number): number {
  let end = at;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n') end++;
  return end;
}

function invalid(message: string): AppError {
  return new AppError('INVALID_PARAM', message);
}
