// The progress of a task, on a terminal and in a log.
import { describe, expect, it } from 'vitest';
import { ProgressBar, type ProgressOptions } from '../../src/cli/progress.js';
import { Written } from './terminal.js';

function progress(options: Partial<ProgressOptions> & { tty?: boolean; columns?: number }): {
  progress: ProgressBar;
  output: Written;
  wait: (ms: number) => void;
} {
  let nowMs = 1000;
  const output = new Written();
  output.isTTY = options.tty;
  output.columns = options.columns;
  const made = new ProgressBar({ output, clock: () => nowMs, label: 'a.onnx', total: 1000, unit: 'count', ...options });
  return { progress: made, output, wait: (ms) => (nowMs += ms) };
}

describe('on a terminal', () => {
  it('draws the bar over itself, and leaves one line behind', () => {
    const { progress: p, output, wait } = progress({ tty: true, unit: 'bytes', total: 4_000_000 });
    p.update(0);
    wait(2000);
    p.update(2_000_000);
    wait(2000);
    p.update(4_000_000);
    p.finish();
    expect(output.text.split('\r\u001b[K')).toEqual([
      '',
      'a.onnx [..............................]   0 % 0 B of 4.0 MB',
      'a.onnx [###############...............]  50 % 2.0 MB of 4.0 MB, 1.0 MB/s',
      'a.onnx [##############################] 100 % 4.0 MB of 4.0 MB, 1.0 MB/s',
      'a.onnx: 4.0 MB, 1.0 MB/s, done\n',
    ]);
  });

  it('draws at most ten times a second', () => {
    const { progress: p, output, wait } = progress({ tty: true });
    for (let done = 0; done < 1000; done += 10) {
      p.update(done);
      wait(1);
    }
    expect(output.text.split('\r')).toHaveLength(2);
  });

  it.each([20, 40, 60, 200])('keeps to one line of %i columns', (columns) => {
    const { progress: p, output, wait } = progress({ tty: true, columns, label: 'espressif-mbf-of-a-long-name.onnx' });
    wait(5000);
    p.update(500);
    const drawn = output.text.replace('\r\u001b[K', '');
    expect(drawn.length).toBeLessThan(columns);
    expect(drawn.startsWith('espressif-mbf-of-a-')).toBe(true);
    expect(drawn.includes('[')).toBe(columns > 60);
  });

  it('draws a number and no bar where the total is not known', () => {
    const { progress: p, output } = progress({ tty: true, total: undefined });
    p.update(1234);
    expect(output.text).toBe('\r\u001b[Ka.onnx 1,234');
  });
});

describe('in a log', () => {
  it('prints one line for each tenth, and one for the end', () => {
    const { progress: p, output, wait } = progress({});
    for (let done = 0; done <= 1000; done += 50) {
      wait(1000);
      p.update(done);
    }
    p.finish();
    const tenths = [10, 20, 30, 40, 50, 60, 70, 80, 90].map((tenth) => `a.onnx: ${tenth} % of 1,000`);
    expect(output.text).toBe(`${[...tenths, 'a.onnx: 1,000, 48/s, done'].join('\n')}\n`);
  });

  it('prints one line for a task that takes no time', () => {
    const { progress: p, output } = progress({});
    for (let done = 0; done <= 1000; done += 50) p.update(done);
    p.finish();
    expect(output.text).toBe('a.onnx: 1,000, done\n');
  });

  it('prints one line for a step over several tenths', () => {
    const { progress: p, output, wait } = progress({});
    for (const done of [5, 720, 721]) {
      wait(1000);
      p.update(done);
    }
    expect(output.text).toBe('a.onnx: 70 % of 1,000\n');
  });

  it('prints a line now and then where the total is not known', () => {
    const { progress: p, output, wait } = progress({ total: undefined });
    for (let done = 1; done <= 30; done++) {
      p.update(done);
      wait(1000);
    }
    expect(output.text).toBe('a.onnx: 11\na.onnx: 21\n');
  });
});

describe('the end', () => {
  it('is printed once', () => {
    const { progress: p, output } = progress({});
    p.update(1000);
    p.finish();
    p.finish();
    p.fail();
    p.update(10);
    expect(output.text).toBe('a.onnx: 1,000, done\n');
  });

  it('of a task that was given up shows how far it got', () => {
    const { progress: p, output } = progress({});
    p.update(50);
    p.fail();
    expect(output.text).toBe('a.onnx: stopped at 50 of 1,000\n');
  });

  it('of a task that never began leaves nothing behind', () => {
    for (const tty of [false, true]) {
      const { progress: p, output } = progress({ tty });
      p.fail();
      expect(output.text).toBe('');
    }
    const { progress: p, output } = progress({ tty: true });
    p.update(0);
    p.fail();
    expect(output.text.endsWith('\r\u001b[K')).toBe(true);
  });

  it('of an empty task is printed without a division by zero', () => {
    const { progress: p, output } = progress({ total: 0 });
    p.update(0);
    p.finish();
    expect(output.text).toBe('a.onnx: 0, done\n');
  });
});
