import { createInterface } from 'node:readline/promises';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { askPerson, runTrial, type LivenessLine } from '../../../src/cli/doctor/liveness.js';

/** Stands in for a person who follows the instructions: each attempt plays the lines of its presentation. */
function guided(play: (presentation: string, attempt: number) => LivenessLine[]) {
  let nowMs = 0;
  let current: [string, number] = ['', 0];
  let text = '';
  const asked: string[] = [];
  return {
    asked,
    text: () => text,
    doors: {
      ask: async (words: string) => {
        asked.push(words);
        const found = /^\n(\w+) (\d+) of/.exec(words);
        current = [found?.[1] ?? '', Number(found?.[2])];
      },
      async *lines() {
        for (const line of play(...current)) {
          nowMs += 100;
          yield await Promise.resolve(line);
        }
      },
      monotonicMs: () => nowMs,
      write: (more: string) => void (text += more),
    },
  };
}

const face = (score: number): LivenessLine => ({ faces: 1, score, quality: 0.8, threshold: 0.5 });
const nobody: LivenessLine = { faces: 0, threshold: 0.5 };
const OPTIONS = { attempts: 2, seconds: 1, json: false };

describe('lintel doctor --liveness', () => {
  test('guides through live, print and screen attempts and reports no error', async () => {
    const trial = guided((what) => [nobody, ...Array<LivenessLine>(30).fill(face(what === 'live' ? 4 : -4))]);
    expect(await runTrial(trial.doors, OPTIONS)).toBe(true);
    expect(trial.asked.map((words) => words.trim().split(':')[0])).toEqual([
      'live 1 of 2',
      'live 2 of 2',
      'print 1 of 2',
      'print 2 of 2',
      'screen 1 of 2',
      'screen 2 of 2',
    ]);
    expect(trial.text()).toContain('threshold 0.5\n');
    expect(trial.text()).toContain('APCER print   0.0 % (0 of 2; with 95 % confidence at most 77.6 %)');
    expect(trial.text()).toContain('BPCER         0.0 %');
    expect(trial.text()).toContain('livenessThreshold: 0 ');
  });

  test('watches for the given time from the first usable face on', async () => {
    const trial = guided(() => [nobody, nobody, ...Array<LivenessLine>(100).fill(face(4))]);
    await runTrial(trial.doors, OPTIONS);
    expect(trial.text()).toContain('live, score 4.00, 11 frames');
  });

  test('an attack that passes fails the trial', async () => {
    const passes = guided((what, attempt) =>
      Array<LivenessLine>(20).fill(face(what === 'live' || (what === 'screen' && attempt === 2) ? 4 : -4)),
    );
    expect(await runTrial(passes.doors, OPTIONS)).toBe(false);
    expect(passes.text()).toContain('APCER screen  50.0 % (1 of 2;');
  });

  test('evidence refuses an attack that looks alive, where a door would have seen it in time', async () => {
    const seen = (...attack: 'border'[]): LivenessLine => ({ ...face(4), evidence: { attack, doubts: [] } });
    const early = guided((what) => [
      seen(),
      ...Array<LivenessLine>(30).fill(what === 'live' ? seen() : seen('border')),
    ]);
    expect(await runTrial(early.doors, { ...OPTIONS, seconds: 3 })).toBe(true);
    expect(early.text()).toContain('spoof, score 4.00, evidence border, ');
    const late = guided((what) => [
      ...Array<LivenessLine>(25).fill(seen()),
      ...Array<LivenessLine>(30).fill(what === 'live' ? seen() : seen('border')),
    ]);
    expect(await runTrial(late.doors, { ...OPTIONS, seconds: 5 })).toBe(false);
    expect(late.text()).toContain('APCER print   100.0 %');
  });

  test('an attempt without a face ends, and counts as an error of the live attempts', async () => {
    const trial = guided(() => Array<LivenessLine>(1_000).fill(nobody));
    expect(await runTrial(trial.doors, { ...OPTIONS, attempts: 1 })).toBe(false);
    expect(trial.text()).toContain('no usable face was seen, 0 frames');
    expect(trial.text()).toContain('BPCER         100.0 % (1 of 1; with 95 % confidence at most 100.0 %)');
  });

  test('prints one line of JSON with --json', async () => {
    const trial = guided((what) => Array<LivenessLine>(30).fill(face(what === 'live' ? 4 : -4)));
    await runTrial(trial.doors, { ...OPTIONS, json: true });
    expect(trial.text().trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(trial.text())).toMatchObject({ threshold: 0.5, bpcer: { errors: 0, attempts: 2 } });
  });

  test('reports that no threshold separates live people from attacks', async () => {
    const trial = guided(() => Array<LivenessLine>(20).fill(face(4)));
    await runTrial(trial.doors, OPTIONS);
    expect(trial.text()).toContain('No threshold separates live people from attacks in this trial.');
    expect(trial.text()).not.toContain('livenessThreshold:');
  });

  test('stops when the input ends, before the question or after it', async () => {
    const input = new PassThrough();
    const terminal = createInterface({ input });
    const first = askPerson(terminal, 'ready? ');
    input.write('\n');
    await first;
    const second = askPerson(terminal, 'ready? ');
    input.end();
    await expect(second).rejects.toMatchObject({ code: 'STOPPED', message: 'the trial was stopped before its end' });
    await expect(askPerson(terminal, 'ready? ')).rejects.toMatchObject({ code: 'STOPPED' });
  });
});
