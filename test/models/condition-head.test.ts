// The head that reads the condition of a face from its embedding, and its file.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIAS_LENGTH } from '../../src/domain/bias.js';
import { ConditionHead } from '../../src/domain/condition-head.js';
import { loadConditionHead } from '../../src/models/condition-head.js';
import { tempDir } from '../support/temp-dir.js';

const weights = {
  hidden: [
    [1, 0],
    [0, -2],
  ],
  hiddenBias: [0, 0.5],
  // Recognisability, mask, the first two values of the bias, and the others, which are 0.
  output: [[2, 1], [-1, 3], [0.5, 0], [-0.5, 0], ...Array.from({ length: BIAS_LENGTH - 3 }, () => [0, 0])],
  outputBias: [-1, 0, 0.1, 0.1, ...Array.from({ length: BIAS_LENGTH - 3 }, () => 0)],
};

describe('a condition head', () => {
  it('computes a hidden layer with ReLU, and its outputs', () => {
    // Hidden: max(0, 0.6) = 0.6 and max(0, -2 * 0.8 + 0.5) = 0.
    const { recognisability, masked, bias } = new ConditionHead(weights).measure(Float32Array.of(0.6, 0.8));
    expect(bias).toHaveLength(BIAS_LENGTH);
    expect(bias?.[0]).toBeCloseTo(0.1 + 0.5 * 0.6, 6);
    // A bias is never negative.
    expect(bias?.[1]).toBe(0);
    expect(recognisability).toBeCloseTo(1 / (1 + Math.exp(-(2 * 0.6 - 1))), 6);
    expect(masked).toBe(false);
    expect(bias?.at(-1)).toBe(0);
    // Hidden: 0 and max(0, 2 * 0.8 + 0.5) = 2.1. A masked face has a bias for that alone.
    const covered = new ConditionHead(weights).measure(Float32Array.of(-0.6, -0.8));
    expect(covered.masked).toBe(true);
    expect(covered.bias?.at(-1)).toBeGreaterThan(0.3);
  });

  it.each([1, 7, 8, 20])('adds up %i hidden units in the order of their weights, to the bit', (units) => {
    const numbers = (count: number, seed: number): number[] =>
      Array.from({ length: count }, (_, i) => Math.sin(seed + i * 1.7) / 3);
    const dimensions = 11;
    const hidden = Array.from({ length: units }, (_, unit) => numbers(dimensions, unit));
    const hiddenBias = numbers(units, 50);
    const output = Array.from({ length: 1 + BIAS_LENGTH }, (_, i) => numbers(units, 60 + i));
    const outputBias = numbers(1 + BIAS_LENGTH, 99);
    const embedding = Float32Array.from(numbers(dimensions, 7));
    const values = [...outputBias];
    for (let unit = 0; unit < units; unit++) {
      let sum = hiddenBias[unit]!;
      embedding.forEach((value, i) => (sum += Math.fround(hidden[unit]![i]!) * value));
      if (sum > 0) output.forEach((row, i) => (values[i]! += row[unit]! * sum));
    }
    const found = new ConditionHead({ hidden, hiddenBias, output, outputBias }).measure(embedding);
    expect(found.recognisability).toBe(1 / (1 + Math.exp(-values[0]!)));
    expect(found.bias!.slice(0, -1)).toEqual(Float32Array.from(values.slice(2), (value) => Math.max(0, value)));
  });

  it('refuses an embedding of other dimensions', () => {
    expect(() => new ConditionHead(weights).measure(new Float32Array(3))).toThrow(/3 dimensions.*expects 2/);
  });

  it.each([
    ['rows of different lengths', { ...weights, hidden: [[1, 0], [1]] }],
    ['a missing bias', { ...weights, hiddenBias: [0] }],
    ['three outputs', { ...weights, outputBias: [0, 0, 0] }],
    ['a short bias', { ...weights, output: weights.output.slice(0, 5), outputBias: weights.outputBias.slice(0, 5) }],
    ['a weight that is not finite', { ...weights, outputBias: weights.outputBias.map(() => Number.NaN) }],
    ['no hidden unit', { ...weights, hidden: [], hiddenBias: [], output: weights.output.map(() => []) }],
  ])('with %s is refused', (_words, wrong) => {
    expect(() => new ConditionHead(wrong)).toThrow(TypeError);
  });
});

describe('the file of a condition head', () => {
  const embedder = { file: 'x.onnx', conditionHead: 'heads/x.json', output: { name: 'o', dimensions: 2 } };
  const write = (text: string): string => {
    const folder = tempDir();
    mkdirSync(join(folder, 'heads'));
    writeFileSync(join(folder, 'heads/x.json'), text);
    return folder;
  };

  it('is loaded', () => {
    const folder = write(JSON.stringify({ source: 'a test', ...weights }));
    expect(loadConditionHead(embedder, folder)?.dimensions).toBe(2);
  });

  it('is not needed by an embedder without one', () => {
    expect(loadConditionHead({ file: 'x.onnx', output: embedder.output })).toBeUndefined();
  });

  it.each([
    ['is no JSON', '{"source"'],
    ['lacks a layer', JSON.stringify({ source: 'a test', ...weights, output: undefined })],
    ['has sizes that do not fit', JSON.stringify({ source: 'a test', ...weights, hiddenBias: [1] })],
  ])('is refused when it %s', (_words, text) => {
    const folder = write(text);
    expect(() => loadConditionHead(embedder, folder)).toThrow(/heads\/x\.json is not valid/);
  });

  it('is refused for an embedder of other dimensions', () => {
    const folder = write(JSON.stringify({ source: 'a test', ...weights }));
    const other = { ...embedder, output: { name: 'o', dimensions: 4 } };
    expect(() => loadConditionHead(other, folder)).toThrow(/has 2 dimensions, but the embedder x\.onnx has 4/);
  });
});
