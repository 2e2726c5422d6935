// The bench of habits: what Lintel makes of the streams that cameras really send. Exits with 1 where an expectation is missed.
import { makeScene } from './support/streams/scene.js';
import type { StreamResult } from './support/streams/judge.js';
import type { StreamKind } from './support/streams/kind.js';
import { printStreams } from './support/streams/table.js';
import { watchKind } from './support/streams/watch.js';
import { writeResults } from './support/report.js';
import { changes } from './streams/changes.js';
import { codecs } from './streams/codecs.js';
import { network } from './streams/network.js';
import { times } from './streams/times.js';

export const STREAM_KINDS: readonly StreamKind[] = [...codecs, ...changes, ...network, ...times];

/** Streams that are watched at the same time. */
const LANES = 2;
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
    return compareReaders({ against, short, json: json ?? false });
  }
  const unknown = only?.find((name) => !STREAM_KINDS.some((kind) => kind.name === name));
  if (unknown !== undefined) {
    console.error(`There is no kind of stream "${unknown}"; --list names them all.`);
    process.exitCode = 2;
    return;
  }
  const kinds = STREAM_KINDS.filter((kind) => (only ? only.includes(kind.name) : !short || kind.isShort));
  await makeScene();
  const results = await watchAll(kinds, json ? () => undefined : (result) => console.log(describe(result)));
  const inOrder = kinds.flatMap(({ name }) => results.filter(({ kind }) => kind === name));
  if (json) console.log(JSON.stringify(inOrder, null, 2));
  else printStreams(inOrder);
  writeResults('streams', inOrder, !json);
  if (inOrder.some(({ missed }) => missed.length > 0)) process.exitCode = 1;
}

async function watchAll(
  kinds: readonly StreamKind[],
  onResult: (result: StreamResult) => void,
): Promise<StreamResult[]> {
  const waiting = [...kinds].sort((a, b) => Number(LONG.includes(b.name)) - Number(LONG.includes(a.name)));
  const results: StreamResult[] = [];
  const work = async (): Promise<void> => {
    for (let kind = waiting.shift(); kind; kind = waiting.shift()) {
      const result = await watchKind(kind);
      results.push(result);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: LANES }, work));
  return results;
}

function describe({ kind, missed }: StreamResult): string {
  return missed.length === 0 ? `${kind}: as expected` : `${kind}: MISSED ${missed.join('; ')}`;
}
