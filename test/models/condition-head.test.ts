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
