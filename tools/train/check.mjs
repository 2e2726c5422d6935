// Runs an exported model in onnxruntime-node and compares its outputs with those of PyTorch; prints the time in ms on one thread.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const [model, folder] = process.argv.slice(2);
const { dims, runs, outputs } = JSON.parse(readFileSync(join(folder, 'check.json'), 'utf8'));
const floats = (name) => new Float32Array(new Uint8Array(readFileSync(join(folder, name))).buffer);

const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const inputs = floats('input');
const size = inputs.length / runs;
const report = Object.fromEntries(outputs.map((name) => [name, { cosine: 1, difference: 0 }]));
for (let r = 0; r < runs; r++) {
  const answer = await session.run({ input: new Tensor('float32', inputs.slice(r * size, (r + 1) * size), dims) });
  for (const name of outputs) {
    const got = answer[name].data;
    const expected = floats(name).subarray(r * got.length, (r + 1) * got.length);
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < got.length; i++) {
      ab += got[i] * expected[i];
      aa += got[i] ** 2;
      bb += expected[i] ** 2;
      report[name].difference = Math.max(report[name].difference, Math.abs(got[i] - expected[i]));
    }
    report[name].cosine = Math.min(report[name].cosine, ab / Math.sqrt(aa * bb));
  }
}
const input = { input: new Tensor('float32', inputs.slice(0, size), dims) };
const times = [];
for (let i = 0; i < 110; i++) {
  const start = performance.now();
  await session.run(input);
  if (i >= 10) times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
console.log(JSON.stringify({ outputs: report, ms: Number(times[50].toFixed(3)) }, null, 2));
if (Object.values(report).some((o) => !(o.cosine > 0.9999))) process.exitCode = 1;
