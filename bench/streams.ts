// The bench of habits: what Lintel makes of the streams that cameras really send. Exits with 1 where an expectation is missed.
import type { StreamResult } from './support/streams/judge.js';
import { printStreams } from './support/streams/table.js';
import { watchKinds } from './support/streams/watch.js';
import { writeResults } from './support/report.js';
import { STREAM_KINDS } from './streams/all.js';

/** These take longest and cost little: they begin first. */
const LONG = ['quiet', 'fps-0.2', 'fps-1', 'frozen', 'frozen-stamps'];

export interface StreamsOptions {
  short: boolean;
  /** Names of kinds; undefined: all. */
  only?: readonly string[] | undefined;
  list?: boolean | undefined;
  json?: boolean | undefined;
  /** Another built checkout or its addon: compares the processor time of reading instead. */
  against?: string | undefined;
}

export async function run({ short, only, list, json, against }: StreamsOptions): Promise<void> {
  if (list) {
    for (const { name, about, isShort } of STREAM_KINDS)
      console.log(`${name.padEnd(20)}${isShort ? '*' : ' '} ${about}`);
    return;
  }
  if (against !== undefined) {
    const { compareReaders } = await import('./support/streams/compare.js');
    return compareReaders({ against, short, json: json ?? false, only });
  }
  const unknown = only?.find((name) => !STREAM_KINDS.some((kind) => kind.name === name));
  if (unknown !== undefined) {
    console.error(`There is no kind of stream "${unknown}"; --list names them all.`);
    process.exitCode = 2;
    return;
  }
  const kinds = STREAM_KINDS.filter((kind) => (only ? only.includes(kind.name) : !short || kind.isShort));
  const byLength = kinds.toSorted((a, b) => Number(LONG.includes(b.name)) - Number(LONG.includes(a.name)));
  const results = await watchKinds(byLength, json ? {} : { onResult: (result) => console.log(describe(result)) });
  const inOrder = kinds.flatMap(({ name }) => results.filter(({ kind }) => kind === name));
  if (json) console.log(JSON.stringify(inOrder, null, 2));
  else printStreams(inOrder);
  writeResults('streams', inOrder, { isTold: !json });
  if (inOrder.some(({ missed }) => missed.length > 0)) process.exitCode = 1;
}

function describe({ kind, missed }: StreamResult): string {
  return missed.length === 0 ? `${kind}: as expected` : `${kind}: MISSED ${missed.join('; ')}`;
}
