// The process that fuzzes: tries one number after the other, and notes each before it begins, so that a crash is known by its number.
import { openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon } from '../../src/native/addon.js';
import { callAddon } from './addon-calls.js';
import { checkPicture, type Checked } from './check-picture.js';
import { checkStream, makeStream } from './check-stream.js';
import { makeCorpus } from './corpus.js';
import { PRESENT_FILE, type FuzzNews, type FuzzOrder } from './fuzz-order.js';
import { mutatePicture } from './mutate.js';

const REPORT_EVERY = 500;

const { what, seed, from, to, folder, addonPath } = JSON.parse(process.argv[2] ?? '') as FuzzOrder;
const addon = loadAddon(addonPath);
const corpus = await makeCorpus();
const present = openSync(join(folder, PRESENT_FILE), 'w');
let news: FuzzNews = { next: from, outcomes: {}, failures: [] };

for (let number = from; number < to; number++) {
  writeSync(present, String(number).padEnd(20), 0);
  const { outcome, failure } = await tryNumber(number);
  news.outcomes[outcome] = (news.outcomes[outcome] ?? 0) + 1;
  news.next = number + 1;
  if (failure !== undefined) {
    const file = join(folder, `${what}-${seed}-${number}.bin`);
    writeFileSync(
      file,
      what === 'streams' ? makeStream(corpus, seed, number).body : mutatePicture(corpus, seed, number),
    );
    news.failures.push(`seed ${seed}, number ${number}: ${failure}`);
  }
  if (news.next % REPORT_EVERY === 0 || news.next === to) await tell();
}
process.disconnect?.();

async function tryNumber(number: number): Promise<Checked> {
  if (what === 'streams') return checkStream(makeStream(corpus, seed, number), addon);
  if (what === 'addon') return callAddon(addon, corpus, seed, number);
  return checkPicture(mutatePicture(corpus, seed, number), addon);
}

/** Resolves when the other side has the report, so that none is lost at the end. */
function tell(): Promise<void> {
  const told = news;
  news = { next: told.next, outcomes: {}, failures: [] };
  return new Promise((resolve) => {
    if (process.send) process.send(told, () => resolve());
    else resolve();
  });
}
